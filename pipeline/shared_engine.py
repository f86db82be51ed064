"""The Docker engine that the jobs of a run share, and whether it still answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from pipeline.errors import OrbyardError
from pipeline.runner.workers import Left, call_or_leave

if TYPE_CHECKING:
    from pipeline.runner.engine import ContainerEngine

__all__ = ["SharedEngine"]

_SILENT_S = 10.0
"""Seconds without an answer after which an engine is taken for hung. One that is busy, as when it removes
containers on a loaded machine, answers to a ping all the same."""
_BETWEEN_PINGS_S = 1.0
_LONGEST_S = 60.0
"""Seconds that the end of a run waits for an engine that answers, and does not do what it is asked."""


class SharedEngine:
    """Connects to Docker when a job first needs it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._lock = threading.Lock()
        self._found: ContainerEngine | None = None
        self._watched = threading.Lock()
        self._answered_at: float | None = None
        self._closed = threading.Event()

    def __call__(self) -> ContainerEngine:
        """Return the engine.

        Raises:
            Unavailable: none answers.
        """
        from pipeline.runner.engine import open_engine

        with self._lock:
            if self._found is None:
                self._found = open_engine(self._environ)
                self._found.remove_left_over()
            return self._found

    @property
    def name(self) -> str:
        """How the engine is called."""
        return self._found.endpoint.host if self._found is not None else "the engine"

    def hangs(self) -> bool:
        """Return whether the engine has not answered for so long that nobody should wait for it.

        It is watched from the first call on.
        """
        with self._watched:
            if self._found is None:
                return False
            if self._answered_at is None:
                self._answered_at = time.monotonic()
                threading.Thread(target=self._watch, name="engine watch", daemon=True).start()
        return self.is_hung

    @property
    def is_hung(self) -> bool:
        """Whether :meth:`hangs` was found before; nobody is asked."""
        at = self._answered_at
        return at is not None and time.monotonic() - at >= _SILENT_S

    def _watch(self) -> None:
        assert self._found is not None
        while not self._closed.wait(_BETWEEN_PINGS_S):
            if self._found.answers(_SILENT_S):
                self._answered_at = time.monotonic()

    def abandon(self, run_id: str) -> None:
        """Remove what jobs of a run still have that nobody waits for, as far as the engine answers."""
        found = self._found
        if found is None or self.hangs():
            return
        deadline = time.monotonic() + _LONGEST_S
        with suppress(OrbyardError, Left):
            call_or_leave(
                lambda: found.remove_left_over(run_id),
                lambda: self.hangs() or time.monotonic() > deadline,
            )

    def close(self) -> None:
        """Close the connection, if there is one."""
        self._closed.set()
        if self._found is not None:
            self._found.close()
