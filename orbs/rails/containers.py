"""Running one command in a container: made, followed line by line, and always removed."""

from __future__ import annotations

import codecs
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from orbs.rails.engine import Engine
from orbs.rails.engine_types import ContainerSpec
from orbs.rails.ownership import OWNER_LABEL, owner_value
from pipeline.errors import Interrupted, OrbyardError
from pipeline.process import TimeLimitExceeded

__all__ = ["ContainerResult", "created", "run_created"]

_GRACE_S = 5.0
"""Seconds between SIGTERM and SIGKILL for a command that has to stop."""
_TAIL_LINES = 12
_LONGEST_LINE = 4000
"""A line that never ends (a progress bar) is passed on in pieces of this many characters."""


@dataclass(frozen=True, slots=True)
class ContainerResult:
    """How a command ended: its exit code, and its last lines."""

    exit_code: int
    tail: tuple[str, ...]


@contextmanager
def created(engine: Engine, spec: ContainerSpec) -> Iterator[str]:
    """Create a container, give its id, and remove it afterwards whatever happens.

    It carries our mark, by which a later run finds it should this one be killed.
    """
    labels = {OWNER_LABEL: owner_value(), **spec.labels}
    container = engine.create_container(replace(spec, labels=labels))
    try:
        yield container
    finally:
        engine.remove_container(container)


def run_created(
    engine: Engine,
    container: str,
    *,
    what: str,
    on_line: Callable[[str], None],
    stdin: bytes | None = None,
    cancel: threading.Event | None = None,
    timeout_s: float | None = None,
) -> ContainerResult:
    """Start a container and follow it to its end; a non-zero exit code is a result, not an error.

    Args:
        engine: where it is.
        container: its id.
        what: words for messages, ``bundle install``.
        on_line: told each line of both outputs as it comes.
        stdin: piped to the command.
        cancel: ends the command when set.
        timeout_s: seconds it may take.

    Raises:
        Interrupted: ``cancel`` was set.
        TimeLimitExceeded: it took longer than ``timeout_s``.
    """
    follower = _Follower(engine.attach(container), on_line)
    engine.start(container, stdin=stdin)
    follower.start()
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while follower.is_alive():
        follower.join(0.1)
        if cancel is not None and cancel.is_set():
            _stop(engine, container, follower)
            raise Interrupted(f"{what} was stopped: the run was interrupted")
        if deadline is not None and time.monotonic() >= deadline:
            _stop(engine, container, follower)
            raise TimeLimitExceeded(
                f"{what} did not end within {timeout_s:g} s and was stopped",
                details=tuple(follower.tail),
            )
    return ContainerResult(engine.wait(container), tuple(follower.tail))


def _stop(engine: Engine, container: str, follower: _Follower) -> None:
    engine.signal(container, "SIGTERM")
    follower.join(_GRACE_S)
    if follower.is_alive():
        engine.signal(container, "SIGKILL")


class _Follower(threading.Thread):
    """Turns the chunks of a container's output into lines."""

    def __init__(self, chunks: Iterator[bytes], on_line: Callable[[str], None]) -> None:
        super().__init__(daemon=True)
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._chunks = chunks
        self._on_line = on_line

    def run(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        rest = ""
        try:
            for chunk in self._chunks:
                *lines, rest = (rest + decoder.decode(chunk)).split("\n")
                for line in lines:
                    self._line(line)
                if len(rest) > _LONGEST_LINE:
                    self._line(rest)
                    rest = ""
        except (OSError, OrbyardError):
            pass  # The connection broke; the exit code, asked for afterwards, tells the rest.
        if rest:
            self._line(rest)

    def _line(self, text: str) -> None:
        line = text.rstrip("\r").rpartition("\r")[2]
        if line.strip():
            self.tail.append(line)
        self._on_line(line)
