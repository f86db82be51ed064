"""What reports are made of: a run's record, with places in the page, logs, tests and artifacts."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.errors import InvalidInput
from pipeline.runner.model import JobResult, StepResult
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord
from pipeline.runner.report_log import LogLimits
from pipeline.runner.report_text import anchor_name
from pipeline.runner.test_results import CaseResult, ResultSet, read_results

__all__ = [
    "ReportData",
    "ReportFlow",
    "ReportInstance",
    "ReportJob",
    "ReportStep",
    "read_report",
]

_MOST_ARTIFACTS = 200
"""Files listed of an instance; a coverage report of a large app has thousands."""
_MOST_BYTES = 40_000_000
"""Of logs in one page; with more, those of steps that went well are cut to a tenth."""


@dataclass(frozen=True, slots=True)
class ReportStep:
    """A step, its place in the page, and its log's file (None where there is none to be read)."""

    result: StepResult
    anchor: str
    log: Path | None


@dataclass(frozen=True, slots=True)
class ReportInstance:
    """An instance of a job that ended.

    Attributes:
        result: how it ended.
        label: what it is called: ``test``, ``test[1]``.
        anchor: its place in the page.
        steps: its steps.
        tests: the test results that it stored.
        test_warnings: what of them could not be read.
        artifacts: files that it stored.
        artifacts_left_out: how many of them are not listed.
    """

    result: JobResult
    label: str
    anchor: str
    steps: tuple[ReportStep, ...]
    tests: tuple[CaseResult, ...] = ()
    test_warnings: tuple[str, ...] = ()
    artifacts: tuple[Path, ...] = ()
    artifacts_left_out: int = 0


@dataclass(frozen=True, slots=True)
class ReportJob:
    """A job, what it is called in the page, its place there, and its instances.

    ``attempt`` is the one in which it ran: a rerun takes over what had gone well.
    """

    record: JobRecord
    label: str
    anchor: str
    instances: tuple[ReportInstance, ...]
    attempt: int = 1
    is_taken_over: bool = False


@dataclass(frozen=True, slots=True)
class ReportFlow:
    """An attempt of a workflow; ``is_last`` says that it counts."""

    record: WorkflowRecord
    title: str
    is_last: bool
    jobs: tuple[ReportJob, ...]


@dataclass(frozen=True, slots=True)
class ReportData:
    """A run.

    Attributes:
        record: its record.
        folder: its folder.
        flows: the attempts of its workflows in the order in which they began.
        mask: hides secrets in texts that come from the configuration or from tests.
    """

    record: RunRecord
    folder: Path
    flows: tuple[ReportFlow, ...]
    mask: Callable[[str], str] = field(default=str)

    def jobs(self) -> Iterator[ReportJob]:
        """Yield the jobs of all attempts."""
        return (job for flow in self.flows for job in flow.jobs)

    def last_jobs(self) -> Iterator[ReportJob]:
        """Yield the jobs of the attempts that count."""
        return (job for flow in self.flows if flow.is_last for job in flow.jobs)

    def log_limits(self, step: ReportStep, total_bytes: int) -> LogLimits:
        """Return how much to show of a step's log, in a page of so many bytes of logs."""
        if total_bytes <= _MOST_BYTES or step.result.status == "failed":
            return LogLimits()
        return LogLimits(200, 50_000)


def read_report(
    record: RunRecord, folder: Path, mask: Callable[[str], str] | None = None
) -> ReportData:
    """Read what there is of a run.

    Args:
        record: the run's record.
        folder: its folder, wherever it is now: paths in the record count from the folder of its name.
        mask: hides secrets; nothing is known to be one where it is None.

    Raises:
        InvalidInput: the record has values that no run writes: it was made by something else.
    """
    _check(record)
    reader = _Reader(record, folder, mask or (lambda text: text))
    return ReportData(record, folder, tuple(reader.flows()), reader.mask)


def _check(record: RunRecord) -> None:
    jobs = [job for flow in record.workflows for job in flow.jobs]
    results = [result for job in jobs for result in job.instances]
    steps = [step for result in results for step in result.steps]
    statuses = {
        str(one.status) for some in (record.workflows, jobs, results, steps) for one in some
    }
    for status in sorted({record.status, *statuses}):
        if not re.fullmatch("[a-z_]+", status):
            raise InvalidInput(f"the record of the run {record.id} has a status {status!r}")
    timed: list[RunRecord | JobRecord | JobResult | StepResult] = [record, *jobs, *results, *steps]
    for seconds in {one.seconds for one in timed}:
        if not isinstance(seconds, int | float):
            raise InvalidInput(f"the record of the run {record.id} has a time {seconds!r}")


class _Reader:
    def __init__(self, record: RunRecord, folder: Path, mask: Callable[[str], str]) -> None:
        self._record = record
        self._folder = folder.absolute()
        self.mask = mask
        self._taken: set[str] = set()
        self._last = {id(flow) for flow in record.last_attempts()}
        names = Counter(job.name for flow in record.last_attempts() for job in flow.jobs)
        self._shared = {name for name, count in names.items() if count > 1}

    def flows(self) -> Iterator[ReportFlow]:
        # The attempts that count come first, so that their places have the plain names.
        numbered = list(enumerate(self._record.workflows))
        ordered = sorted(numbered, key=lambda one: (id(one[1]) not in self._last, one[0]))
        made = {number: self._flow(flow) for number, flow in ordered}
        return (made[number] for number, _ in numbered)

    def _flow(self, flow: WorkflowRecord) -> ReportFlow:
        is_last = id(flow) in self._last
        attempts = len(self._attempts(flow))
        name = self.mask(flow.name)
        title = f"{name}, attempt {flow.attempt} of {attempts}" if attempts > 1 else name
        jobs = tuple(self._job(flow, job, is_last) for job in flow.jobs)
        return ReportFlow(flow, title, is_last, jobs)

    def _job(self, flow: WorkflowRecord, job: JobRecord, is_last: bool) -> ReportJob:
        label = f"{flow.name}/{job.name}" if job.name in self._shared else job.name
        place = label if is_last else f"attempt-{flow.attempt}/{label}"
        label, place = self.mask(label), self.mask(place)
        anchor = self._anchor(place)
        several = job.parallelism > 1
        instances = tuple(
            self._instance(
                job,
                result,
                f"{label}[{result.node_index}]" if several else label,
                self._anchor(f"{place}[{result.node_index}]") if several else anchor,
            )
            for result in job.instances
        )
        ran = min(other.attempt for other in self._attempts(flow) if job in other.jobs)
        return ReportJob(job, label, anchor, instances, ran, ran < flow.attempt)

    def _attempts(self, flow: WorkflowRecord) -> list[WorkflowRecord]:
        return [other for other in self._record.workflows if other.name == flow.name]

    def _instance(
        self, job: JobRecord, result: JobResult, label: str, anchor: str
    ) -> ReportInstance:
        steps = tuple(self._step(job, step, anchor) for step in result.steps)
        folder = self._inside(result.folder, job) if result.folder else None
        if folder is None:
            return ReportInstance(result, label, anchor, steps)
        tests = folder / "test-results"
        is_there = tests.is_dir() and _is_below(tests, folder)
        found = read_results(tests) if is_there else ResultSet()
        files = _files(folder / "artifacts")
        masked = tuple(self._case(case) for case in found.cases)
        warnings = tuple(self.mask(text.removeprefix(f"{tests}/")) for text in found.warnings)
        return ReportInstance(
            result,
            label,
            anchor,
            steps,
            masked,
            warnings,
            tuple(files[:_MOST_ARTIFACTS]),
            max(0, len(files) - _MOST_ARTIFACTS),
        )

    def _case(self, case: CaseResult) -> CaseResult:
        mask = self.mask
        return replace(
            case,
            name=mask(case.name),
            classname=mask(case.classname),
            suite=mask(case.suite),
            file=mask(case.file),
            message=mask(case.message),
        )

    def _step(self, job: JobRecord, step: StepResult, anchor: str) -> ReportStep:
        note = step.note.rpartition(f"/{self._record.id}/")[2]
        masked = replace(step, name=self.mask(step.name), note=self.mask(note))
        log = self._inside(step.log, job) if step.log else None
        return ReportStep(masked, self._anchor(f"{anchor}/{masked.name[:60]}"), log)

    def _anchor(self, text: str) -> str:
        name = anchor_name(text)
        anchor, number = name, 2
        while anchor in self._taken:
            anchor, number = f"{name}-{number}", number + 1
        self._taken.add(anchor)
        return anchor

    def _inside(self, text: str, job: JobRecord) -> Path | None:
        """Return a path of the record where it is now; None for one that leads out of the runs."""
        path = Path(text)
        run_id = job.kept_from or self._record.id
        if run_id not in path.parts:
            return None
        rest = path.parts[path.parts.index(run_id) + 1 :]
        runs = self._folder.parent
        home = runs / job.kept_from if job.kept_from else self._folder
        found = home.joinpath(*rest)
        return found if _is_below(found, home) else None


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _files(folder: Path) -> list[Path]:
    """Return the files below a folder in the order of their names, without following links."""
    if not folder.is_dir() or folder.is_symlink():
        return []
    found = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        found += [Path(parent, name) for name in sorted(names)]
    return found
