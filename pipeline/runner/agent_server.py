"""The runner's side of the ``circleci`` program: requests taken from a folder that the job sees too.

What stands in that folder was written by the job, which is not trusted: links are not followed, only plain
files of a bounded size are read, and only a job's own request folder is written to. The folder itself is
opened before the job begins, since a job may put a link in its place.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from pipeline.runner.stand_in import Answer, JobFacts, Request, answer, script_of

__all__ = ["AgentServer"]

_POLL_S = 0.01
_IDLE_POLL_S = 0.04
_SIZE_LIMIT = 64 * 1024 * 1024
"""Bytes of a call with all its inputs; a list of tests of that size would have a million of them."""

_FILES_LIMIT = 3000
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class AgentServer:
    """Answers the calls of one instance of a job, in a thread, from ``with`` until its end.

    Args:
        folder: what the job has in ``ORBYARD_AGENT``; made, if it is not there, and open to every user,
            since the job's may be another. Keep it in a folder that only the runner's user may enter.
        facts: what is known to the runner.
        respond: decides what a request gets.
    """

    def __init__(
        self,
        folder: Path,
        facts: JobFacts | None = None,
        *,
        respond: Callable[[Request, JobFacts | None], Answer] = answer,
    ) -> None:
        self.folder = folder
        self._facts = facts
        self._respond = respond
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="orbyard-agent", daemon=True)
        self._answered: set[str] = set()
        self._place = -1
        self._was_halted = False

    def __enter__(self) -> AgentServer:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o1777)
        (self.folder / "serving").touch()
        self._place = os.open(self.folder, _DIRECTORY)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        with contextlib.suppress(FileNotFoundError):
            os.unlink("serving", dir_fd=self._place)
        self._pass()
        self._was_halted = self.halted
        os.close(self._place)
        self._place = -1

    @property
    def halted(self) -> bool:
        """Whether the job asked for its end with ``circleci step halt``."""
        if self._place < 0:
            return self._was_halted
        with contextlib.suppress(FileNotFoundError):
            os.lstat("halt", dir_fd=self._place)
            return True
        return False

    def _serve(self) -> None:
        pause_s = _POLL_S
        while not self._stop.wait(pause_s):
            pause_s = _POLL_S if self._pass() else min(pause_s * 1.2, _IDLE_POLL_S)

    def _pass(self) -> bool:
        """Answer what is there, and return whether there was anything."""
        try:
            names = [name for name in os.listdir(self._place) if name.startswith("ask.")]
        except OSError:
            return False
        self._answered &= set(names)
        fresh = sorted(set(names) - self._answered)
        for name in fresh:
            self._answered.add(name)
            with contextlib.suppress(
                OSError
            ):  # the caller ended meanwhile, and took its folder along
                self._exchange(name)
        return bool(fresh)

    def _exchange(self, name: str) -> None:
        with _opened(name, self._place) as place:
            given = self._answer(place)
            _write(place, "out", given.stdout)
            _write(place, "err", given.stderr)
            _write(place, "list", given.tests)
            for extra in _EXTRA & given.files.keys():
                _write(place, extra, given.files[extra])
            _write(place, "answer.new", script_of(given).encode("utf-8", "surrogateescape"))
            os.rename("answer.new", "answer", src_dir_fd=place, dst_dir_fd=place)

    def _answer(self, place: int) -> Answer:
        try:
            return self._respond(_read_request(place), self._facts)
        except _Unreadable as error:
            words = f"circleci: {error}\n"
        except Exception as error:  # a mistake of ours ends one call, not the answering of all
            words = f"circleci: the runner failed over this call, please report it: {error!r}\n"
        return Answer(stderr=words.encode("utf-8", "backslashreplace"), exit_code=1)


class _Unreadable(Exception):
    """A request that is not one."""


@contextlib.contextmanager
def _opened(name: str, parent: int) -> Iterator[int]:
    place = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        yield place
    finally:
        os.close(place)


_EXTRA = frozenset({"body", "head"})
_OWN = _EXTRA | {"out", "err", "list", "answer", "answer.new", "answered"}
"""Files of answers; what the job hands over has other names."""


def _read_request(place: int) -> Request:
    names = [name for name in os.listdir(place) if name not in _OWN]
    if len(names) > _FILES_LIMIT:
        raise _Unreadable("the request has too many files")
    inputs: dict[str, bytes] = {}
    left = _SIZE_LIMIT
    for name in names:
        inputs[name] = _read(place, name, left)
        left -= len(inputs[name])
    try:
        arguments = _words(inputs.pop("arguments"))
        folder, index, total = _words(inputs.pop("place"))
    except (KeyError, ValueError):
        raise _Unreadable("the request is not whole") from None
    return Request(tuple(arguments), folder, index, total, inputs)


def _words(data: bytes) -> list[str]:
    return data.decode("utf-8", "surrogateescape").split("\0")[:-1]


def _read(place: int, name: str, limit: int) -> bytes:
    try:
        file = os.open(name, _READ, dir_fd=place)
    except OSError as error:
        raise _Unreadable(f"the runner cannot read {name!r}: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _Unreadable(f"{name!r} is not a plain file")
    with os.fdopen(file, "rb") as opened:
        data = opened.read(limit + 1)
    if len(data) > limit:
        raise _Unreadable(f"with its {name} it is longer than {_SIZE_LIMIT // 2**20} MiB")
    return data


def _write(place: int, name: str, data: bytes) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=place)
    file = os.open(name, _WRITE, 0o644, dir_fd=place)
    with os.fdopen(file, "wb") as opened:
        os.fchmod(file, 0o644)  # whatever the umask is: the job's user may be another
        opened.write(data)
