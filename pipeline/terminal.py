"""The user's terminal, handed to a program elsewhere: keys go there, what it prints comes here."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Protocol

__all__ = ["Channel", "OutputTerminal", "OwnTerminal", "hand_over", "is_interactive"]

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


@dataclass(frozen=True, slots=True)
class OwnTerminal:
    """Our end of a pseudo terminal; a :class:`Channel`."""

    fd: int

    def fileno(self) -> int:
        """Return its descriptor."""
        return self.fd

    def recv(self, size: int, /) -> bytes:
        """Return what the program printed; empty at its end."""
        try:
            return os.read(self.fd, size)
        except OSError:  # EIO: nobody has the other end open any more
            return b""

    def sendall(self, data: bytes, /) -> None:
        """Give the program keys."""
        _write(self.fd, data)

    def resize(self, rows: int, columns: int) -> None:
        """Tell the program how large the terminal is."""
        import termios

        termios.tcsetwinsize(self.fd, (rows, columns))


class OutputTerminal:
    """A pseudo-terminal for a program that only prints: its end, and the one to read from."""

    def __init__(self) -> None:
        import fcntl
        import pty
        import struct
        import termios

        outer, self.inner = pty.openpty()
        self.outer: IO[bytes] = open(outer, "rb")  # noqa: SIM115  # closed by its reader
        modes = termios.tcgetattr(self.inner)
        modes[1] &= ~termios.OPOST  # line ends stay as they are written
        termios.tcsetattr(self.inner, termios.TCSANOW, modes)
        fcntl.ioctl(self.inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))


def is_interactive() -> bool:
    """Return whether there is a person at a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def hand_over(
    channel: Channel,
    resize: Callable[[int, int], None],
    cancel: threading.Event | None = None,
) -> bool:
    """Connect the terminal with a program until the program ends, and say whether it did.

    It did not where the terminal itself went away, and where ``cancel`` was set.

    Args:
        channel: the program's terminal.
        resize: told the rows and columns, at first and whenever they change.
        cancel: ends the connection.
    """
    keyboard, screen = sys.stdin.fileno(), sys.stdout.fileno()
    size = (0, 0)
    with _raw(keyboard):
        while cancel is None or not cancel.is_set():
            if (now := _size()) != size:
                size = now
                resize(*size)
            ready, _, _ = select.select([channel, keyboard], [], [], _LOOK_AGAIN_S)
            if channel in ready:
                printed = channel.recv(1 << 16)
                if not printed:
                    return True
                _write(screen, printed)
            if keyboard in ready:
                keys = _keys(keyboard)
                if not keys:
                    return False
                channel.sendall(keys)
    return False


def _keys(keyboard: int) -> bytes:
    try:
        return os.read(keyboard, 1 << 12)
    except OSError:  # EIO: the terminal was closed
        return b""


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
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSADRAIN, before)
