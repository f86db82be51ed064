"""The output of a program in a container, from the connection that the engine has turned over for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Protocol

__all__ = ["read_output", "reader_of"]

_CHUNK = 65536
_HEADER = 8


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def read1(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


def reader_of(connection: Any) -> _Reader:
    """Return what reads all that came in, of what docker's ``exec_start(socket=True)`` returned.

    The library itself goes on below the buffer through which the answer's head was read, and loses output
    that came in together with the head: seen where the machine is busy.
    """
    getattr(connection, "_sock", connection).settimeout(None)
    reader: _Reader = connection._response.raw._fp.fp
    return reader


def read_output(reader: _Reader, *, tty: bool) -> Iterator[bytes]:
    """Yield a program's output in pieces, standard output and standard error in their order.

    Without a terminal each piece has a head: the stream's number, three bytes, and its size in four
    (Docker Engine API, ContainerAttach, "Stream format").
    """
    with closing(reader):
        if tty:
            while piece := reader.read1(_CHUNK):
                yield piece
            return
        while len(head := reader.read(_HEADER)) == _HEADER:
            left = int.from_bytes(head[4:], "big")
            while left and (piece := reader.read1(min(left, _CHUNK))):
                left -= len(piece)
                yield piece
