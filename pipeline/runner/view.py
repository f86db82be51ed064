"""What a person sees of a run: steps as they go, failures unfolded, a table at the end.

With one job at a time in a terminal the output of a step is shown while it comes, and folded to one line
where it went well; with several at once, or without a terminal, each step is printed as a block when it
ends.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.output import Console, format_duration
from pipeline.runner.model import JobResult, StepResult

__all__ = ["ShownStep", "View"]

_KEPT_LINES = 400
"""Last lines of a step that failed, shown again; its log has all."""

_MARKS = {
    "success": ("✓", "green"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
    "not_run": ("-", "dim"),
    "canceled": ("!", "yellow"),
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

    def job_started(self, label: str) -> None:
        """Print that a job begins."""
        with self._lock:
            self._jobs.add(label)
            self._console.line(self._console.style(f"==> {label}", "bold"))

    def step_started(self, label: str, name: str) -> ShownStep:
        """Return what takes the lines of a step."""
        return ShownStep(self, label, name)

    def job_finished(self, result: JobResult, label: str) -> None:
        """Print how a job ended."""
        with self._lock:
            self._jobs.discard(label)
            mark = self._mark(result.status)
            reason = f": {result.reason}" if result.reason else ""
            self._console.line(
                f"{mark} {label}: {result.status} ({format_duration(result.seconds)}){reason}"
            )

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

    def summary(self, results: Sequence[JobResult], seconds: float, folder: Path) -> None:
        """Print the table of jobs, and where the logs are."""
        rows = [
            (
                f"{self._mark(result.status)} {result.name}"
                + (f"[{result.node_index}]" if result.node_index else ""),
                f"{result.status}  {format_duration(result.seconds)}  {_facts(result)}".rstrip(),
            )
            for result in results
        ]
        self._console.line(self._console.style("==> Summary", "bold"))
        width = max((len(row[0]) for row in rows), default=0)
        for name, text in rows:
            self._console.line(f"  {name.ljust(width)}  {text}")
        self._console.detail(f"in {format_duration(seconds)}; logs in {folder}")


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
