"""A run of ``orbyard ci.run`` in a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Callable

from tests.integration.runner.harness import Checkout
from tests.terminal import Terminal


class Session:
    """A run in a terminal."""

    def __init__(self, checkout: Checkout, *words: str) -> None:
        self.terminal = Terminal(100, 30)
        argv = checkout.argv(*words)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(checkout.folder)
            environ = checkout.environ() | {"TERM": "xterm-256color"}
            for name in ("NO_COLOR", "CI"):
                environ.pop(name, None)
            os.execve(sys.executable, argv, environ)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self._rest = b""

    def shows(self, text: str) -> None:
        """Wait until the screen shows a text."""
        self.until(lambda: text in "\n".join(self.terminal.screen))

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 90
        while not holds():
            assert self._read(), "\n".join(self.terminal.everything)
            assert time.monotonic() < deadline, "\n".join(self.terminal.everything)

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def ended(self) -> tuple[int, list[str]]:
        """Wait until the run ends; return its exit code and all lines that were shown."""
        while self._read():
            continue
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.terminal.everything

    def close(self) -> int:
        """Close the terminal, and return the exit code of the run."""
        os.close(self.fd)
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.fd], [], [], 1)
        if not ready:
            return True
        try:
            data = self._rest + os.read(self.fd, 65536)
        except OSError:
            return False  # The program at the other end is gone.
        # A character or a control sequence may be cut in two.
        cut = re.search(rb"(?:\x1b(?:\[[0-9;?]*)?|[\xc0-\xff][\x80-\xbf]{0,2})\Z", data)
        whole = data[: cut.start()] if cut else data
        try:
            self.terminal.write(whole.decode())
            self._rest = data[len(whole) :]
        except UnicodeDecodeError:
            self._rest = data
        return True
