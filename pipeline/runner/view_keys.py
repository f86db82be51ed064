"""The keyboard while a live view has the screen: keys are not shown, and read one by one."""

from __future__ import annotations

import os
import select
import sys
import termios
from contextlib import suppress
from typing import Any

__all__ = ["Keyboard", "in_foreground"]


def in_foreground() -> bool:
    """Return whether this process may use the terminal; one that was started with ``&`` may not."""
    try:
        return os.tcgetpgrp(sys.stderr.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False


class Keyboard:
    """Takes the keyboard from the terminal's line editing; Ctrl-C and Ctrl-Z go on to work."""

    def __init__(self) -> None:
        self._before: list[Any] | None = None

    def take(self) -> None:
        """Begin; nothing is done where standard input is no terminal."""
        with suppress(OSError, ValueError, termios.error):
            if not sys.stdin.isatty() or self._before is not None:
                return
            before = termios.tcgetattr(sys.stdin)
            quiet = termios.tcgetattr(sys.stdin)
            quiet[3] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, quiet)
            self._before = before

    def give_back(self) -> None:
        """Set the terminal as it was, and forget keys that nobody has read."""
        before, self._before = self._before, None
        if before is not None:
            with suppress(OSError, ValueError, termios.error):
                termios.tcflush(sys.stdin, termios.TCIFLUSH)
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def forget(self) -> None:
        """Forget keys that were pressed before a question was asked."""
        if self._before is not None:
            with suppress(OSError, ValueError, termios.error):
                termios.tcflush(sys.stdin, termios.TCIFLUSH)

    def key(self, timeout_s: float) -> str | None:
        """Return a key, "" where none was pressed in time, or None where there is no keyboard."""
        if self._before is None:
            return None
        try:
            ready, _, _ = select.select([sys.stdin], [], [], timeout_s)
            if not ready:
                return ""
            pressed = os.read(sys.stdin.fileno(), 32)
        except (OSError, ValueError):
            return None
        return pressed.decode("utf-8", "replace") if pressed else None
