"""The Docker engine: the only module of this orb that imports ``docker``.

Podman's socket works too. Where the two differ:

=====================  ====================================  ================================
thing                  Docker                                Podman
=====================  ====================================  ================================
image ids              ``sha256:…``                          without ``sha256:`` in places;
                                                             added here
``/info`` of rootless  ``SecurityOptions`` name=rootless     the same
missing bind source    refused                               refused
volume ``CreatedAt``   RFC 3339                              RFC 3339
=====================  ====================================  ================================
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from types import TracebackType
from typing import IO, Any, cast

import docker
import docker.errors
import docker.tls
import docker.types
import requests.exceptions

from orbs.rails.engine_answers import (
    follow_build,
    noticing_errors,
    read_image,
    read_volume,
    split_reference,
)
from orbs.rails.engine_types import ContainerSpec, EngineError, ImageInfo, ListedImage, VolumeInfo
from pipeline.docker_endpoint import Endpoint, find_endpoint
from pipeline.errors import OrbyardError, Unavailable, excerpt

__all__ = ["Engine", "open_engine"]

_CONNECT_TIMEOUT_S = 8
"""For the first answer: an engine that is there answers at once, and a user should not wait long."""
_TIMEOUT_S = 900
"""For later ones: removing a large image or volume on a busy machine takes minutes."""


def open_engine(environ: Mapping[str, str], *, endpoint: Endpoint | None = None) -> Engine:
    """Connect to the engine that the environment names.

    Raises:
        Unavailable: no engine answers there within seconds, or it may not be used.
        InvalidInput: a docker context that does not exist.
    """
    found = endpoint or find_endpoint(environ)
    _probe(found)
    try:
        client = docker.APIClient(
            base_url=found.host,
            version="auto",
            timeout=_CONNECT_TIMEOUT_S,
            tls=_tls(found),
            credstore_env=dict(environ),
            use_ssh_client=found.host.startswith("ssh://"),
        )
    except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
        raise _no_engine(found, _root_cause(error)) from error
    client.timeout = _TIMEOUT_S
    return Engine(client, found)


def _probe(endpoint: Endpoint) -> None:
    """Tell a missing socket from one that may not be used, which the library mixes up."""
    if endpoint.socket is None:
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_CONNECT_TIMEOUT_S)
        try:
            probe.connect(endpoint.socket)
        except PermissionError as error:
            raise Unavailable(
                f"the Docker engine's socket {endpoint.socket} may not be used: permission denied",
                hint="join the group that owns it (`sudo usermod -aG docker $USER`, then log in "
                "again), or use a rootless engine",
            ) from error
        except OSError as error:
            raise _no_engine(endpoint, error.strerror or str(error)) from error


def _no_engine(endpoint: Endpoint, cause: str) -> Unavailable:
    return Unavailable(
        f"no Docker engine answers at {endpoint.host} ({endpoint.source}): {excerpt(cause)}",
        hint="start Docker (or Podman's service), or say where it is with DOCKER_HOST or "
        "`docker context use`",
    )


def _root_cause(error: BaseException) -> str:
    """The system's own words ("Connection refused") below the layers of library around them."""
    seen: BaseException | None = error
    while seen is not None:
        for candidate in (seen, *(part for part in seen.args if isinstance(part, BaseException))):
            if isinstance(candidate, OSError) and candidate.strerror:
                return candidate.strerror
        seen = seen.__cause__ or seen.__context__
    return str(error)


def _tls(endpoint: Endpoint) -> Any:
    folder = endpoint.tls_folder
    if folder is None:
        return False
    certificate, key, authority = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    try:
        return docker.tls.TLSConfig(
            client_cert=(str(certificate), str(key)) if certificate.exists() else None,
            ca_cert=str(authority) if authority.exists() else None,
            verify=endpoint.verify,
        )
    except docker.errors.TLSParameterError as error:
        raise Unavailable(
            f"the TLS files in {folder} ({endpoint.source}) cannot be used: {error}"
        ) from error


class Engine:
    """A connection to a Docker engine; a context manager. Methods may be called from threads."""

    def __init__(self, client: docker.APIClient, endpoint: Endpoint) -> None:
        self._client = client
        self.endpoint = endpoint

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    # ------------------------------------------------------------------ the engine itself

    @cached_property
    def version(self) -> str:
        """The engine's version, ``20.10.24``."""
        return str(self._server.get("Version", ""))

    @cached_property
    def platform(self) -> str:
        """What the engine builds for when nothing else is said, ``linux/amd64``."""
        return f"{self._server.get('Os', 'linux')}/{self._server.get('Arch', 'amd64')}"

    @cached_property
    def security_options(self) -> frozenset[str]:
        """Names such as ``rootless`` and ``userns``."""
        with self._errors("ask the engine about itself"):
            options = self._client.info().get("SecurityOptions") or []
        return frozenset(
            part.removeprefix("name=")
            for option in options
            for part in option.split(",")
            if part.startswith("name=")
        )

    @cached_property
    def _server(self) -> dict[str, Any]:
        with self._errors("ask the engine for its version"):
            return self._client.version()

    # ------------------------------------------------------------------ images

    def inspect_image(self, reference: str) -> ImageInfo | None:
        """Return the image of that name or id, or None where the engine has none."""
        try:
            with self._errors(f"look at the image {reference}"):
                return read_image(self._client.inspect_image(reference))  # type: ignore[no-untyped-call]
        except EngineError as error:
            if error.status == 404:
                return None
            raise

    def find_image(self, label: str, value: str) -> ImageInfo | None:
        """Return the newest image with that label, or None."""
        found = self.list_images(f"{label}={value}")
        return self.inspect_image(found[0].id) if found else None

    def list_images(self, label: str) -> list[ListedImage]:
        """Return the images with a label (``name=value``), the newest first."""
        with self._errors("list the images"):
            found = self._client.images(filters={"label": label})
        listed = [
            ListedImage(
                item["Id"], tuple(item.get("RepoTags") or ()), int(item.get("Created") or 0)
            )
            for item in found
        ]
        return sorted(listed, key=lambda image: (-image.created_s, image.id))

    def build(
        self,
        context: IO[bytes],
        *,
        dockerfile: str,
        tags: Sequence[str] = (),
        args: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        network: str = "",
        platform: str = "",
        target: str = "",
        no_cache: bool = False,
        on_line: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Build from a tar stream by the engine's own builder and return the image's id.

        Args:
            context: a tar with the Dockerfile in it.
            dockerfile: its path in the tar.
            tags: names of the image; none are needed.
            args: build arguments.
            labels: labels of the image.
            network: network mode of ``RUN``.
            platform: ``linux/amd64``; "" is the engine's.
            target: the stage to stop at.
            no_cache: run every step again.
            on_line: told each line of the build's output.

        Raises:
            EngineError: the build failed; its last words are in ``text``.
        """
        with self._errors("build an image"):
            stream = self._client.build(
                fileobj=context,
                custom_context=True,
                dockerfile=dockerfile,
                tag=tags[0] if tags else None,
                buildargs=dict(args or {}),
                labels=dict(labels or {}),
                network_mode=network or None,
                platform=platform or None,
                target=target or None,
                nocache=no_cache,
                rm=True,
                forcerm=True,
                decode=True,
            )
            built = follow_build(noticing_errors(stream, "the build failed"), on_line)
        for tag in tags[1:]:
            self.tag(built, tag)
        return built

    def pull(
        self, reference: str, *, platform: str = "", auth: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Pull ``repository:tag`` or ``repository@digest``, yielding the engine's events.

        Raises:
            EngineError: it could not be pulled.
        """
        repository, tag = split_reference(reference)
        with self._errors(f"pull {reference}"):
            stream = self._client.pull(
                repository,
                tag=tag or "latest",
                stream=True,
                decode=True,
                platform=platform or None,
                auth_config=dict(auth) if auth else None,
            )
            yield from noticing_errors(stream, f"{reference} could not be pulled")

    def push(
        self, repository: str, tag: str, *, auth: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Push one tag, yielding the engine's events (``status``, ``progressDetail``, ``aux``).

        ``auth`` is ``{"username": …, "password": …}``; without it the docker program's own
        configuration decides. The digest stands in ``aux`` of the last events.

        Raises:
            EngineError: the push failed; the engine says so in the middle of its stream.
        """
        with self._errors(f"push {repository}:{tag}"):
            stream = self._client.push(
                repository,
                tag=tag,
                stream=True,
                decode=True,
                auth_config=dict(auth) if auth else None,
            )
            yield from noticing_errors(stream, f"{repository}:{tag} could not be pushed")

    def tag(self, image: str, reference: str) -> None:
        """Give an image another name."""
        repository, tag = split_reference(reference)
        with self._errors(f"tag an image as {reference}"):
            self._client.tag(image, repository, tag=tag or "latest", force=True)

    def remove_image(self, reference: str, *, force: bool = False) -> None:
        """Remove a name, and the image with its last one; a missing one is fine."""
        with self._errors(f"remove the image {reference}"), _missing_is_fine():
            self._client.remove_image(reference, force=force)

    def save_image(self, image: str) -> Iterator[bytes]:
        """Return what ``docker save`` writes, in pieces."""
        with self._errors(f"save the image {image}"):
            return cast(Iterator[bytes], self._client.get_image(image, chunk_size=1 << 20))

    def load_image(self, archive: Iterable[bytes]) -> None:
        """Take in what ``docker save`` wrote."""
        with self._errors("load an image"):
            answer = self._client.load_image(archive)  # type: ignore[no-untyped-call]
            for _ in noticing_errors(answer, "loading failed"):
                pass

    # ------------------------------------------------------------------ volumes

    def create_volume(self, name: str, labels: Mapping[str, str]) -> VolumeInfo:
        """Create a volume, or return the one of that name as it is, with its own labels."""
        with self._errors(f"create the volume {name}"):
            return read_volume(self._client.create_volume(name, labels=dict(labels)))

    def inspect_volume(self, name: str) -> VolumeInfo | None:
        """Return a volume, or None where there is none of that name."""
        with self._errors(f"look at the volume {name}"), _missing_is_fine():
            return read_volume(self._client.inspect_volume(name))
        return None

    def list_volumes(self, label: str) -> list[VolumeInfo]:
        """Return the volumes with a label (``name`` or ``name=value``)."""
        with self._errors("list the volumes"):
            answer = self._client.volumes(filters={"label": label})
        return [read_volume(item) for item in answer.get("Volumes") or []]

    def remove_volume(self, name: str) -> bool:
        """Remove a volume; False where a container still uses it. A missing one is fine."""
        try:
            with self._errors(f"remove the volume {name}"), _missing_is_fine():
                self._client.remove_volume(name)
        except EngineError as error:
            if error.status == 409:
                return False
            raise
        return True

    # ------------------------------------------------------------------ containers

    def create_container(self, spec: ContainerSpec) -> str:
        """Create a container and return its id; it is not started."""
        mounts = [
            docker.types.Mount(
                mount.target, mount.source or None, mount.kind, read_only=mount.read_only
            )
            for mount in spec.mounts
        ]
        binds = any(mount.kind == "bind" for mount in spec.mounts)
        config = self._client.create_host_config(
            mounts=mounts,
            network_mode=spec.network or None,
            userns_mode="host" if spec.host_user else None,
            # SELinux lets a confined container read no folder of the host's; others ignore it.
            security_opt=["label=disable"] if binds else None,
        )
        with self._errors(f"create a container of {spec.image}"):
            made = self._client.create_container(
                spec.image,
                entrypoint=[spec.command[0]],
                command=list(spec.command[1:]),
                environment=dict(spec.environment),
                user=spec.user or None,
                working_dir=spec.working_dir or None,
                labels=dict(spec.labels),
                host_config=config,
                stdin_open=spec.takes_input,
            )
        return str(made["Id"])

    def attach(self, container: str) -> Iterator[bytes]:
        """Return the chunks of both outputs as they come; call it before :meth:`start`."""
        with self._errors("read a container's output"):
            stream = self._client.attach(container, stream=True)
        return _closed_at_end(stream)

    def start(self, container: str, *, stdin: bytes | None = None) -> None:
        """Start a container; ``stdin`` is piped to it. It may not end where the connection cannot
        close one of its two ways, so the reader has to know the last line.
        """
        with self._errors("start a container"):
            if stdin is None:
                self._client.start(container)
                return
            pipe = self._client.attach_socket(container, params={"stdin": 1, "stream": 1})
            self._client.start(container)
            raw = getattr(pipe, "_sock", pipe)
            raw.sendall(stdin)
            raw.close()
            pipe.close()

    def wait(self, container: str, *, timeout_s: float = 60.0) -> int:
        """Return the exit code of a container once it has ended."""
        with self._errors("wait for a container"):
            return int(self._client.wait(container, timeout=int(timeout_s))["StatusCode"])

    def signal(self, container: str, name: str) -> None:
        """Send a signal; one that has ended already is fine."""
        try:
            with self._errors("stop a container"), _missing_is_fine():
                self._client.kill(container, signal=name)
        except EngineError as error:
            if error.status != 409:
                raise

    def remove_container(self, container: str) -> None:
        """Kill and remove a container with its anonymous volumes; a missing one is fine."""
        try:
            with self._errors("remove a container"), _missing_is_fine():
                self._client.remove_container(container, force=True, v=True)
        except EngineError as error:
            if error.status != 409:  # Its removal is already under way.
                raise

    def list_containers(self, label: str) -> list[tuple[str, Mapping[str, str]]]:
        """Return id and labels of all containers with a label, running or not."""
        with self._errors("list the containers"):
            found = self._client.containers(all=True, filters={"label": label})
        return [(item["Id"], item.get("Labels") or {}) for item in found]

    def put_archive(self, container: str, folder: str, archive: bytes | IO[bytes]) -> None:
        """Unpack a tar into a folder of a container, which need not run; mounts are written to.

        Raises:
            EngineError: the folder is not there (status 404).
        """
        with self._errors(f"copy files to {folder} of a container"):
            self._client.put_archive(container, folder, archive)

    def get_archive(self, container: str, path: str) -> Iterator[bytes]:
        """Return the tar of a path of a container, which need not run; its top is the base name.

        Raises:
            EngineError: the path is not there (status 404).
        """
        with self._errors(f"copy {path} from a container"):
            chunks, _ = self._client.get_archive(container, path, chunk_size=1 << 20)
        return cast(Iterator[bytes], chunks)

    @contextmanager
    def _errors(self, action: str) -> Iterator[None]:
        """Turn what the library raises into our errors; the only place that knows its types."""
        try:
            yield
        except OrbyardError:
            raise
        except docker.errors.APIError as error:
            text = excerpt(str(error.explanation or error))
            raise EngineError(
                f"the Docker engine could not {action}: {text}",
                status=error.status_code or 0,
                text=text,
            ) from error
        except (docker.errors.DockerException, requests.exceptions.RequestException) as error:
            raise Unavailable(
                f"the Docker engine at {self.endpoint.host} stopped answering while it was to "
                f"{action}: {excerpt(str(error))}",
                hint="is it still running? (`docker version`)",
            ) from error


def _closed_at_end(stream: Any) -> Iterator[bytes]:
    """Pass on a stream and close its connection, which the library leaves open."""
    try:
        yield from stream
    finally:
        response = getattr(stream, "_response", None)
        with suppress(OSError, docker.errors.DockerException):
            stream.close()
        if response is not None:
            response.close()


@contextmanager
def _missing_is_fine() -> Iterator[None]:
    try:
        yield
    except docker.errors.NotFound:
        return
