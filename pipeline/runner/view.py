"""What a person sees of a run where nothing can be redrawn: each step as a block when it ends.

The other views, a live one in a terminal and one of events for machines, build on this one. Whoever runs
jobs calls a view and goes on at once: a thread of its own writes to the screen.
"""

from __future__ import annotations

import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from pipeline.output import Console, format_duration
from pipeline.runner.model import JobResult, JobSpec, StepResult
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord, status_words
from pipeline.runner.view_blocks import log_lines, mark, short_name, step_head, unfolded, written_at
from pipeline.runner.view_screen import Printed, Screen
from pipeline.runner.view_state import RunState, ShownJob, ShownStep, StepStart
from pipeline.runner.view_summary import summary_lines
from pipeline.runner.view_text import plain_text, safe_line

__all__ = ["View", "ViewKind", "open_view"]

ViewKind = Literal["auto", "plain", "events"]

_SHOWN_OF_A_FAILURE = 400
_LOOK_FOR_STOP_S = 0.2
_SILENCE_S = 30.0
"""After this long without a word one is printed: CI services end jobs that look dead."""


def open_view(console: Console, kind: ViewKind = "auto", *, quiet: bool = False) -> View:
    """Return the view that fits: a live one in a terminal that shows colours, else a plain one."""
    if kind == "events":
        from pipeline.runner.view_events import EventView

        return EventView(console)
    if kind == "auto" and not quiet and console.live and console.colours_progress:
        from pipeline.runner.view_live import LiveView, can_be_live

        if can_be_live():
            return LiveView(console)
    return View(console, quiet=quiet)


class View:
    """Prints a run step by step; use it as a context manager.

    Args:
        console: the way to the screen; inside of the block all its lines go through the view.
        quiet: whether the output of steps that go well stays in their logs.
    """

    redraws = False
    """Whether what is noted of a job replaces what was noted before, so that it may be said often."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._lock = threading.RLock()
        self._asking = threading.Lock()
        self._state = RunState()
        self._closed = threading.Event()
        self._last_word = time.monotonic()
        self._screen = self._make_screen()

    def _make_screen(self) -> Screen:
        return Screen(self._console.write_progress, idle=self._still_running)

    def __enter__(self) -> View:
        self._console.divert(self._put)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Print what is left; what comes later goes to the console itself."""
        self._closed.set()
        self._screen.close()
        self._console.divert(None)

    def flush(self) -> None:
        """Wait until all that was told so far is on the screen."""
        self._screen.flush()

    @contextmanager
    def paused(self, label: str = "") -> Iterator[Callable[[str], None]]:  # noqa: ARG002
        """Keep still while somebody else has the terminal; yields what prints a line all the same.

        Args:
            label: the job that it is for; its last step is shown before, where it failed.
        """
        with self._asking, self._screen.silence():
            yield self._say

    def _say(self, text: str) -> None:
        self._console.write_progress(
            self._style(plain_text(self._console.masker.mask(text)), "bold") + "\n"
        )

    # What a run tells.

    def run_started(self, record: RunRecord) -> None:
        """Take note of the run."""

    def workflow_started(self, workflow: WorkflowRecord) -> None:
        """Print that a workflow is run again."""
        with self._lock:
            self._state.begin_workflow(workflow)
        if workflow.attempt > 1:
            text = f"==> {plain_text(workflow.name)}: rerun {workflow.attempt - 1} from where it failed"
            self._line(self._style(text, "bold"))

    def job_changed(self, workflow: WorkflowRecord, job: JobRecord) -> None:
        """Print how a job ended of which nothing was run, and what one waits for."""
        with self._lock:
            self._state.change(workflow, job)
        if job.instances or not job.reason or job.status == "running":
            return
        if job.status == "not_run" and not job.reason.startswith("a newer run"):
            return
        self._ended(job.name, job.status, job.seconds, job.reason)

    def instance_started(self, spec: JobSpec) -> None:
        """Print that a job begins."""
        with self._lock:
            self._state.jobs[spec.label] = ShownJob(spec)
            self._line(self._style(f"==> {plain_text(spec.label)}", "bold"))

    def step_started(self, spec: JobSpec, start: StepStart) -> ShownStep:
        """Return what takes the lines of a step."""
        step = ShownStep(spec, start, self._step_finished)
        with self._lock:
            job = self._state.jobs.get(spec.label)
            if job is not None:
                job.step = step
        return step

    def _step_finished(self, step: ShownStep, result: StepResult) -> None:
        with self._lock:
            job = self._state.jobs.get(step.spec.label)
            if job is not None:
                job.step = None
                job.done.append((result, step.count))
            self._print_step(step, result)

    def instance_finished(self, spec: JobSpec, result: JobResult) -> None:
        """Print how a job ended."""
        with self._lock:
            self._state.jobs.pop(spec.label, None)
            self._ended(spec.label, result.status, result.seconds, result.reason)
            self._print_place(result)

    def stopping(self) -> None:
        """Say that the run was told to stop, and what it still waits for."""
        with self._lock:
            if self._state.stopping:
                return
            self._state.stopping = True
            waits = self._state.waited_for()
        self._line(self._style(f"==> Stopping{': waiting for ' + waits if waits else ''}", "bold"))

    def run_finished(self, record: RunRecord, folder: Path) -> None:
        """Print the table of jobs, what failed and why, and where the logs are."""
        for line in summary_lines(record, folder, self._style):
            self._line(line)

    def ask(self, question: str) -> bool | None:
        """Ask at the terminal: whether the answer is yes, or None where there is none."""
        with self._asking:
            self._line(f"{plain_text(question)} [y/N] ")
            self.flush()
            answer = self._typed()
        return answer.strip().lower() in ("y", "yes") if answer else None

    def _typed(self) -> str:
        """Return a line of standard input; "" at its end, and when the run stops."""
        with suppress(OSError, ValueError):  # what cannot be waited for is read at once
            while not select.select([sys.stdin], [], [], _LOOK_FOR_STOP_S)[0]:
                if self._state.stopping or self._closed.is_set():
                    return ""
        return sys.stdin.readline()

    def note(self, text: str, job: str = "") -> None:
        """Print a word of the runner's own.

        Args:
            text: the word.
            job: the label of the job that it is about.
        """
        head = f"{job}: " if job else ""
        self._line(self._style(f"  {plain_text(head + text)}", "dim"))

    # How it is printed.

    def _line(self, text: str) -> None:
        self._put(self._console.masker.mask(text))

    def _put(self, what: Printed) -> None:
        self._last_word = time.monotonic()
        self._screen.put(what)

    def _style(self, text: str, *styles: str) -> str:
        return self._console.style(text, *styles)

    def _ended(self, label: str, status: str, seconds: float, reason: str) -> None:
        because = f": {plain_text(reason)}" if reason else ""
        head = f"{mark(status, self._style)} {plain_text(label)}"
        if status == "on_hold":
            # Steps of the one job that runs go on below, and their lines do not name it.
            indent = "  " if len(self._state.jobs) == 1 else ""
            self._line(f"{indent}{head}{because}")
            return
        took = f" ({format_duration(seconds)})" if status != "not_run" else ""
        self._line(f"{head}: {status_words(status)}{took}{because}")

    def _print_place(self, result: JobResult) -> None:
        if result.where:
            self._line(f"    {written_at(result.where, self._style)}")

    def _print_step(self, step: ShownStep, result: StepResult) -> None:
        several = len(self._state.jobs) > 1
        prefix = self._style(f"{plain_text(step.spec.label)} | ", "dim") if several else "  "
        stopped = self._state.stopping and result.status == "failed"
        self._line(f"{prefix}{step_head(result, self._style, stopped=stopped)}")
        if stopped or (self._quiet and result.status != "failed"):
            return
        count = step.count
        self._put(lambda: (f"{prefix}    {line}" for line in self._body(result, count)))

    def _body(self, result: StepResult, count: int) -> Iterator[str]:
        if result.status == "failed":
            yield from unfolded(result, count, _SHOWN_OF_A_FAILURE, self._style)
            return
        for line in log_lines(result.log):
            yield safe_line(line, colours=self._console.colours_progress)

    def _still_running(self) -> str:
        """Return a word where nothing was printed for long."""
        now = time.monotonic()
        if now - self._last_word < _SILENCE_S:
            return ""
        self._last_word = now
        with self._lock:
            return self._console.masker.mask(still_running(self._state, now))


def still_running(state: RunState, now: float) -> str:
    """Return which steps are running, and for how long: ``… still running: test: Run tests (2m 00s)``."""
    words = [
        f"{plain_text(job.label)}: {_doing(job)} ({format_duration(now - (job.step or job).began)})"
        for job in state.jobs.values()
    ]
    rest = f" and {len(words) - 5} more" if len(words) > 5 else ""
    return f"… still running: {', '.join(words[:5])}{rest}" if words else ""


def _doing(job: ShownJob) -> str:
    return short_name(job.step.start.name) if job.step else job.preparing
