"""The primary container of a job, in which its steps run; see :class:`~.sandbox.Sandbox`."""

from __future__ import annotations

import io
import posixpath
import re
import tarfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipeline.byte_stream import until_size
from pipeline.errors import Interrupted, OrbyardError, WorkFailed
from pipeline.runner.exchange import Exchange, pieces_of
from pipeline.runner.first_process import Facts, Wanted, preparation, without_facts
from pipeline.runner.made_folders import give_folders_argvs
from pipeline.runner.relocation import below_root, joined, renamed
from pipeline.runner.resources import Resources

if TYPE_CHECKING:
    from pipeline.runner.engine import ArchiveStream, ContainerEngine

__all__ = ["DockerSandbox", "Part"]

_STOPPED = 130
_KILLED = 137
_END_S = 5
"""Seconds in which an engine takes note of a container's end."""
_REST_S = 5
"""Seconds in which what a program printed last is passed over, once it was ended."""
_LARGE_BYTES = 1 << 20
"""Bytes of a tar for which it is worth to start a program."""
_RECORDS_OF_TAR = frozenset(
    ("size", "uid", "gid", "uname", "gname", "mtime", "atime", "ctime", "comment", "hdrcharset")
)
"""Pax records that GNU's tar goes by or that change nothing; it drops others, as capabilities."""
_OOM_FILES = "/sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control"
"""Where cgroup v2 and v1 count the programs that were ended for want of memory."""


class Part(Protocol):
    """Something that ends with the job: its services, its Docker daemon."""

    def close(self) -> None:
        """End it."""


@dataclass(slots=True)
class DockerSandbox:
    """A running container with what belongs to it.

    Attributes:
        engine: the engine.
        primary: the container's id.
        user: as the configuration has it; empty for the image's.
        cancel: set when the run is stopped.
        resources: the container's limits.
        before: what is closed before the container is, as its services.
        after: what is closed when it is gone, as the volumes that it has.
        sync: brings over what the job has told the runner, where they share no folder.
        exchange: a folder that they share, or None.
    """

    engine: ContainerEngine
    primary: str
    user: str
    cancel: threading.Event = field(default_factory=threading.Event)
    resources: Resources = field(default_factory=Resources)
    before: list[Part] = field(default_factory=list)
    after: list[Part] = field(default_factory=list)
    sync: Callable[[], None] = lambda: None
    exchange: Exchange | None = None
    home: str = "/root"
    uid: int = 0
    gid: int = 0
    has_bash: bool = False
    has_tar: bool = False
    path: str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    is_prepared: bool = False
    has_empty_folder: bool = False
    _oom_kills: int = 0
    _reading: list[ArchiveStream] = field(default_factory=list)

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
        """Run a program in the container."""
        return self._run(
            argv, self.user, env=env, cwd=cwd, on_output=on_output, cancel=cancel, tty=tty
        )

    def _run(
        self,
        argv: Sequence[str],
        user: str,
        *,
        env: Mapping[str, str],
        cwd: str,
        on_output: Callable[[bytes], None],
        cancel: threading.Event | None,
        tty: bool = False,
    ) -> int:
        mark = f"/tmp/.orbyard-{uuid.uuid4().hex[:12]}"  # noqa: S108  # inside of the container
        wrapped = ["/bin/sh", "-c", f'echo $$ > {mark}; exec "$@"', "sh", *argv]
        try:
            execution, output = self.engine.execute(
                self.primary, wrapped, env=env, cwd=cwd, user=user, tty=tty
            )
        except WorkFailed:
            state = self.engine.state(self.primary)
            if state is not None and state.running:
                raise
            raise self._lost() from None
        ended = threading.Event()
        if cancel is not None:
            watcher = threading.Thread(
                target=self._stop_when, args=(cancel, ended, mark), daemon=True
            )
            watcher.start()
        try:
            for chunk in output:
                on_output(chunk)
        except WorkFailed:  # its output cannot be kept any more
            self._cut_short(mark, output)
            raise
        finally:
            ended.set()
        if cancel is not None and cancel.is_set():
            return _STOPPED
        try:
            code = self.engine.exit_code(execution)
        except WorkFailed:
            raise self._lost() from None
        if code == _KILLED and self._has_ended():
            raise self._lost()
        if code:
            self._tell_of_memory(on_output)
        return code

    def _has_ended(self) -> bool:
        """Tell whether the container has ended, of which the engine learns a moment after its programs."""
        with suppress(OrbyardError):
            if self._root(_shell(":"))[0] == 0:
                return False
        deadline = time.monotonic() + _END_S
        while time.monotonic() < deadline:
            state = self.engine.state(self.primary)
            if state is None or not state.running:
                return True
            time.sleep(0.05)
        return False

    def _lost(self) -> WorkFailed:
        state = self.engine.state(self.primary)
        if state is None:
            return WorkFailed("the job's container was removed")
        if state.oom_killed:
            return WorkFailed(self._out_of_memory())
        return WorkFailed(
            f"the job's container ended with exit code {state.exit_code}",
            details=self.last_output(),
        )

    def last_output(self) -> list[str]:
        """Return the last lines that the first process printed."""
        printed = self.engine.last_output(self.primary).decode(errors="replace")
        return without_facts(printed.splitlines())

    def take(self, facts: Facts) -> None:
        """Note what the container has told of itself."""
        self.home, self.uid, self.gid = facts.home, facts.uid, facts.gid
        self.path = facts.path or self.path
        self.has_bash, self.has_tar = facts.has_bash, facts.has_tar
        self.is_prepared, self.has_empty_folder = facts.is_prepared, facts.is_empty

    def _tell_of_memory(self, on_output: Callable[[bytes], None]) -> None:
        """Say when programs of a step that failed were ended for want of memory."""
        with suppress(OrbyardError):
            _, printed = self._root(_shell(f"cat {_OOM_FILES} 2>/dev/null"))
            counts = re.findall(rb"^oom_kill (\d+)$", printed, re.MULTILINE)
            kills = sum(map(int, counts))
            if kills > self._oom_kills:
                self._oom_kills = kills
                on_output(f"\n{self._out_of_memory()}\n".encode())

    def _out_of_memory(self) -> str:
        limit = self.resources.memory_bytes
        if limit is None:
            return "A program was ended, since the engine's machine has no memory left (out of memory)."
        return (
            f"A program was ended, since the job had used all of its {limit / 1024**3:.3g} GiB (out of"
            " memory): a larger resource_class has more."
        )

    def _stop_when(self, cancel: threading.Event, ended: threading.Event, mark: str) -> None:
        while not ended.is_set():
            if cancel.wait(0.1):
                break
        for signal in ("TERM", "KILL"):
            if ended.is_set():
                return
            self._kill(mark, signal)
            ended.wait(5)

    def _cut_short(self, mark: str, output: Iterator[bytes]) -> None:
        """End a program at once, and pass its output over.

        As long as that is not taken, an engine tells of no program's end in the container.
        """
        rest = threading.Thread(target=_pass_over, args=(output,), daemon=True)
        rest.start()
        self._kill(mark, "KILL")
        rest.join(_REST_S)

    def _kill(self, mark: str, signal: str) -> None:
        with suppress(OrbyardError):
            self._root(_shell(f"kill -{signal} -$(cat {mark})"))

    def capture(self, argv: Sequence[str], *, cwd: str = "/") -> tuple[int, bytes]:
        """Run a program and return its exit code and what it printed."""
        execution, output = self.engine.execute(self.primary, argv, env={}, cwd=cwd, user=self.user)
        printed = b"".join(output)
        return self.engine.exit_code(execution), printed

    def interact(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str) -> int:
        """Hand the user's terminal to a program in the primary container."""
        return self.engine.interact(
            self.primary, argv, env=env, cwd=cwd, user=self.user, cancel=self.cancel
        )

    def _root(self, argv: Sequence[str]) -> tuple[int, bytes]:
        execution, output = self.engine.execute(self.primary, argv, env={}, cwd="/", user="0")
        printed = b"".join(output)
        return self.engine.exit_code(execution), printed

    def as_root(self, script: str) -> str:
        """Run a script as root, and return what it printed.

        Raises:
            WorkFailed: its exit code is not 0.
        """
        code, printed = self._root(_shell(script))
        text = printed.decode(errors="replace")
        if code:
            raise WorkFailed(f"{script} failed in the container: {text}")
        return text

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
        archive = self.engine.get_archive(self.primary, path)
        self._reading.append(archive)
        return self._until_stopped(archive)

    def end_reading(self) -> None:
        """Give up archives that were not read to their end, as where the disk was full.

        While it sends an archive, the engine locks the container: it could be neither used nor removed.
        """
        while self._reading:
            self._reading.pop().close()

    def put_archive(self, path: str, tar: Iterable[bytes], *, outward_links: bool = False) -> None:
        """Unpack a tar into a folder of the primary container; files become the job user's."""
        owner = self.uid, self.gid
        if outward_links:
            # Handed over as one for /: the engine refuses links that lead out of the folder that an
            # archive is for.
            self._put_renamed(
                "/", tar, lambda name: posixpath.join(path.strip("/"), name), owner=owner
            )
        elif owner != (0, 0):
            self._put_renamed(path, tar, lambda name: name, owner=owner)
        else:
            self._put(path, tar)

    def put_cache(self, tar: Iterable[bytes]) -> None:
        """Unpack a cache where it was, or where that is for this container's user."""
        self._put_renamed("/", tar, below_root(self.home), home_owner=(self.uid, self.gid))

    def _put_renamed(
        self,
        path: str,
        tar: Iterable[bytes],
        rename: Callable[[str], str | None],
        *,
        owner: tuple[int, int] | None = None,
        home_owner: tuple[int, int] | None = None,
    ) -> None:
        parents: list[str] = []
        records: set[str] = set()
        given = renamed(
            tar,
            rename,
            owner=owner,
            home_owner=home_owner,
            on_parent=parents.append,
            on_record=records.add,
        )
        self._put(path, joined([given]), records)
        if self.uid:
            folders = (posixpath.join(path, name) for name in parents)
            for argv in give_folders_argvs(folders, (self.uid, self.gid), self.home):
                self._root(argv)

    def _put(self, path: str, tar: Iterable[bytes], records: Set[str] = frozenset()) -> None:
        """Unpack a tar by the engine, or a large one by the image's own tar: in half of the time.

        Args:
            path: where to.
            tar: the tar.
            records: the names of its pax records, once it has been read.
        """
        pieces = self._until_stopped(tar)
        begin: list[bytes] = []
        if self.exchange is not None and self.has_tar:
            begin = list(until_size(pieces, _LARGE_BYTES))
            if sum(map(len, begin)) >= _LARGE_BYTES:
                with self.exchange.holding(chain(begin, pieces)) as (here, there):
                    self._put_file(path, here, there, by_engine=not records <= _RECORDS_OF_TAR)
                return
        self.engine.put_archive(self.primary, path, chain(begin, pieces))

    def _put_file(self, path: str, here: Path, there: str, *, by_engine: bool) -> None:
        argv = ("tar", "-x", "-p", "--numeric-owner", "-f", there, "-C", path)
        if not by_engine:
            code = self._run(
                argv, "0", env={}, cwd="/", on_output=_nobody_reads, cancel=self.cancel
            )
            if self.cancel.is_set():
                raise Interrupted("the run was stopped")
            if not code:
                return
        # The engine takes what is in the way, and says what is wrong as for a small archive.
        self.engine.put_archive(self.primary, path, self._until_stopped(pieces_of(here)))

    def _until_stopped(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self.cancel.is_set():
                raise Interrupted("the run was stopped")
            yield piece

    def prepare(self, wanted: Wanted) -> None:
        """Make the working directory, and links to programs; nothing where that has been done.

        Raises:
            WorkFailed: the working directory cannot be made.
        """
        if self.is_prepared:
            return
        code, printed = self._root(preparation(wanted, f"{self.uid}:{self.gid}"))
        text = printed.decode(errors="replace").strip()
        if code:
            raise WorkFailed(f"the working directory {wanted.folder} cannot be made: {text}")
        self.is_prepared, self.has_empty_folder = True, text == "empty"

    def close(self) -> None:
        """Remove the container with its volumes, and all that belongs to it."""
        self.end_reading()
        with ExitStack() as undo:  # what fails to close keeps nothing else from it
            for part in reversed(self.after):
                undo.callback(part.close)
            undo.callback(self.engine.remove, self.primary)
            for part in reversed(self.before):
                undo.callback(part.close)


def _nobody_reads(_output: bytes) -> None:
    """Drop output of which no step tells."""


def _pass_over(output: Iterator[bytes]) -> None:
    with suppress(OrbyardError):
        deque(output, maxlen=0)


def _shell(script: str) -> Sequence[str]:
    return "/bin/sh", "-c", script
