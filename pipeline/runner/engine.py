"""The Docker engine, as the runner uses it: the only module of the package that imports ``docker``.

That takes a tenth of a second, so others import it late, or for its types alone.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import docker
import docker.errors
import docker.tls
import requests.exceptions
import urllib3.exceptions

from pipeline.docker_endpoint import Endpoint, find_endpoint
from pipeline.errors import InvalidInput, Unavailable, WorkFailed, excerpt
from pipeline.runner.container_spec import (
    BindRefused,
    ContainerSpec,
    ContainerState,
    ImageFacts,
    container_config,
)
from pipeline.runner.exec_stream import read_output, reader_of
from pipeline.runner.owner import RUN_LABEL, owner_of_labels
from pipeline.runner.resources import MachineSize
from pipeline.terminal import hand_over

__all__ = ["ArchiveStream", "ContainerEngine", "open_engine"]

_CONNECT_TIMEOUT_S = 8
_TIMEOUT_S = 600
_EXIT_CODE_WAIT_S = 5
_REFUSED_BINDS = (
    "bind source path does not exist",  # Docker Engine and Colima, daemon/volume/mounts
    "mounts denied",  # Docker Desktop, for a folder that is not shared with its machine
)
"""Words of engines that do not see a folder of this machine; the status alone does not tell."""
_CUT_OFF = (
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
    ConnectionError,
)
"""What an engine that goes away looks like, by the layer that notices it."""
_CPU_NAMES = {"x86_64": "amd64", "aarch64": "arm64"}


def open_engine(environ: Mapping[str, str] | None = None) -> ContainerEngine:
    """Connect to the engine of ``DOCKER_HOST``, the docker program's context, or the usual socket.

    Raises:
        Unavailable: none answers there.
        InvalidInput: a docker context that does not exist.
    """
    endpoint = find_endpoint(environ if environ is not None else os.environ)
    try:
        client = docker.APIClient(
            base_url=endpoint.host,
            version="auto",
            timeout=_CONNECT_TIMEOUT_S,
            tls=_tls(endpoint),
            use_ssh_client=endpoint.host.startswith("ssh://"),
        )
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise Unavailable(
            f"no Docker engine answers at {endpoint.host} ({endpoint.source}): {excerpt(str(error))}",
            hint="start Docker, say where it is with DOCKER_HOST or `docker context use`, or run the"
            " jobs on this machine itself with `--executor host`",
        ) from error
    client.timeout = _TIMEOUT_S
    return ContainerEngine(client, endpoint)


def _tls(endpoint: Endpoint) -> Any:
    if endpoint.tls_folder is None:
        return False
    certificate, key, authority = (
        endpoint.tls_folder / name for name in ("cert.pem", "key.pem", "ca.pem")
    )
    return docker.tls.TLSConfig(
        client_cert=(str(certificate), str(key)) if certificate.exists() else None,
        ca_cert=str(authority) if authority.exists() else None,
        verify=endpoint.verify,
    )


class ContainerEngine:
    """What is asked of the engine; errors of the library become the engine's own words."""

    def __init__(self, client: Any, endpoint: Endpoint) -> None:
        self._client = client
        self.endpoint = endpoint
        self.sees_this_machine = endpoint.socket is not None
        """Whether folders of this machine may be seen in containers; corrected where that fails."""

    def answers(self, timeout_s: float) -> bool:
        """Return whether the engine answers in time; it does so whatever else it is busy with."""
        try:
            self._client.get(self._client._url("/_ping"), timeout=timeout_s)
        except (*_CUT_OFF, docker.errors.DockerException):
            return False
        return True

    @cached_property
    def _info(self) -> dict[str, Any]:
        with _wrapped("the engine cannot be asked"):
            found: dict[str, Any] = self._client.info()
            return found

    @property
    def size(self) -> MachineSize:
        """Processors and memory of the engine's machine."""
        return MachineSize(int(self._info["NCPU"]), int(self._info["MemTotal"]))

    @property
    def platform(self) -> str:
        """What the engine's machine runs by itself, as ``linux/amd64``."""
        cpu = str(self._info["Architecture"])
        return f"{self._info['OSType']}/{_CPU_NAMES.get(cpu, cpu)}"

    def find_image(self, image: str) -> ImageFacts | None:
        """Return what is known of an image that is there."""
        with _wrapped(f"the image {image} cannot be looked at"):
            try:
                found = self._client.inspect_image(image)
            except docker.errors.ImageNotFound:
                return None
        config = found.get("Config") or {}
        return ImageFacts(
            platform=f"{found.get('Os') or 'linux'}/{found.get('Architecture') or ''}",
            labels=config.get("Labels") or {},
            ports=frozenset(config.get("ExposedPorts") or ()),
            entrypoint=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
        )

    def pull(
        self, image: str, login: Mapping[str, str] | None, platform: str | None = None
    ) -> Iterator[Mapping[str, Any]]:
        """Pull an image while the answers of the engine are taken.

        Raises:
            WorkFailed: the registry does not give it.
        """
        repository, tag = _split(image)
        hint = _login_hint(login)
        with _wrapped(f"the image {image} cannot be pulled", hint=hint):
            lines = self._client.pull(
                repository,
                tag=tag,
                stream=True,
                decode=True,
                auth_config=dict(login or {}) or None,
                platform=platform,
            )
            for line in lines:
                if "error" in line:
                    raise WorkFailed(
                        f"the image {image} cannot be pulled: {excerpt(str(line['error']))}",
                        hint=hint,
                    )
                yield line

    def create(self, spec: ContainerSpec) -> str:
        """Make a container and return its id.

        Raises:
            BindRefused: the engine does not see a folder of this machine.
            WorkFailed: it cannot be made.
        """
        try:
            config = container_config(spec)
        except ValueError as error:
            raise InvalidInput(
                f"the entrypoint or command of {spec.image} cannot be read: {error}"
            ) from error
        try:
            made = self._client.create_container_from_config(
                config, name=spec.name, platform=spec.platform
            )
        except docker.errors.APIError as error:
            words = str(error.explanation or error)
            kind = BindRefused if any(w in words for w in _REFUSED_BINDS) else WorkFailed
            raise kind(f"the container of {spec.image} cannot be made: {excerpt(words)}") from error
        except requests.exceptions.RequestException as error:
            raise Unavailable(
                f"the container of {spec.image} cannot be made: {excerpt(str(error))}"
            ) from error
        return str(made["Id"])

    def attach(self, container: str) -> Iterator[bytes]:
        """Return what the first process of a container will print, from its start on."""
        with _wrapped("the container's output cannot be read"):
            connection = self._client.attach_socket(container, {"stdout": 1, "stream": 1})
        output = read_output(reader_of(connection), tty=False)
        return _reading(output, "the container's output cannot be read")

    def start(self, container: str) -> None:
        """Start a container."""
        with _wrapped("the container cannot be started"):
            self._client.start(container)

    def state(self, container: str) -> ContainerState | None:
        """Return how a container is doing, or None for one that is gone."""
        with _wrapped("the container cannot be looked at"):
            try:
                found = self._client.inspect_container(container)["State"]
            except docker.errors.NotFound:
                return None
        return ContainerState(
            bool(found["Running"]),
            int(found.get("ExitCode") or 0),
            bool(found.get("OOMKilled")),
            str(found.get("Error") or ""),
        )

    def logs(self, container: str) -> Iterator[bytes]:
        """Yield what a container prints, until it ends."""
        with _wrapped("the container's output cannot be read"):
            yield from self._client.logs(container, stream=True, follow=True)

    def last_output(self, container: str, lines: int = 20) -> bytes:
        """Return the last lines that a container printed."""
        with _wrapped("the container's output cannot be read"):
            return bytes(self._client.logs(container, tail=lines))

    def execute(
        self,
        container: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | None,
        user: str = "",
        tty: bool = False,
    ) -> tuple[str, Iterator[bytes]]:
        """Start a program in a container; returns its id, and its output while it runs."""
        with _wrapped(f"{argv[0]} cannot be run in the container"):
            made = self._client.exec_create(
                container,
                list(argv),
                environment=dict(env),
                workdir=cwd,
                user=user,
                tty=tty,
                stdin=False,
            )
            reader = reader_of(self._client.exec_start(made["Id"], socket=True, tty=tty))
        output = read_output(reader, tty=tty)
        return str(made["Id"]), _reading(output, f"the output of {argv[0]} cannot be read")

    def interact(
        self,
        container: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        user: str = "",
        cancel: threading.Event | None = None,
    ) -> int:
        """Hand the user's terminal to a program in a container, and return its exit code.

        Where the terminal goes away or ``cancel`` is set, the program is left alone: 130.
        """
        with _wrapped(f"{argv[0]} cannot be run in the container"):
            made = self._client.exec_create(
                container,
                list(argv),
                environment={"TERM": os.environ.get("TERM", "xterm"), **env},
                workdir=cwd,
                user=user,
                tty=True,
                stdin=True,
            )
            stream = self._client.exec_start(made["Id"], tty=True, socket=True)
            # The client hands out a reader around the connection, which alone takes keys.
            connection = getattr(stream, "_sock", stream)

            def resize(rows: int, columns: int) -> None:
                with contextlib.suppress(docker.errors.APIError):
                    self._client.exec_resize(made["Id"], height=rows, width=columns)

            try:
                if not hand_over(connection, resize, cancel):
                    return 130
            finally:
                stream.close()
        return self.exit_code(made["Id"])

    def exit_code(self, execution: str) -> int:
        """Return the exit code of a program whose output has ended.

        Raises:
            WorkFailed: it has none: its container ended before it did.
        """
        deadline = time.monotonic() + _EXIT_CODE_WAIT_S
        with _wrapped("the program's end cannot be looked at"):
            while True:
                found = self._client.exec_inspect(execution)
                code = found.get("ExitCode")
                if code is not None and not found.get("Running"):
                    return int(code)
                # The engine notes the end a moment after the output's.
                if time.monotonic() > deadline:
                    raise WorkFailed("the container ended while a program ran in it")
                time.sleep(0.02)

    def put_archive(self, container: str, path: str, tar: Iterable[bytes]) -> None:
        """Unpack a tar into a folder of a container."""
        with _wrapped(f"files cannot be put into {path}"):
            self._client.put_archive(container, path, iter(tar))

    def get_archive(self, container: str, path: str) -> ArchiveStream:
        """Return the tar of a file or folder; raises FileNotFoundError at once, not while it is read."""
        client = self._client
        with _wrapped(f"{path} cannot be read"):
            try:
                # The library's own call hides the answer, which has to be closed. The path goes as bytes,
                # since a name need not be UTF-8.
                response = client._get(
                    client._url("/containers/{0}/archive", container),
                    params={"path": os.fsencode(path)},
                    headers={"Accept-Encoding": "identity"},
                    stream=True,
                )
                client._raise_for_status(response)
            except docker.errors.NotFound:
                raise FileNotFoundError(path) from None
        return ArchiveStream(response, path)

    def remove(self, container: str) -> None:
        """Remove a container with its volumes, running or not; one that is gone is no matter."""
        with contextlib.suppress(docker.errors.APIError, requests.exceptions.RequestException):
            self._client.remove_container(container, force=True, v=True)

    def make_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a volume; one that is there is no matter."""
        with _wrapped(f"the volume {name} cannot be made"):
            self._client.create_volume(name, labels=dict(labels))

    def remove_volume(self, name: str) -> None:
        """Remove a volume; one that is gone or in use is no matter."""
        with contextlib.suppress(docker.errors.APIError, requests.exceptions.RequestException):
            self._client.remove_volume(name)

    def users_of_volume(self, name: str) -> list[str]:
        """Return the ids of the running containers that have a volume."""
        with _wrapped("the containers cannot be listed"):
            return [str(c["Id"]) for c in self._client.containers(filters={"volume": name})]

    def remove_left_over(self, run_id: str = "") -> int:
        """Remove what killed runs of this machine left; returns how much that was.

        What carries no owner, or one that may be alive, is not touched, unless it is of ``run_id``.
        """
        chosen = {"label": RUN_LABEL}
        with _wrapped("what earlier runs left cannot be listed"):
            containers = self._client.containers(all=True, filters=chosen)
            volumes = self._client.volumes(filters=chosen).get("Volumes") or []
        gone = [item["Id"] for item in containers if _is_left_over(item, run_id)]
        names = [item["Name"] for item in volumes if _is_left_over(item, run_id)]
        for container in gone:
            self.remove(container)
        for name in names:
            self.remove_volume(name)
        return len(gone) + len(names)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _is_left_over(item: Mapping[str, Any], run_id: str) -> bool:
    labels = item.get("Labels") or {}
    owner = owner_of_labels(labels)
    return owner is not None and (owner.is_gone() or labels.get(RUN_LABEL) == run_id)


def _login_hint(login: Mapping[str, str] | None) -> str:
    if login:
        return "is the name right, and are user name and password of its login right?"
    return "is the name right, and does the registry ask for a login (`auth:`, or `docker login` here)?"


class ArchiveStream:
    """A tar that an engine sends: it locks the container until that is read to its end, or closed."""

    def __init__(self, response: Any, path: str) -> None:
        self._response = response
        self._path = path
        self._pieces = response.iter_content(1 << 20)

    def __iter__(self) -> ArchiveStream:
        return self

    def __next__(self) -> bytes:
        with _wrapped(f"{self._path} cannot be read"):
            piece: bytes = next(self._pieces)
        return piece

    def close(self) -> None:
        """Let the engine go on, whatever was read."""
        self._response.close()


@contextlib.contextmanager
def _wrapped(what: str, *, hint: str | None = None) -> Iterator[None]:
    try:
        yield
    except docker.errors.APIError as error:
        reason = excerpt(str(error.explanation or error))
        raise WorkFailed(f"{what}: {reason}", hint=hint) from error
    except (*_CUT_OFF, docker.errors.DockerException) as error:
        raise Unavailable(f"{what}: {excerpt(str(error))}") from error


def _reading(stream: Iterable[bytes], what: str) -> Iterator[bytes]:
    with _wrapped(what):
        yield from stream


def _split(image: str) -> tuple[str, str | None]:
    """Return repository and tag, or the digest in place of the tag."""
    if "@" in image:
        repository, _, digest = image.partition("@")
        return repository, digest
    head, colon, tag = image.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (image, "latest")
