"""Which job of a workflow may start when: the requirements, worked off by how jobs end.

Pure: whoever runs the jobs asks :meth:`Schedule.ready` and tells :meth:`Schedule.finish`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pipeline.config.model import WorkflowJob

__all__ = ["Schedule", "Status"]

Status = Literal[
    "waiting",
    "running",
    "success",
    "failed",
    "timedout",
    "canceled",
    "unauthorized",
    "on_hold",
    "not_run",
]
"""How far a job is, or how it ended: CircleCI's words."""
_OPEN = ("waiting", "running")


class Schedule:
    """The jobs of a workflow and how far they are.

    Args:
        jobs: the jobs; requirements that are not among them are passed over, as those that a filter
            left out.
        ended: jobs that need not run any more, as they ended in an earlier run.
    """

    def __init__(
        self, jobs: Iterable[WorkflowJob], ended: Mapping[str, Status] | None = None
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        self._status: dict[str, Status] = dict.fromkeys(self._jobs, "waiting")
        self._status |= ended or {}
        self._held: dict[str, str] = {}
        self._settle()

    @property
    def status(self) -> dict[str, Status]:
        """Every job's status by its name."""
        return dict(self._status)

    @property
    def is_over(self) -> bool:
        """Whether nothing runs and nothing can start any more."""
        return not any(status in _OPEN for status in self._status.values())

    def ready(self) -> list[WorkflowJob]:
        """Return the jobs that may start now, in the order of the document.

        Of a serial group one is given at a time.
        """
        found = []
        groups = set(self._held)
        for name, job in self._jobs.items():
            if self._status[name] != "waiting" or not self._requirements_met(job):
                continue
            if job.serial_group is not None:
                if job.serial_group in groups:
                    continue
                groups.add(job.serial_group)
            found.append(job)
        return found

    def start(self, name: str) -> None:
        """Take note that a job runs."""
        self._status[name] = "running"
        group = self._jobs[name].serial_group
        if group is not None:
            self._held[group] = name

    def finish(self, name: str, status: Status) -> list[str]:
        """Take note of how a job ended; returns the jobs that can now never start (``not_run``)."""
        self._status[name] = status
        group = self._jobs[name].serial_group
        if group is not None:
            self._held.pop(group, None)
        return self._settle()

    def cancel_waiting(self) -> list[str]:
        """Let nothing more start; returns the jobs that now do not run."""
        waiting = [name for name, status in self._status.items() if status == "waiting"]
        for name in waiting:
            self._status[name] = "not_run"
        return waiting

    def _requirements_met(self, job: WorkflowJob) -> bool:
        return all(
            _required(self._status[need.name]) in need.statuses
            for need in job.requires
            if need.name in self._status
        )

    def _settle(self) -> list[str]:
        """Mark what waits for an ending that did not come; that can free others that wait for that."""
        lost: list[str] = []
        changed = True
        while changed:
            changed = False
            for name, job in self._jobs.items():
                if self._status[name] == "waiting" and self._is_lost(job):
                    self._status[name] = "not_run"
                    lost.append(name)
                    changed = True
        return lost

    def _is_lost(self, job: WorkflowJob) -> bool:
        for need in job.requires:
            status = self._status.get(need.name)
            if status is None or status in _OPEN:
                continue
            if _required(status) not in need.statuses:
                return True
        return False


def _required(status: Status) -> str:
    """Return the status as ``requires`` names it."""
    return "failed" if status == "timedout" else status
