"""A step's output on its way: secrets masked, kept in a file, shown line by line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pipeline.secret import Masker

__all__ = ["StepLog"]

_LONGEST_LINE = 64 * 1024
"""Bytes after which a line is cut; twice as many are held back, in which a secret is found whole."""


class StepLog:
    """Takes what a step prints, in pieces of any size, from one thread at a time.

    A secret is masked wherever the pieces happen to be cut, since whole lines go through the masker;
    one of several lines is known to it line by line. What comes after the end is passed over: a program
    that was left running may go on printing.

    Args:
        path: the file that keeps the output.
        masker: hides the secrets of the run.
        on_line: gets each line without its end.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        path: Path,
        masker: Masker,
        on_line: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("wb")
        self._masker = masker
        self._on_line = on_line
        self._clock = clock
        self._rest = b""
        self._lock = threading.Lock()
        self.last_output = clock()

    def write(self, chunk: bytes) -> None:
        """Take a piece of output."""
        with self._lock:
            if self._file.closed:
                return
            self.last_output = self._clock()
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._emit(line)
            if len(self._rest) > 2 * _LONGEST_LINE:
                self._shorten()

    def say(self, text: str) -> None:
        """Take lines of the runner's own."""
        self.write(text.encode() + b"\n")

    def _shorten(self) -> None:
        """Put out the beginning of a line without end; a secret may be half there at its end."""
        masked = self._masked(self._rest)
        start = 0
        while len(masked) - start > 2 * _LONGEST_LINE:
            end = _boundary(masked, start + _LONGEST_LINE)
            self._put(masked[start:end])
            start = end
        self._rest = masked[start:]

    def _emit(self, line: bytes) -> None:
        masked = self._masked(line.rstrip(b"\r"))
        start = 0
        while len(masked) - start > _LONGEST_LINE:
            end = _boundary(masked, start + _LONGEST_LINE)
            self._put(masked[start:end])
            start = end
        self._put(masked[start:])

    def _masked(self, data: bytes) -> bytes:
        text = self._masker.mask(data.decode("utf-8", "surrogateescape"))
        return text.encode("utf-8", "surrogateescape")

    def _put(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace")
        self._file.write(text.encode() + b"\n")
        self._on_line(text)

    def close(self) -> None:
        """Write what is left, and close the file."""
        with self._lock:
            if self._rest:
                self._emit(self._rest)
                self._rest = b""
            self._file.close()


def _boundary(data: bytes, end: int) -> int:
    """Return where to cut at ``end`` or up to three bytes before: not inside of a character."""
    for back in range(4):
        if data[end - back] & 0xC0 != 0x80:
            return end - back
    return end
