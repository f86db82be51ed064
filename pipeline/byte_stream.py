"""Pieces of bytes as a file, for libraries that want to read from one."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

__all__ = ["ByteStream", "gathered", "until_size"]


def gathered(pieces: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """Yield small pieces many at a time, since what sends or writes each costs the same for any size."""
    waiting: list[bytes] = []
    waiting_bytes = 0
    for piece in pieces:
        waiting.append(piece)
        waiting_bytes += len(piece)
        if waiting_bytes >= size_bytes:
            yield b"".join(waiting)
            waiting, waiting_bytes = [], 0
    if waiting:
        yield b"".join(waiting)


def until_size(pieces: Iterator[bytes], size_bytes: int) -> Iterator[bytes]:
    """Yield the first pieces that make up a size, or all where there are fewer; the rest stays."""
    left = size_bytes
    while left > 0 and (piece := next(pieces, None)) is not None:
        left -= len(piece)
        yield piece


class ByteStream(io.RawIOBase):
    """A stream of bytes as a file that can be read once, for libraries that want one."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, all of them without a size; b"" at the end."""
        if size < 0:
            everything = bytes(self._rest) + b"".join(self._pieces)
            self._rest = memoryview(b"")
            return everything
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return bytes(taken)

    def read_exactly(self, size: int) -> bytes:
        """Return ``size`` bytes, or fewer where the stream ends."""
        taken = self.read(size)
        while len(taken) < size and (more := self.read(size - len(taken))):
            taken += more
        return taken
