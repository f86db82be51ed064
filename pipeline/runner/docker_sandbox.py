"""A job's containers: the first image runs the steps, the others are services in its network."""

from __future__ import annotations

import io
import os
import shlex
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pipeline.config.model import DockerImage
from pipeline.errors import OrbyardError, WorkFailed
from pipeline.runner.engine import PID_LABEL, RUN_LABEL, ContainerEngine, ContainerSpec
from pipeline.runner.environment import environment_text
from pipeline.runner.relocation import below_root, joined, renamed
from pipeline.runner.resources import Resources

__all__ = ["DockerSandbox", "open_docker_sandbox"]

_KEEP_ALIVE = ("/bin/sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done")
_FACTS = (
    'printf "%s\\n" "$HOME" "$(id -u)" "$(id -g)" "$PATH"; test -x /bin/bash && echo bash; true'
)
_STOPPED = 130


@dataclass(slots=True)
class DockerSandbox:
    """The running containers of a job; see :class:`~pipeline.runner.sandbox.Sandbox`."""

    engine: ContainerEngine
    primary: str
    services: list[str]
    user: str
    home: str = "/root"
    uid: int = 0
    gid: int = 0
    has_bash: bool = False
    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    _environment: Mapping[str, str] = field(default_factory=dict)

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        on_output: Callable[[bytes], None],
        cancel: threading.Event | None = None,
        tty: bool = False,
    ) -> int:
        """Run a program in the primary container."""
        mark = f"/tmp/.orbyard-{uuid.uuid4().hex[:12]}"  # noqa: S108  # inside of the container
        wrapped = ["/bin/sh", "-c", f'echo $$ > {mark}; exec "$@"', "sh", *argv]
        execution, output = self.engine.execute(
            self.primary, wrapped, env=env, cwd=cwd, user=self.user, tty=tty
        )
        ended = threading.Event()
        if cancel is not None:
            watcher = threading.Thread(
                target=self._stop_when, args=(cancel, ended, mark), daemon=True
            )
            watcher.start()
        try:
            for chunk in output:
                on_output(chunk)
        finally:
            ended.set()
        if cancel is not None and cancel.is_set():
            return _STOPPED
        return self.engine.exit_code(execution)

    def _stop_when(self, cancel: threading.Event, ended: threading.Event, mark: str) -> None:
        while not ended.is_set():
            if cancel.wait(0.1):
                break
        for signal in ("TERM", "KILL"):
            if ended.is_set():
                return
            with suppress(OrbyardError):
                self.capture(["/bin/sh", "-c", f"kill -{signal} -$(cat {mark})"])
            ended.wait(5)

    def capture(self, argv: Sequence[str], *, cwd: str = "/") -> tuple[int, bytes]:
        """Run a program and return its exit code and what it printed."""
        execution, output = self.engine.execute(self.primary, argv, env={}, cwd=cwd, user=self.user)
        printed = b"".join(output)
        return self.engine.exit_code(execution), printed

    def interact(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str) -> int:
        """Hand the user's terminal to a program in the primary container."""
        return self.engine.interact(self.primary, argv, env=env, cwd=cwd, user=self.user)

    def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file that belongs to the job's user."""
        folder, _, name = path.rpartition("/")
        self.engine.put_archive(self.primary, folder or "/", [self._one_file(name, data, mode)])

    def _one_file(self, name: str, data: bytes, mode: int) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.uid, info.gid = len(data), mode, self.uid, self.gid
            tar.addfile(info, io.BytesIO(data))
        return buffer.getvalue()

    def read_archive(self, path: str) -> Iterator[bytes]:
        """Yield the tar of a file or folder of the primary container."""
        return self.engine.get_archive(self.primary, path)

    def put_archive(self, path: str, tar: Iterable[bytes]) -> None:
        """Unpack a tar into a folder of the primary container; files become the job user's."""
        self.engine.put_archive(self.primary, path, tar)
        if self.uid:
            self._as_root(f"chown -R {self.uid}:{self.gid} {shlex.quote(path)}")

    def put_cache(self, tar: Iterable[bytes]) -> None:
        """Unpack a cache where it was, or where that is for this container's user."""
        moved = renamed(tar, below_root(self.home), home_owner=(self.uid, self.gid))
        self.engine.put_archive(self.primary, "/", joined([moved]))

    def _as_root(self, command: str) -> None:
        execution, output = self.engine.execute(
            self.primary, ["/bin/sh", "-c", command], env={}, cwd="/", user="0"
        )
        printed = b"".join(output)
        if self.engine.exit_code(execution):
            raise WorkFailed(
                f"{command} failed in the container: {printed.decode(errors='replace')}"
            )

    def make_folder(self, path: str) -> None:
        """Make a folder with those above it, owned by the job's user."""
        quoted = shlex.quote(path)
        self._as_root(f"mkdir -p {quoted} && chown {self.uid}:{self.gid} {quoted}")

    def link_programs(self, folder: str, *, where_missing: str = "") -> None:
        """Put links to the programs of a folder where every image looks for programs.

        Those of the folder ``where_missing`` are linked where the image has none of the name there.
        """
        command = (
            f"mkdir -p /usr/local/bin && for p in {shlex.quote(folder)}/*; do"
            ' ln -sf "$p" /usr/local/bin/; done'
        )
        if where_missing:
            command += (
                f"; for p in {shlex.quote(where_missing)}/*; do"
                ' [ -e "/usr/local/bin/${p##*/}" ] || ln -s "$p" /usr/local/bin/; done'
            )
        self._as_root(command)

    def close(self) -> None:
        """Remove the containers with their volumes."""
        for container in (*self.services, self.primary):
            self.engine.remove(container)


def open_docker_sandbox(
    engine: ContainerEngine,
    images: Sequence[DockerImage],
    *,
    run_id: str,
    name: str,
    resources: Resources = Resources(),  # noqa: B008  # frozen
    binds: Sequence[str] = (),
    privileged: bool = False,
    on_service_output: Callable[[str, bytes], None] = lambda _name, _data: None,
) -> DockerSandbox:
    """Start the containers of a job.

    Args:
        engine: the engine; the images are there.
        images: of the job, the first being the primary.
        run_id: the run's id, for labels.
        name: a part of the containers' names.
        resources: limits of the primary container.
        binds: folders of the machine to be seen in the primary container.
        privileged: whether the primary container may do what the machine's root may.
        on_service_output: gets what services print.

    Raises:
        WorkFailed: a container cannot be made or started.
    """
    labels = {RUN_LABEL: run_id, PID_LABEL: str(os.getpid())}
    suffix = uuid.uuid4().hex[:6]
    primary_image, *service_images = images
    hosts = {image.name: "127.0.0.1" for image in images if image.name}
    own_entry = primary_image.entrypoint is not None or primary_image.command is not None
    started: list[str] = []
    try:
        primary = engine.create(
            ContainerSpec(
                image=primary_image.image,
                name=f"orbyard-{name}-{suffix}",
                entrypoint=primary_image.entrypoint if own_entry else _KEEP_ALIVE,
                command=primary_image.command if own_entry else [],
                user=primary_image.user,
                environment=_image_environment(primary_image),
                labels=labels,
                hosts=hosts,
                cpus=resources.cpus,
                memory_bytes=resources.memory_bytes,
                binds=binds,
                privileged=privileged,
            )
        )
        started.append(primary)
        engine.start(primary)
        for number, image in enumerate(service_images, 1):
            service = engine.create(
                _service(image, f"orbyard-{name}-{suffix}-{number}", primary, labels)
            )
            started.append(service)
            engine.start(service)
            _follow(engine, service, image.name or image.image, on_service_output)
        sandbox = DockerSandbox(engine, primary, started[1:], primary_image.user or "")
        _learn(sandbox, primary_image)
    except BaseException:
        for container in reversed(started):
            engine.remove(container)
        raise
    return sandbox


def _service(
    image: DockerImage, name: str, primary: str, labels: Mapping[str, str]
) -> ContainerSpec:
    return ContainerSpec(
        image=image.image,
        name=name,
        entrypoint=image.entrypoint,
        command=image.command,
        user=image.user,
        environment=_image_environment(image),
        labels=labels,
        network=f"container:{primary}",
    )


def _image_environment(image: DockerImage) -> dict[str, str]:
    return {name: environment_text(value) for name, value in image.environment.items()}


def _follow(
    engine: ContainerEngine, service: str, name: str, on_output: Callable[[str, bytes], None]
) -> None:
    def read() -> None:
        with suppress(OrbyardError):
            for chunk in engine.logs(service):
                on_output(name, chunk)

    threading.Thread(target=read, name=f"logs of {name}", daemon=True).start()


def _learn(sandbox: DockerSandbox, image: DockerImage) -> None:
    """Ask the primary container for its user's home, ids and PATH, and whether it has bash."""
    code, printed = sandbox.capture(["/bin/sh", "-c", _FACTS])
    words = printed.decode(errors="replace").splitlines()
    if code or len(words) < 4 or not words[1].isdigit():
        raise WorkFailed(
            f"the container of {image.image} has no /bin/sh, or does not stay up",
            hint="steps need a shell; where the image's own entrypoint ends, leave out `entrypoint` and"
            " `command`",
            details=words[-5:],
        )
    sandbox.home, sandbox.uid, sandbox.gid = words[0] or "/", int(words[1]), int(words[2])
    sandbox.path = words[3] or sandbox.path
    sandbox.has_bash = "bash" in words[4:]
