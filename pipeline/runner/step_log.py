"""A step's output on its way: secrets masked, kept in a file, shown line by line."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

from pipeline.disk import error_of_disk
from pipeline.errors import OrbyardError
from pipeline.secret import Masker

__all__ = ["StepLog"]

_BETWEEN = "\0\n\0"
"""Stands between lines while they are masked together, so that no secret reaches over a line's end."""
_LINE_ENDS = re.compile(r"\r+(?=\n|\Z)")
_LONGEST_LINE = 64 * 1024
"""Bytes after which a line is cut; twice as many are held back, in which a secret is found whole."""
_GIVEN_BACK = 256 * 1024
"""Bytes of its end that a log gives back where the disk is full."""


class StepLog:
    """Takes what a step prints, in pieces of any size, from one thread at a time.

    A secret is masked wherever the pieces happen to be cut, since whole lines go through the masker;
    one of several lines is known to it line by line. What comes after the end is passed over: a program
    that was left running may go on printing.

    Args:
        path: the file that keeps the output.
        masker: hides the secrets of the run.
        on_lines: gets lines without their ends.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        path: Path,
        masker: Masker,
        on_lines: Callable[[list[str]], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = path.open("wb")
        self._masker = masker
        self._on_lines = on_lines
        self._clock = clock
        self._rest = b""
        self._last_look = (b"", "")
        self._lock = threading.Lock()
        self._path = path
        self.lost: OrbyardError | None = None
        """Why nothing more can be kept, where the disk does not take it."""
        self.last_output = clock()

    def write(self, chunk: bytes) -> None:
        """Take a piece of output.

        Raises:
            WorkFailed: the disk is full, now or before: what cannot be kept is not to go on.
        """
        with self._lock:
            if self.lost is not None:
                raise self.lost
            if self._file.closed:
                return
            try:
                self._take(chunk)
            except OSError as error:
                self._give_up(error)

    def _take(self, chunk: bytes) -> None:
        self.last_output = self._clock()
        end = chunk.rfind(b"\n")
        if end < 0:
            self._rest += chunk
        else:
            self._emit(self._rest + chunk[:end])
            self._rest = chunk[end + 1 :]
        if len(self._rest) > 2 * _LONGEST_LINE:
            self._shorten()
        self._file.flush()

    def say(self, text: str) -> None:
        """Take lines of the runner's own; passed over where the disk has taken no more before."""
        if self.lost is None:
            self.write(text.encode("utf-8", "surrogateescape") + b"\n")

    def _give_up(self, error: OSError) -> NoReturn:
        """End the log with the reason, in place of its last lines, which leave room for the record."""
        told = error_of_disk(error, self._path.parent)
        if told is None:
            raise error
        self.lost = told
        self._rest = b""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            os.truncate(self._path, max(0, self._path.stat().st_size - _GIVEN_BACK))
            with self._path.open("ab", buffering=0) as file:
                file.write(f"\n{told.message}\n".encode("utf-8", "replace"))
        self._on_lines([told.message])
        raise told from error

    def _shorten(self) -> None:
        """Put out the beginning of a line without end; a secret may be half there at its end."""
        masked = self._masked(self._rest)
        start = 0
        while len(masked) - start > 2 * _LONGEST_LINE:
            end = _boundary(masked, start + _LONGEST_LINE)
            self._put(masked[start:end])
            start = end
        self._rest = masked[start:]

    def unfinished(self) -> str:
        """Return the line that has no end yet, but for what a secret may begin with at its end."""
        rest = self._rest
        if rest is not self._last_look[0]:
            text = rest.decode("utf-8", "replace") if rest else ""
            self._last_look = (rest, self._masker.mask_open(text))
        return self._last_look[1]

    def _emit(self, block: bytes) -> None:
        """Put out whole lines; all of them are masked at once, which is many times faster."""
        text = block.decode("utf-8", "surrogateescape")
        if "\r" in text:
            text = _LINE_ENDS.sub("", text)
        masked = self._masker.mask(text.replace("\n", _BETWEEN))
        lines = masked.split(_BETWEEN)
        if max(map(len, lines)) > _LONGEST_LINE // 4:
            for line in lines:
                self._put_in_parts(line.encode("utf-8", "surrogateescape"))
            return
        raw = "\n".join(lines).encode("utf-8", "surrogateescape")
        shown = raw.decode("utf-8", "replace")
        self._file.write(shown.encode() + b"\n")
        self._on_lines(shown.split("\n"))

    def _put_in_parts(self, masked: bytes) -> None:
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
        self._on_lines([text])

    def close(self) -> None:
        """Write what is left, and close the file; :attr:`lost` tells whether the disk takes it."""
        with self._lock, suppress(OrbyardError):
            if self._file.closed:
                return
            try:
                if self._rest:
                    self._emit(self._rest)
                    self._rest = b""
                self._file.close()
            except OSError as error:
                self._give_up(error)


def _boundary(data: bytes, end: int) -> int:
    """Return where to cut at ``end`` or up to three bytes before: not inside of a character."""
    for back in range(4):
        if data[end - back] & 0xC0 != 0x80:
            return end - back
    return end
