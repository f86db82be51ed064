"""The user's terminal, handed to a program elsewhere: keys go there, what it prints comes here."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Callable, Iterator
from typing import Protocol

__all__ = ["Channel", "hand_over", "is_interactive"]

_LOOK_AGAIN_S = 0.25
"""How often the terminal's size is looked at; a signal would tell only the main thread."""


class Channel(Protocol):
    """Both ends of a program: a connected socket, or what looks like one."""

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the program prints."""

    def recv(self, size: int, /) -> bytes:
        """Return what the program printed; empty at its end."""

    def sendall(self, data: bytes, /) -> None:
        """Give the program keys."""


def is_interactive() -> bool:
    """Return whether there is a person at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def hand_over(channel: Channel, resize: Callable[[int, int], None]) -> None:
    """Connect the terminal with a program until the program ends.

    Args:
        channel: the program's terminal.
        resize: told the rows and columns, at first and whenever they change.
    """
    keyboard, screen = sys.stdin.fileno(), sys.stdout.fileno()
    size = (0, 0)
    sources: list[Channel | int] = [channel, keyboard]
    with _raw(keyboard):
        while True:
            if (now := _size()) != size:
                size = now
                resize(*size)
            ready, _, _ = select.select(sources, [], [], _LOOK_AGAIN_S)
            if channel in ready:
                printed = channel.recv(1 << 16)
                if not printed:
                    return
                _write(screen, printed)
            if keyboard in ready:
                keys = os.read(keyboard, 1 << 12)
                if keys:
                    channel.sendall(keys)
                else:
                    sources.remove(keyboard)


def _size() -> tuple[int, int]:
    with contextlib.suppress(OSError):
        found = os.get_terminal_size(sys.stdin.fileno())
        return found.lines, found.columns
    return 24, 80


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    """Let every key through, Ctrl-C as well, while the block goes on."""
    import termios
    import tty

    before = termios.tcgetattr(fd)
    try:
        tty.setraw(fd, termios.TCSADRAIN)  # what was typed ahead is not thrown away
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
