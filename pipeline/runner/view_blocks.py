"""The lines in which steps and jobs are told once they have ended. Pure, but for logs that are read."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.output import format_duration
from pipeline.runner.model import StepResult
from pipeline.runner.view_text import cut, plain_text, safe_line

__all__ = [
    "MARKS",
    "Style",
    "log_lines",
    "mark",
    "near",
    "short_name",
    "step_head",
    "tail",
    "unfolded",
    "written_at",
]

Style = Callable[..., str]
"""Puts a text into the named styles, as :meth:`pipeline.output.Console.style` does."""

MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "red"),
    "timedout": ("✗", "red"),
    "unauthorized": ("✗", "red"),
    "canceled": ("!", "yellow"),
    "killed": ("!", "yellow"),
    "on_hold": ("?", "yellow"),
    "skipped": ("-", "dim"),
    "not_run": ("-", "dim"),
    "waiting": ("·", "dim"),
    "running": ("●", "cyan"),
}
_LONGEST_NAME = 60
_TAIL_BLOCK = 256 * 1024
_TAIL_BYTES = 8 * 1024 * 1024
"""What is read of a log's end; lines are at most 64 KiB long."""


def mark(status: str, style: Style) -> str:
    """Return the sign of a status."""
    sign, colour = MARKS.get(status, MARKS["waiting"])
    return style(sign, colour)


def near(path: str | Path) -> str:
    """Return a path as short as it can be written from where the user stands."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        return str(path)
    return relative if not relative.startswith("..") else str(path)


def short_name(name: str) -> str:
    """Return a step's name in one line; one without a name is called by its command, which may be long."""
    return cut(safe_line(name, colours=False), _LONGEST_NAME)


def step_head(result: StepResult, style: Style, *, stopped: bool = False) -> str:
    """Return a step that ended in one line: ``✓ Run tests (12s)  128 tests, 0 failed``."""
    word = result.note
    if stopped:
        word = "stopped"
    elif result.status == "failed" and result.exit_code is not None:
        word = f"exit code {result.exit_code}"
    took = style(f" ({format_duration(result.seconds)})", "dim")
    sign = mark("canceled" if stopped else result.status, style)
    return f"{sign} {short_name(result.name)}{took}{style(f'  {plain_text(word)}', 'dim') if word else ''}"


def unfolded(result: StepResult, count: int, limit: int, style: Style) -> Iterator[str]:
    """Yield the last lines of a failed step's log, and where it is written.

    Args:
        result: the step.
        count: how many lines it printed.
        limit: how many are shown.
        style: puts texts into styles.
    """
    colours = bool(style("x", "dim") != "x")
    lines = tail(Path(result.log), limit) if result.log else []
    if count > len(lines):
        yield style(f"… {count - len(lines):,} lines more in the log", "dim")
    for line in lines:
        yield safe_line(line, colours=colours)
    yield written_at(result.where, style)
    if result.log:
        yield f"{style('log', 'dim')} {near(result.log)}"


def written_at(where: str, style: Style) -> str:
    """Return the line that says where what failed is written."""
    return f"{style('written at', 'dim')} {plain_text(where)}"


def tail(path: Path, limit: int) -> list[str]:
    """Return the last lines of a log; none where it cannot be read."""
    pieces: deque[bytes] = deque()
    ends = size = 0
    try:
        with path.open("rb") as file:
            position = file.seek(0, os.SEEK_END)
            while position > 0 and ends <= limit and size < _TAIL_BYTES:
                start = max(0, position - _TAIL_BLOCK)
                file.seek(start)
                piece = file.read(position - start)
                pieces.appendleft(piece)
                ends += piece.count(b"\n")
                size += len(piece)
                position = start
    except OSError:
        return []
    text = b"".join(pieces).decode("utf-8", "replace")
    return text.removesuffix("\n").split("\n")[-limit:] if text else []


def log_lines(path: str) -> Iterator[str]:
    """Yield the lines of a log as they are; none where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                yield line.removesuffix("\n")
    except OSError:
        return
