"""Output of a program in a container."""

from __future__ import annotations

import io
import socket
import struct
from types import SimpleNamespace

import pytest

from pipeline.runner.exec_stream import read_output, reader_of


def frame(stream: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", stream, len(data)) + data


@pytest.mark.parametrize(
    ("sent", "output"),
    [
        (b"", b""),
        (frame(1, b"a\n") + frame(2, b"b\n") + frame(1, b""), b"a\nb\n"),
        (frame(1, b"x" * 200_000) + frame(2, b"end"), b"x" * 200_000 + b"end"),
        (frame(1, b"whole") + frame(1, b"cut off")[:10], b"wholecu"),
        (frame(1, b"whole") + b"\x01\0\0", b"whole"),
    ],
)
def test_frames_are_put_together(sent: bytes, output: bytes) -> None:
    assert b"".join(read_output(io.BufferedReader(io.BytesIO(sent)), tty=False)) == output  # type: ignore[type-var]


def test_a_terminal_s_output_has_no_frames() -> None:
    sent = b"\x01\0\0\0plain\r\n"
    assert b"".join(read_output(io.BufferedReader(io.BytesIO(sent)), tty=True)) == sent  # type: ignore[type-var]


def test_output_that_came_with_the_head_is_not_lost() -> None:
    ours, engine = socket.socketpair()
    with engine:
        engine.sendall(b"HTTP/1.1 101 UPGRADED\r\n\r\n" + frame(1, b"early"))
        buffered = ours.makefile("rb")
        assert buffered.readline() + buffered.readline() == b"HTTP/1.1 101 UPGRADED\r\n\r\n"
        engine.sendall(frame(1, b" late"))
        engine.shutdown(socket.SHUT_WR)
        response = SimpleNamespace(raw=SimpleNamespace(_fp=SimpleNamespace(fp=buffered)))
        connection = SimpleNamespace(_sock=ours, _response=response)
        assert b"".join(read_output(reader_of(connection), tty=False)) == b"early late"
    ours.close()
