"""A job in a folder of this machine: the machine executor, and docker jobs where there is no engine."""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

from pipeline.errors import Interrupted, InvalidInput
from pipeline.process import run_in_terminal, run_process
from pipeline.runner.archive import pack_paths
from pipeline.runner.host_processes import MARK, end_processes, mark_of
from pipeline.runner.relocation import below_home, joined, renamed
from pipeline.runner.unpacking import unpack_safely

__all__ = ["KEPT_VARIABLES", "HostSandbox"]

KEPT_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TERM",
    "TMPDIR",
    "USER",
    "LOGNAME",
    "SSH_AUTH_SOCK",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
)
"""Variables of the caller that a job sees; all others would make it depend on who runs it."""
_STOPPED = 130
_PROJECT = "~/project/"
_CHUNK = 1 << 20


@dataclass(slots=True)
class HostSandbox:
    """A scratch folder that is the job's home; programs are those of this machine.

    Attributes:
        folder: the scratch folder.
        job_id: tells the job's processes from all others.
        cancel: set when the run is stopped.
        tree: the working tree itself, where the job works on it: ``~/project`` is a link to it.
    """

    folder: Path
    job_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    cancel: threading.Event = field(default_factory=threading.Event)
    tree: Path | None = None

    @property
    def home(self) -> str:
        """The scratch folder."""
        return os.fspath(self.folder)

    @property
    def path(self) -> str:
        """That of this process."""
        return os.environ.get("PATH", "/usr/bin:/bin")

    @property
    def has_bash(self) -> bool:
        """Whether ``/bin/bash`` is there."""
        return os.access("/bin/bash", os.X_OK)

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
        """Run a program of this machine."""
        Path(cwd).mkdir(parents=True, exist_ok=True)
        try:
            done = run_process(
                argv,
                env=self._environment() | dict(env),
                cwd=cwd,
                on_output=on_output,
                cancel=cancel,
                tty=tty,
            )
        except Interrupted:
            return _STOPPED
        # A program that a signal ended: as a shell counts it.
        return done.exit_code if done.exit_code >= 0 else 128 - done.exit_code

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        return kept | {"HOME": self.home, MARK: mark_of(self.job_id)}

    def capture(self, argv: Sequence[str], *, cwd: str = "/") -> tuple[int, bytes]:
        """Run a program and return its exit code and what it printed."""
        done = run_process(argv, env=self._environment(), cwd=cwd)
        return done.exit_code, done.stdout

    def interact(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str) -> int:
        """Hand the user's terminal to a program of this machine."""
        Path(cwd).mkdir(parents=True, exist_ok=True)
        return run_in_terminal(
            argv, env=self._environment() | dict(env), cwd=cwd, cancel=self.cancel
        )

    def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file."""
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(mode)

    def read_archive(self, path: str) -> Iterator[bytes]:
        """Yield the tar of a file or folder."""
        found = Path(path)
        if not os.path.lexists(found):
            raise FileNotFoundError(path)
        return self._until_stopped(pack_paths(found.parent, [found.name]))

    def end_reading(self) -> None:
        """Nothing: these archives are made as they are read."""

    def put_archive(
        self,
        path: str,
        tar: Iterable[bytes],
        *,
        outward_links: bool = False,  # noqa: ARG002  # they are made, and never followed
    ) -> None:
        """Unpack a tar into a folder of the job's.

        Raises:
            InvalidInput: the folder is outside of the scratch folder, where nothing of a job may land.
        """
        folder = Path(path)
        if not any(folder.resolve().is_relative_to(own.resolve()) for own in self._own()):
            raise InvalidInput(
                f"{path} is outside of the job's own folder, and this job runs on the machine itself",
                hint="use a path below ~ or the working directory, or run the job in a container",
            )
        folder.mkdir(parents=True, exist_ok=True)
        unpack_safely(self._until_stopped(tar), folder, outward_links=True)

    def put_cache(self, tar: Iterable[bytes]) -> None:
        """Unpack what a cache has below the home folder; what is elsewhere stays out of this machine."""
        if self.tree is None:
            moved = joined([renamed(tar, below_home)])
            unpack_safely(self._until_stopped(moved), self.folder, outward_links=True)
            return
        with TemporaryFile(dir=self.folder) as file:
            for chunk in self._until_stopped(tar):
                file.write(chunk)
            for folder, wanted in ((self.tree, _below_project), (self.folder, _beside_project)):
                file.seek(0)
                pieces = iter(partial(file.read, _CHUNK), b"")
                unpack_safely(joined([renamed(pieces, wanted)]), folder, outward_links=True)

    def _own(self) -> list[Path]:
        return [self.folder] if self.tree is None else [self.folder, self.tree]

    def _until_stopped(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self.cancel.is_set():
                raise Interrupted("the run was stopped")
            yield piece

    def close(self) -> None:
        """End what the job left running, and remove the scratch folder."""
        wanted = mark_of(self.job_id)
        end_processes(lambda mark: mark == wanted)
        shutil.rmtree(self.folder, ignore_errors=True)


def _below_project(name: str) -> str | None:
    return name.removeprefix(_PROJECT) or None if name.startswith(_PROJECT) else None


def _beside_project(name: str) -> str | None:
    return None if f"{name}/".startswith(_PROJECT) else below_home(name)
