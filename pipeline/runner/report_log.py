"""A step's log as a report has it: the beginning and the end, and how much lies between."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.runner.report_ansi import Line, TerminalText

__all__ = ["LogExcerpt", "LogLimits", "read_log", "tail_texts"]

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class LogLimits:
    """How much of a log is shown at each of its ends."""

    lines: int = 2_000
    size_bytes: int = 500_000


@dataclass(frozen=True, slots=True)
class LogExcerpt:
    """What is shown of a log.

    Attributes:
        head: its first lines; all of them where nothing is left out.
        left_out: how many lines are between head and tail.
        tail: its last lines.
        size_bytes: of the whole.
    """

    head: list[Line]
    left_out: int = 0
    tail: tuple[Line, ...] = ()
    size_bytes: int = 0

    def last_lines(self, number: int) -> list[tuple[int, Line]]:
        """Return the last lines with their numbers, from 1."""
        lines = [
            *enumerate(self.head, 1),
            *enumerate(self.tail, len(self.head) + self.left_out + 1),
        ]
        return lines[-number:]


def read_log(path: Path, limits: LogLimits) -> LogExcerpt | None:
    """Read the two ends of a log; None where there is no such file.

    What lies between is counted, piece by piece: a log of a gigabyte needs no more memory than a short one.
    """
    try:
        with path.open("rb") as file:
            return _read(file, limits)
    except OSError:
        return None


def _read(file: BinaryIO, limits: LogLimits) -> LogExcerpt:
    size = file.seek(0, 2)
    file.seek(0)
    screen = TerminalText()
    if size <= 2 * limits.size_bytes:
        texts = _texts(file.read())
        left_out = len(texts) - 2 * limits.lines
        if left_out <= 0:
            return LogExcerpt(screen.lines(texts), size_bytes=size)
        head, tail = texts[: limits.lines], texts[-limits.lines :]
    else:
        first = file.read(limits.size_bytes)
        first = first[: _after(first, limits.lines)]
        start = size - limits.size_bytes
        file.seek(start)
        last = file.read()
        begin = last.find(b"\n") + 1
        texts = _texts(last[begin:])
        head, tail = _texts(first), texts[-limits.lines :]
        left_out = _count_lines(file, len(first), start + begin) + len(texts) - len(tail)
    return LogExcerpt(screen.lines(head), left_out, tuple(TerminalText().lines(tail)), size)


def _after(data: bytes, lines: int) -> int:
    """Return where the last whole line ends, or the last of so many."""
    end = 0
    for _ in range(lines):
        found = data.find(b"\n", end)
        if found < 0:
            break
        end = found + 1
    return end


def _count_lines(file: BinaryIO, start: int, end: int) -> int:
    file.seek(start)
    count = 0
    while start < end:
        piece = file.read(min(_CHUNK, end - start))
        if not piece:
            break
        count += piece.count(b"\n")
        start += len(piece)
    return count


def _texts(data: bytes) -> list[str]:
    texts = data.decode("utf-8", "replace").split("\n")
    if texts[-1] == "":
        texts.pop()
    return texts


def tail_texts(excerpt: LogExcerpt, number: int) -> list[str]:
    """Return the last lines without their colours."""
    return [
        line if isinstance(line, str) else "".join(line[1::2])
        for _, line in excerpt.last_lines(number)
    ]
