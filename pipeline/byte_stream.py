"""Pieces of bytes as a file, for libraries that want to read from one."""

from __future__ import annotations

import io
from collections.abc import Iterable

__all__ = ["ByteStream"]


class ByteStream(io.RawIOBase):
    """A stream of bytes as a file that can be read once, for libraries that want one."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, all of them without a size; b"" at the end."""
        if size < 0:
            everything = self._rest + b"".join(self._pieces)
            self._rest = b""
            return everything
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = piece
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken
