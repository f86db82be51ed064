"""What goes on in a run at this moment, as far as a screen shows it: bounded, whatever steps print."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from pipeline.runner.model import JobSpec, StepResult
from pipeline.runner.record import JobRecord, WorkflowRecord
from pipeline.runner.view_text import plain_text

__all__ = ["RunState", "ShownJob", "ShownStep", "StepStart"]

_KEPT_LINES = 20
"""Last lines of a running step that a screen may show."""
_KEPT_CHARACTERS = 2000
_NAMED = 3


@dataclass(frozen=True, slots=True)
class StepStart:
    """A step as it begins.

    Attributes:
        number: its place in the job, from 0.
        name: as it is shown.
        type: ``run``, ``checkout`` …
        where: file and line it is written at.
        log: the file that its output goes to.
    """

    number: int
    name: str
    type: str
    where: str
    log: str


@dataclass(slots=True)
class ShownStep:
    """A step that runs; its lines come from the thread that runs it, which never waits here.

    Attributes:
        spec: its job.
        start: what it is.
        on_finished: called once, with how it ended.
        began: seconds, monotonic.
        count: lines so far.
        lines: the last of them, long ones cut.
        unfinished: gives the line that has no end yet.
    """

    spec: JobSpec
    start: StepStart
    on_finished: Callable[[ShownStep, StepResult], None]
    began: float = field(default_factory=time.monotonic)
    count: int = 0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    unfinished: Callable[[], str] = lambda: ""

    def take(self, lines: list[str]) -> None:
        """Take lines."""
        self.count += len(lines)
        self.lines.extend(line[-_KEPT_CHARACTERS:] for line in lines[-_KEPT_LINES:])

    def finished(self, result: StepResult) -> None:
        """Take note of the step's end."""
        self.on_finished(self, result)


@dataclass(slots=True)
class ShownJob:
    """An instance of a job that runs: the steps that ended, and the one that goes on."""

    spec: JobSpec
    began: float = field(default_factory=time.monotonic)
    done: list[tuple[StepResult, int]] = field(default_factory=list)
    step: ShownStep | None = None
    preparing: str = "preparing"

    @property
    def label(self) -> str:
        """The job's name, with the instance's number where there are several."""
        return self.spec.label


@dataclass(slots=True)
class RunState:
    """A run.

    Attributes:
        began: seconds, monotonic.
        jobs: the instances that run, in the order in which they started.
        records: by workflow the jobs' records.
        question: what is asked at the keyboard, or "".
        stopping: whether the run was told to stop.
    """

    began: float = field(default_factory=time.monotonic)
    jobs: dict[str, ShownJob] = field(default_factory=dict)
    records: dict[str, dict[str, JobRecord]] = field(default_factory=dict)
    question: str = ""
    stopping: bool = False

    def begin_workflow(self, workflow: WorkflowRecord) -> None:
        """Take note of a workflow's jobs, or of another attempt at them."""
        self.records[workflow.name] = {job.name: job for job in workflow.jobs}

    def change(self, workflow: WorkflowRecord, job: JobRecord) -> None:
        """Take note of how far a job is."""
        self.records.setdefault(workflow.name, {})[job.name] = job

    def waited_for(self) -> str:
        """Return which jobs run, and what each is at: ``test (Run tests), lint and 3 more``."""
        words = [
            f"{job.label} ({job.step.start.name})" if job.step else job.label
            for job in self.jobs.values()
        ]
        more = f" and {len(words) - _NAMED} more" if len(words) > _NAMED else ""
        return plain_text(", ".join(words[:_NAMED]) + more)

    def counts(self) -> Counter[str]:
        """Return how many jobs have each status."""
        return Counter(job.status for jobs in self.records.values() for job in jobs.values())

    def instances(self) -> int:
        """Return how many instances the jobs have."""
        return sum(job.parallelism for jobs in self.records.values() for job in jobs.values())
