"""What a person sees of a run in a terminal: below what has ended, what runs, drawn again as it goes on.

A job's block is printed once it has ended, each step that went well in one line and those that failed with
their output; so blocks of jobs that run at the same time stay whole. No library for it: it is the thread
that draws, and what is never kept of an output, that matter here, and what is left is little.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from pipeline.output import Console, format_duration
from pipeline.runner.model import JobResult, JobSpec, StepResult
from pipeline.runner.record import RunRecord, status_words
from pipeline.runner.view import View
from pipeline.runner.view_blocks import mark, step_head, unfolded
from pipeline.runner.view_frame import frame_lines
from pipeline.runner.view_keys import Keyboard, in_foreground
from pipeline.runner.view_screen import Screen, terminal_size
from pipeline.runner.view_state import ShownJob, ShownStep
from pipeline.runner.view_text import plain_text

__all__ = ["LiveView", "can_be_live"]

_SHOWN_OF_A_FAILURE = 100
_MOST_UNFOLDED = 12
"""Of a run with more instances of jobs than these, one that went well is a single line."""


def can_be_live() -> bool:
    """Return whether the terminal shows the signs of a live view, and is this process's to use.

    CI services give steps a terminal as well, CircleCI for one, and keep what is drawn in it.
    """
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        return False
    encoding = (sys.stderr.encoding or "").lower().replace("-", "")
    return encoding == "utf8" and in_foreground()


class LiveView(View):
    """Draws a run in a terminal; see :class:`~pipeline.runner.view.View`.

    Args:
        console: the way to the terminal.
        size: gives the terminal's width and height in cells.
    """

    redraws = True

    def __init__(
        self, console: Console, *, size: Callable[[], tuple[int, int]] | None = None
    ) -> None:
        self._size = size or (lambda: terminal_size(sys.stderr))
        super().__init__(console)

    def _make_screen(self) -> Screen:
        self._keyboard = Keyboard()
        self._signals: dict[int, Any] = {}
        return Screen(
            self._console.write_progress,
            frame=self._frame,
            size=self._size,
            reflows="XTERM_VERSION" not in os.environ,
        )

    def __enter__(self) -> View:
        super().__enter__()
        self._keyboard.take()
        if threading.current_thread() is threading.main_thread():
            self._signals[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._sleep)
        self._screen.start()
        return self

    def close(self) -> None:
        """Take the live part off the screen."""
        try:
            super().close()
        finally:
            self._keyboard.give_back()
            for number, handler in self._signals.items():
                signal.signal(number, handler)
            self._signals.clear()

    @contextmanager
    def paused(self, label: str = "") -> Iterator[Callable[[str], None]]:
        """Leave the screen and the keyboard to somebody else while the block goes on."""
        with self._lock:
            job = self._state.jobs.get(label)
            if job is not None and job.done:
                self._print_ended(*job.done[-1])
        with super().paused() as say:
            self._keyboard.give_back()
            try:
                yield say
            finally:
                self._keyboard.take()

    def _sleep(self, number: int, _frame: Any) -> None:
        """Give the terminal back before the shell gets it, and take it again afterwards."""
        with self._screen.silence():
            self._keyboard.give_back()
            before = signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            signal.signal(number, before)
            self._keyboard.take()

    def _frame(self, width: int, height: int) -> list[str]:
        with self._lock:
            lines = frame_lines(self._state, width, height, time.monotonic(), self._style)
        return [self._console.masker.mask(line) for line in lines]

    # What a run tells.

    def run_started(self, record: RunRecord) -> None:
        """Print what is run."""
        what = record.tag or record.branch
        words = [f"==> run {record.id}", *([f"of {what}"] if what else [])]
        self._line(self._style(" ".join(words), "bold"))

    def instance_started(self, spec: JobSpec) -> None:
        """Begin to draw a job."""
        with self._lock:
            self._state.jobs[spec.label] = ShownJob(spec)

    def instance_finished(self, spec: JobSpec, result: JobResult) -> None:
        """Print a job's block."""
        with self._lock:
            job = self._state.jobs.pop(spec.label, None) or ShownJob(spec)
            because = f": {plain_text(result.reason)}" if result.reason else ""
            word = f"  {status_words(result.status)}" if result.status != "success" else ""
            took = ""
            if result.status != "not_run":
                took = self._style(f"  {format_duration(result.seconds)}", "dim")
            name = self._style(plain_text(spec.label), "bold")
            self._line(f"{mark(result.status, self._style)} {name}{took}{word}{because}")
            self._print_place(result)
            folds = result.status == "success" and self._state.instances() > _MOST_UNFOLDED
            if not folds:
                self._print_steps(job, stopped=result.status == "canceled")

    def stopping(self) -> None:
        """Show that the run was told to stop, and what it still waits for."""
        with self._lock:
            self._state.stopping = True

    def note(self, text: str, job: str = "") -> None:
        """Show what a job that has no step yet is about, or print a word of the runner's own."""
        with self._lock:
            shown = self._state.jobs.get(job)
            if shown is None:
                super().note(text, job)
            else:
                shown.preparing = plain_text(text)

    def ask(self, question: str) -> bool | None:
        """Ask for a key: whether it is ``y``, or None where there is no keyboard."""
        with self._asking:
            self._keyboard.forget()
            with self._lock:
                self._state.question = plain_text(question)
            try:
                return self._answer()
            finally:
                with self._lock:
                    self._state.question = ""

    def _answer(self) -> bool | None:
        while not (self._state.stopping or self._closed.is_set()):
            key = self._keyboard.key(0.2)
            if key is None:
                return None
            if key[:1].lower() in ("y", "n"):
                return key[:1].lower() == "y"
        return None

    def _print_step(self, step: ShownStep, result: StepResult) -> None:
        """Leave it to the job's block."""

    def _print_steps(self, job: ShownJob, *, stopped: bool) -> None:
        for number, (result, count) in enumerate(job.done):
            is_last = number == len(job.done) - 1
            cut_off = stopped and is_last and result.status == "failed"
            self._print_ended(result, count, stopped=cut_off)

    def _print_ended(self, result: StepResult, count: int, *, stopped: bool = False) -> None:
        self._line(f"    {step_head(result, self._style, stopped=stopped)}")
        if result.status == "failed" and not stopped:
            self._put(partial(self._unfolded, result, count))

    def _unfolded(self, result: StepResult, count: int) -> Iterator[str]:
        for line in unfolded(result, count, _SHOWN_OF_A_FAILURE, self._style):
            yield f"        {line}"
