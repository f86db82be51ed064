"""What a person sees of a run: steps as they go, failures unfolded, a table at the end.

With one job at a time in a terminal the output of a step is shown while it comes, and folded to one line
where it went well; with several at once, or without a terminal, each step is printed as a block when it
ends.
"""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.output import Console, format_duration
from pipeline.runner.model import JobResult, JobSpec, StepResult
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord

__all__ = ["ShownStep", "View"]

_KEPT_LINES = 400
"""Last lines of a step that failed, shown again; its log has all."""

_MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
    "not_run": ("-", "dim"),
    "canceled": ("!", "yellow"),
    "on_hold": ("?", "yellow"),
    "timedout": ("✗", "red"),
    "waiting": ("·", "dim"),
    "unauthorized": ("✗", "red"),
}


class View:
    """Prints a run.

    Args:
        console: the way to the screen.
        quiet: whether the output of steps that go well stays in their logs.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._quiet = quiet
        self._lock = threading.RLock()
        self._jobs: set[str] = set()

    def run_started(self, record: RunRecord) -> None:
        """Take note of the run."""

    def workflow_started(self, workflow: WorkflowRecord) -> None:
        """Print that a workflow is run again."""
        if workflow.attempt > 1:
            text = f"==> {workflow.name}: rerun {workflow.attempt - 1} from where it failed"
            self._console.line(self._console.style(text, "bold"))

    def job_changed(self, workflow: WorkflowRecord, job: JobRecord) -> None:  # noqa: ARG002
        """Print how a job ended of which nothing was run, and what one waits for."""
        if job.instances or not job.reason or job.status == "running":
            return
        if job.status == "not_run" and not job.reason.startswith("a newer run"):
            return
        self._ended(job.name, job.status, job.seconds, job.reason)

    def instance_started(self, spec: JobSpec) -> None:
        """Print that a job begins."""
        with self._lock:
            self._jobs.add(spec.label)
            self._console.line(self._console.style(f"==> {spec.label}", "bold"))

    def step_started(self, label: str, name: str) -> ShownStep:
        """Return what takes the lines of a step."""
        return ShownStep(self, label, name)

    def instance_finished(self, spec: JobSpec, result: JobResult) -> None:
        """Print how a job ended."""
        with self._lock:
            self._jobs.discard(spec.label)
            self._ended(spec.label, result.status, result.seconds, result.reason)

    def _ended(self, label: str, status: str, seconds: float, reason: str) -> None:
        because = f": {reason}" if reason else ""
        self._console.line(
            f"{self._mark(status)} {label}: {status} ({format_duration(seconds)}){because}"
        )

    @contextmanager
    def paused(self) -> Iterator[Callable[[str], None]]:
        """Keep still while somebody else has the terminal; yields what prints a line all the same."""
        with self._lock:
            yield lambda text: self._console.line(self._console.style(text, "bold"))

    def ask(self, question: str) -> bool:
        """Ask at the terminal, and return whether the answer is yes."""
        self._console.line(f"{question} [y/N] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    def note(self, text: str) -> None:
        """Print a word of the runner's own."""
        self._console.detail(text)

    def _mark(self, status: str) -> str:
        mark, colour = _MARKS.get(status, ("·", "dim"))
        return self._console.style(mark, colour)

    def _prefix(self, label: str) -> str:
        return self._console.style(f"{label} | ", "dim") if len(self._jobs) > 1 else "  "

    def _finish(self, step: ShownStep, result: StepResult) -> None:
        with self._lock:
            prefix = self._prefix(step.label)
            note = self._console.style(f"  {result.note}", "dim") if result.note else ""
            took = self._console.style(f" ({format_duration(result.seconds)})", "dim")
            self._console.line(f"{prefix}{self._mark(result.status)} {result.name}{took}{note}")
            if self._quiet and result.status != "failed":
                return
            for line in step.lines:
                self._console.line(f"{prefix}    {line}")
            if result.status == "failed":
                where = f"{prefix}    {self._console.style('written at', 'dim')} {result.where}"
                self._console.line(where)

    def run_finished(self, record: RunRecord, folder: Path) -> None:
        """Print the table of jobs, and where the logs are."""
        rows = [
            row for flow in record.last_attempts() for job in flow.jobs for row in self._rows(job)
        ]
        self._console.line(self._console.style("==> Summary", "bold"))
        width = max((len(row[0]) for row in rows), default=0)
        for name, text in rows:
            self._console.line(f"  {name.ljust(width)}  {text}")
        for what in record.not_emulated:
            self._console.detail(f"not as on CircleCI: {what}")
        self._console.detail(f"in {format_duration(record.seconds)}; logs in {folder}")

    def _rows(self, job: JobRecord) -> Iterator[tuple[str, str]]:
        if not job.instances:
            words = f"{job.status}  {format_duration(job.seconds)}  {job.reason}"
            yield f"{self._mark(job.status)} {job.name}", words.rstrip()
        for result in job.instances:
            number = f"[{result.node_index}]" if job.parallelism > 1 else ""
            words = f"{result.status}  {format_duration(result.seconds)}  {_facts(result)}"
            yield f"{self._mark(result.status)} {result.name}{number}", words.rstrip()


def _facts(result: JobResult) -> str:
    words = []
    tests = result.facts.get("tests")
    if tests:
        words.append(f"{tests['total']} tests, {tests['failed']} failed")
    for cache in result.facts.get("caches", ()):
        if cache["action"] != "saved":
            words.append("cache hit" if cache["action"] == "restored" else "cache miss")
    if result.reason:
        words.append(result.reason)
    return ", ".join(words)


@dataclass(slots=True)
class ShownStep:
    """The lines of a step, the last of them kept until it ends."""

    view: View
    label: str
    name: str
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))

    def line(self, text: str) -> None:
        """Take a line."""
        self.lines.append(text)

    def finished(self, result: StepResult) -> None:
        """Print the step."""
        self.view._finish(self, result)
