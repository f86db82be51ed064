"""Keeps the record of a run while it goes on: what changes is written down and shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.disk import error_of_disk, telling_of_disk
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord, status_of, write_record
from pipeline.runner.view import View

__all__ = ["Journal"]

_BETWEEN_WRITES_S = 0.5
"""A run of a thousand jobs that do nothing is not to write a thousand records; what is left unwritten is
written when nothing happens for that long, so that a killed run's record has all jobs that ended."""

_RESERVE_FILE = ".reserve"
_RESERVE_BYTES = 256 * 1024
"""Room that a run keeps for its record, which has to be written also where the disk is full by then."""


@dataclass(slots=True)
class _Workflow:
    begun: WorkflowRecord
    jobs: dict[str, JobRecord]

    def record(self) -> WorkflowRecord:
        status = status_of(job.status for job in self.jobs.values())
        return replace(self.begun, status=status, jobs=tuple(self.jobs.values()))


class Journal:
    """The record of a run, changed by one thread.

    Args:
        folder: the run's folder; made where it is missing.
        record: the run as it begins.
        view: is told of every change.
        now: seconds since 1970.
    """

    def __init__(
        self, folder: Path, record: RunRecord, view: View, *, now: Callable[[], float] = time.time
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._reserve = folder / _RESERVE_FILE
        with telling_of_disk(folder):
            self._reserve.write_bytes(bytes(_RESERVE_BYTES))
        self._view = view
        self._now = now
        self._written_at = 0.0
        self._is_behind = False
        self._begun = replace(record, started_at=now())
        self._workflows: list[_Workflow] = []
        self._not_emulated: dict[str, None] = {}
        self._status = record.status
        self._ended_at: float | None = None
        with telling_of_disk(folder):
            self._write()
        view.run_started(self.record)

    @property
    def record(self) -> RunRecord:
        """The run's record as far as it is."""
        ended_at = self._ended_at if self._ended_at is not None else self._now()
        return replace(
            self._begun,
            status=self._status,
            seconds=ended_at - self._begun.started_at,
            workflows=tuple(workflow.record() for workflow in self._workflows),
            not_emulated=tuple(self._not_emulated),
        )

    def add_workflow(self, workflow: WorkflowRecord) -> int:
        """Add a workflow, and return its number, by which its jobs are changed."""
        self._workflows.append(_Workflow(workflow, {job.name: job for job in workflow.jobs}))
        self._view.workflow_started(workflow)
        self._write_soon()
        return len(self._workflows) - 1

    def jobs(self, number: int) -> Mapping[str, JobRecord]:
        """Return a workflow's jobs by their names."""
        return self._workflows[number].jobs

    def change_job(self, number: int, name: str, **changes: Any) -> None:
        """Change a job's record."""
        workflow = self._workflows[number]
        before = workflow.jobs[name]
        workflow.jobs[name] = job = replace(before, **changes)
        if job.status != before.status or job.reason != before.reason:
            self._view.job_changed(workflow.begun, job)
        self._write_soon()

    def not_emulated(self, what: str) -> None:
        """Note something that CircleCI does and this run does not."""
        self._not_emulated[what] = None

    def catch_up(self) -> None:
        """Write down what has changed, unless that was done a moment ago."""
        if self._is_behind and time.monotonic() - self._written_at > _BETWEEN_WRITES_S:
            self._try_to_write()

    def close(self, *, stopped: bool = False, broken_off: bool = False) -> RunRecord:
        """Write how the run ended, and return its record.

        Args:
            stopped: whether somebody stopped it, so that it did not go well even if its jobs did.
            broken_off: whether an error ended it.

        Raises:
            WorkFailed: it cannot be written; what the file says is how far the run was before.
        """
        self._ended_at = self._now()
        status = status_of(flow.status for flow in self.record.last_attempts())
        failed = broken_off or (stopped and status in ("success", "not_run"))
        self._status = "failed" if failed else status
        with telling_of_disk(self._folder):
            self._reserve.unlink(missing_ok=True)
            self._write()
        return self.record

    def _write_soon(self) -> None:
        self._is_behind = True
        self.catch_up()

    def _try_to_write(self) -> None:
        """Write it down if the disk takes it: else the run goes on, and its end is written in any case."""
        try:
            self._write()
        except OSError as error:
            if error_of_disk(error) is None:
                raise
            self._written_at = time.monotonic()

    def _write(self) -> None:
        write_record(self.record, self._folder)
        self._is_behind = False
        self._written_at = time.monotonic()
