"""The Docker engine, as the runner uses it: the only module of the package that imports ``docker``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import docker
import docker.errors
import requests.exceptions

from pipeline.errors import Unavailable, WorkFailed, excerpt
from pipeline.terminal import hand_over

__all__ = ["PID_LABEL", "RUN_LABEL", "ContainerEngine", "ContainerSpec", "open_engine"]

RUN_LABEL = "orbyard.run"
"""The label of everything that a run makes; its value is the run's id."""
PID_LABEL = "orbyard.pid"
"""The label with the process that made it, by which what a killed run left behind is told."""
_CONNECT_TIMEOUT_S = 8
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to be made.

    Attributes:
        image: its image.
        name: its name.
        entrypoint: or None for the image's own.
        command: or None for the image's own.
        user: or None for the image's own.
        environment: variables.
        labels: labels.
        network: ``container:<id>`` to share another's network, or None.
        hosts: further host names and their addresses.
        cpus: processors, or None for all.
        memory_bytes: or None for all.
        privileged: whether it may do what the machine's root may.
        binds: folders and files of the machine, as ``/here:/there``.
    """

    image: str
    name: str
    entrypoint: Sequence[str] | str | None = None
    command: Sequence[str] | str | None = None
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    cpus: float | None = None
    memory_bytes: int | None = None
    privileged: bool = False
    binds: Sequence[str] = ()


def open_engine() -> ContainerEngine:
    """Connect to the engine of ``DOCKER_HOST`` or the usual socket.

    Raises:
        Unavailable: none answers there.
    """
    try:
        client = docker.from_env(timeout=_CONNECT_TIMEOUT_S).api
        client.ping()
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise Unavailable(
            f"no Docker engine answers: {excerpt(str(error))}",
            hint="start Docker, or run the jobs on this machine itself with `--executor host`",
        ) from error
    client.timeout = _TIMEOUT_S
    return ContainerEngine(client)


class ContainerEngine:
    """What is asked of the engine; errors of the library become the engine's own words."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def has_image(self, image: str) -> bool:
        """Return whether an image is there already."""
        with _wrapped(f"the image {image} cannot be looked at"):
            try:
                self._client.inspect_image(image)
            except docker.errors.ImageNotFound:
                return False
            return True

    def pull(
        self, image: str, auth: Mapping[str, str] | None, on_progress: Callable[[str], None]
    ) -> None:
        """Pull an image.

        Raises:
            WorkFailed: the registry does not give it.
        """
        repository, tag = _split(image)
        hint = _login_hint(auth)
        with _wrapped(f"the image {image} cannot be pulled", hint=hint):
            lines = self._client.pull(
                repository, tag=tag, stream=True, decode=True, auth_config=dict(auth or {}) or None
            )
            for line in lines:
                if "error" in line:
                    raise WorkFailed(
                        f"the image {image} cannot be pulled: {excerpt(str(line['error']))}",
                        hint=hint,
                    )
                if line.get("status") and "progressDetail" not in line:
                    on_progress(str(line["status"]))

    def create(self, spec: ContainerSpec) -> str:
        """Make a container and return its id."""
        with _wrapped(f"the container of {spec.image} cannot be made"):
            host = self._client.create_host_config(
                network_mode=spec.network,
                extra_hosts=dict(spec.hosts) or None,
                nano_cpus=int(spec.cpus * 1e9) if spec.cpus else None,
                mem_limit=spec.memory_bytes,
                privileged=spec.privileged,
                init=True,
                binds=list(spec.binds) or None,
            )
            made = self._client.create_container(
                spec.image,
                command=_words(spec.command),
                entrypoint=_words(spec.entrypoint),
                user=spec.user,
                environment=dict(spec.environment),
                labels=dict(spec.labels),
                name=spec.name,
                host_config=host,
                tty=False,
            )
            return str(made["Id"])

    def start(self, container: str) -> None:
        """Start a container."""
        with _wrapped("the container cannot be started"):
            self._client.start(container)

    def is_running(self, container: str) -> bool:
        """Return whether a container runs."""
        with _wrapped("the container cannot be looked at"):
            try:
                return bool(self._client.inspect_container(container)["State"]["Running"])
            except docker.errors.NotFound:
                return False

    def logs(self, container: str) -> Iterator[bytes]:
        """Yield what a container prints, until it ends."""
        with _wrapped("the container's output cannot be read"):
            yield from self._client.logs(container, stream=True, follow=True)

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
            return str(made["Id"]), self._client.exec_start(made["Id"], stream=True, tty=tty)

    def interact(
        self,
        container: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        user: str = "",
    ) -> int:
        """Hand the user's terminal to a program in a container, and return its exit code."""
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
                hand_over(connection, resize)
            finally:
                stream.close()
        return self.exit_code(made["Id"])

    def exit_code(self, execution: str) -> int:
        """Return the exit code of a program that ended."""
        with _wrapped("the program's end cannot be looked at"):
            return int(self._client.exec_inspect(execution)["ExitCode"] or 0)

    def put_archive(self, container: str, path: str, tar: Iterable[bytes]) -> None:
        """Unpack a tar into a folder of a container."""
        with _wrapped(f"files cannot be put into {path}"):
            self._client.put_archive(container, path, iter(tar))

    def get_archive(self, container: str, path: str) -> Iterator[bytes]:
        """Return the tar of a file or folder; raises FileNotFoundError at once, not while it is read."""
        with _wrapped(f"{path} cannot be read"):
            try:
                stream, _ = self._client.get_archive(container, path, chunk_size=1 << 20)
            except docker.errors.NotFound:
                raise FileNotFoundError(path) from None

        def chunks() -> Iterator[bytes]:
            with _wrapped(f"{path} cannot be read"):
                yield from stream

        return chunks()

    def remove(self, container: str) -> None:
        """Remove a container with its volumes, running or not; one that is gone is no matter."""
        with contextlib.suppress(docker.errors.APIError, requests.exceptions.RequestException):
            self._client.remove_container(container, force=True, v=True)

    def remove_left_over(self, is_alive: Callable[[int], bool]) -> int:
        """Remove the containers of runs whose process is gone; returns how many there were."""
        with _wrapped("the containers cannot be listed"):
            found = self._client.containers(all=True, filters={"label": RUN_LABEL})
        gone = [
            item["Id"] for item in found if not is_alive(int(item["Labels"].get(PID_LABEL) or 0))
        ]
        for container in gone:
            self.remove(container)
        return len(gone)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _login_hint(auth: Mapping[str, str] | None) -> str:
    if auth:
        return "is the name right, and are user name and password of its login right?"
    return "is the name right, and does the registry ask for a login (`auth:`, or `docker login` here)?"


@contextlib.contextmanager
def _wrapped(what: str, *, hint: str | None = None) -> Iterator[None]:
    try:
        yield
    except docker.errors.APIError as error:
        reason = excerpt(str(error.explanation or error))
        raise WorkFailed(f"{what}: {reason}", hint=hint) from error
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise Unavailable(f"{what}: {excerpt(str(error))}") from error


def _split(image: str) -> tuple[str, str | None]:
    """Return repository and tag, or the digest in place of the tag."""
    if "@" in image:
        repository, _, digest = image.partition("@")
        return repository, digest
    head, colon, tag = image.rpartition(":")
    return (head, tag) if colon and "/" not in tag else (image, "latest")


def _words(value: Sequence[str] | str | None) -> list[str] | str | None:
    return value if value is None or isinstance(value, str) else list(value)
