"""Pauses Python's cycle collector while a configuration is compiled.

Compiling makes many objects at once and next to no cycles; the collector would look through all of them
again and again, and take as long as the compiler itself. Pauses of several threads are counted.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["paused_collector"]

_lock = threading.Lock()
_paused = 0
_was_enabled = False


@contextmanager
def paused_collector() -> Iterator[None]:
    """Pause the collector; when the last of those who paused it leaves, it is as it was before."""
    global _paused, _was_enabled  # noqa: PLW0603  # the collector itself is one for the process
    with _lock:
        if _paused == 0:
            _was_enabled = gc.isenabled()
            gc.disable()
        _paused += 1
    try:
        yield
    finally:
        with _lock:
            _paused -= 1
            if _paused == 0 and _was_enabled:
                gc.enable()
