"""Takes down what jobs leave while others go on: to remove a container takes a tenth of a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from pipeline.runner.workers import wait_for

__all__ = ["Teardown"]

_LONGEST_S = 60.0
"""Seconds that a run waits at its end. An engine that does not answer is not to hold it for ever: the next
run removes what is left."""


class Teardown:
    """Runs what is to be taken down in threads of its own; none keeps the process alive."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._has_failed = False

    def later(self, close: Callable[[], object]) -> None:
        """Call it soon, beside whatever goes on."""
        thread = threading.Thread(
            target=self._take_down, args=(close,), name="teardown", daemon=True
        )
        with self._lock:
            self._threads = [other for other in self._threads if other.is_alive()] + [thread]
            thread.start()

    def _take_down(self, close: Callable[[], object]) -> None:
        try:
            close()
        except Exception:  # in a thread nobody would catch it; whoever waits is told
            self._has_failed = True

    def wait(
        self, longest_s: float = _LONGEST_S, *, gives_up: Callable[[], bool] = lambda: False
    ) -> bool:
        """Wait for all of it, and say whether all is done, and nothing failed.

        Args:
            longest_s: seconds after which nobody waits any more.
            gives_up: asked again and again; True ends the waiting.
        """
        deadline = time.monotonic() + longest_s
        with self._lock:
            threads = list(self._threads)
        ended = wait_for(threads, lambda: gives_up() or time.monotonic() >= deadline)
        return ended and not self._has_failed
