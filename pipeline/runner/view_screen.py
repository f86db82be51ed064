"""The way from a run to the screen: one thread writes, and nobody who runs a job waits for it.

What is to be printed is put into a queue as a line or as something that yields lines when its turn comes;
a step's output is read from its log then, so that the queue stays small however slow the screen is. Below
what was printed a live part may be kept, which is drawn again a few times a second.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TextIO

from pipeline.runner.view_text import cut, width_of

__all__ = ["Frame", "Printed", "Screen", "terminal_size"]

Printed = str | Callable[[], Iterable[str]]
"""A line, or what yields lines when it is printed."""
Frame = Callable[[int, int], list[str]]
"""Returns the lines of the live part for a width and a height in cells."""

_BETWEEN_FRAMES_S = 1 / 12
_BETWEEN_LOOKS_S = 1.0
_PIECE = 64 * 1024
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""Terminals that know it show a frame when it is whole; others pass over it."""
_WRAP, _NO_WRAP = "\x1b[?7h", "\x1b[?7l"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@dataclass(frozen=True, slots=True)
class _Stop:
    """Has the screen left alone, for a while or for good."""

    begun: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    for_good: bool = False


def terminal_size(stream: TextIO) -> tuple[int, int]:
    """Return the width and height of a terminal in cells."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24


class Screen:
    """Prints what is put into it, in a thread of its own.

    Args:
        write: writes text to the stream, and flushes it.
        frame: gives the live part, or None where there is none.
        size: gives the width and height in cells.
        idle: called about once a second in the screen's thread; what it returns is printed.
        reflows: whether the terminal breaks its lines anew when it gets narrower.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        frame: Frame | None = None,
        size: Callable[[], tuple[int, int]] = lambda: (80, 24),
        idle: Callable[[], str] = lambda: "",
        reflows: bool = True,
    ) -> None:
        self._write = write
        self._frame = frame
        self._size = size
        self._idle = idle
        self._reflows = reflows
        self._queue: queue.SimpleQueue[Printed | _Stop] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._closed = False
        self._broken = False
        self._drawn: list[str] = []
        self._drawn_width = 0

    def put(self, what: Printed) -> None:
        """Print a line, or lines, after all that was put before; at once where the screen is closed."""
        if self._closed:
            with suppress(OSError, ValueError):
                self._print([what])
            return
        self._start()
        self._queue.put(what)

    def start(self) -> None:
        """Begin to draw the live part, also when nothing is printed yet."""
        self._start()

    def flush(self) -> None:
        """Wait until all that was put so far is printed."""
        if self._thread is not None and not self._closed:
            with self.silence():
                pass

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Print what was put so far, and nothing while the block goes on; the live part is away."""
        self._start()
        stop = _Stop()
        self._queue.put(stop)
        while not stop.begun.wait(0.2) and self._thread is not None and self._thread.is_alive():
            continue
        try:
            yield
        finally:
            stop.over.set()

    def close(self) -> None:
        """Print what is left, and take the live part off the screen."""
        if self._closed:
            return
        self._closed = True
        if self._thread is None:
            return
        self._queue.put(_Stop(for_good=True))
        while self._thread.is_alive():
            self._thread.join(0.2)

    def _start(self) -> None:
        with self._start_lock:
            if self._thread is None:
                # A daemon, since a screen that takes nothing any more must not keep the process.
                self._thread = threading.Thread(target=self._work, name="screen", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        wait_s = _BETWEEN_FRAMES_S if self._frame else _BETWEEN_LOOKS_S
        over = False
        while not over:
            items, stop = self._take(wait_s)
            over = stop is not None and stop.for_good
            word = "" if over else self._idle()
            self._show([*items, word] if word else items, away=stop is not None)
            if stop is not None and not over:
                stop.begun.set()
                stop.over.wait()
            elif self._frame and not over:
                time.sleep(_BETWEEN_FRAMES_S / 2)

    def _take(self, wait_s: float) -> tuple[list[Printed], _Stop | None]:
        """Return what is to be printed, up to the next that has the screen be left."""
        items: list[Printed] = []
        try:
            item = self._queue.get(timeout=wait_s)
            while not isinstance(item, _Stop):
                items.append(item)
                item = self._queue.get_nowait()
        except queue.Empty:
            return items, None
        return items, item

    def _show(self, printed: list[Printed], *, away: bool) -> None:
        if self._broken:
            return
        try:
            if self._frame is None:
                self._print(printed)
            else:
                self._redraw(self._frame, printed, away=away)
        except (OSError, ValueError):
            # The reader went away, as `head` does: the run and its logs go on.
            self._broken = True

    def _print(self, printed: Iterable[Printed], before: str = "") -> None:
        pieces, size = [before] if before else [], 0
        for item in printed:
            for line in [item] if isinstance(item, str) else item():
                pieces.append(f"{line}\n")
                size += len(line)
                if size > _PIECE:
                    self._write("".join(pieces))
                    pieces, size = [], 0
        if pieces:
            self._write("".join(pieces))

    def _redraw(self, frame: Frame, printed: list[Printed], *, away: bool) -> None:
        width, height = self._size()
        lines = [] if away else [cut(line, width - 1) for line in frame(width, height)]
        if lines == self._drawn and not printed and width == self._drawn_width:
            return
        up = self._rows_above_cursor(width)
        home = "\r" + (f"\x1b[{up}A" if up else "")
        if printed or not lines or width != self._drawn_width:
            # Line by line, since tmux keeps what is erased from the top of the screen on at once.
            erase = "\r\x1b[K" + "\x1b[A\x1b[K" * up
            self._print(printed, before=f"{erase}{_WRAP}" if self._drawn else "")
            home = ""
        text = "\x1b[K\n".join(lines)
        if text:
            self._write(f"{_BEGIN}{_HIDE_CURSOR}{home}{_NO_WRAP}{text}\x1b[K\x1b[J{_WRAP}{_END}")
        elif self._drawn:
            self._write(_SHOW_CURSOR)
        self._drawn, self._drawn_width = lines, width

    def _rows_above_cursor(self, width: int) -> int:
        """Return how far the live part reaches above the cursor, which is at its end."""
        if not self._reflows or width >= self._drawn_width:
            return max(0, len(self._drawn) - 1)
        rows = [max(1, -(-width_of(line) // width)) for line in self._drawn]
        return max(0, sum(rows) - 1)
