"""Which chain of jobs decided how long a run took: what has to become faster for it to end earlier.

Pure: it knows when jobs began and ended, and what each waited for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord

__all__ = ["PathPart", "critical_path", "path_of_run"]


@dataclass(frozen=True, slots=True)
class PathPart:
    """A job of the critical path.

    Attributes:
        workflow: its workflow.
        name: its name.
        started_at: seconds since 1970.
        seconds: how long it took.
        waited_s: how long it could have run before it did: there was no room, its serial group was
            taken, or an earlier attempt of its workflow was under way.
    """

    workflow: str
    name: str
    started_at: float
    seconds: float
    waited_s: float

    @property
    def ended_at(self) -> float:
        """When it ended, in seconds since 1970."""
        return self.started_at + self.seconds


def critical_path(workflow: WorkflowRecord, began_at: float) -> tuple[PathPart, ...]:
    """Return the chain of jobs that ended last, each waiting for the one before, the first one first.

    The waits and durations of the parts come to the time from ``began_at`` to the end of the last job.
    Jobs that did not start, and those that an earlier run did, take no time: they are seen through.

    Args:
        workflow: the jobs and their requirements.
        began_at: when the first of them could have started, in seconds since 1970.
    """
    jobs = {job.name: job for job in workflow.jobs}
    chain = []
    last = _last(job for job in jobs.values() if _took_time(job, began_at))
    while last is not None:
        chain.append(last)
        last = _last(_needed(last, jobs, began_at))
    parts: list[PathPart] = []
    for job in reversed(chain):
        free_at = parts[-1].ended_at if parts else began_at
        # Clocks are set back now and then: a job never begins before what it waited for has ended.
        start = max(job.started_at or 0.0, free_at)
        end = max(_end(job), start)
        parts.append(PathPart(workflow.name, job.name, start, end - start, start - free_at))
    return tuple(parts)


def path_of_run(record: RunRecord) -> tuple[PathPart, ...]:
    """Return the critical path of the workflow that ended last; none where no job started.

    What a setup workflow handed over could start when that had ended, so its path stands before.
    """
    flows = record.last_attempts()
    path = _longest((flow for flow in flows if not flow.continues), record.started_at)
    free_at = path[-1].ended_at if path else record.started_at
    return path + _longest((flow for flow in flows if flow.continues), free_at)


def _longest(flows: Iterable[WorkflowRecord], began_at: float) -> tuple[PathPart, ...]:
    paths = (critical_path(flow, began_at) for flow in flows)
    return max((path for path in paths if path), key=lambda path: path[-1].ended_at, default=())


def _needed(job: JobRecord, jobs: Mapping[str, JobRecord], began_at: float) -> Iterator[JobRecord]:
    """Yield the jobs that took time and had to end before this one could start."""
    seen = {job.name}
    names = list(job.requires)
    while names:
        name = names.pop()
        if name in seen or name not in jobs:
            continue
        seen.add(name)
        if _took_time(jobs[name], began_at):
            yield jobs[name]
        else:
            names += jobs[name].requires


def _took_time(job: JobRecord, began_at: float) -> bool:
    return job.started_at is not None and not job.kept_from and _end(job) >= began_at


def _last(jobs: Iterable[JobRecord]) -> JobRecord | None:
    """Return the job that ended last; of several the one that comes first by name."""
    return max(sorted(jobs, key=lambda job: job.name), key=_end, default=None)


def _end(job: JobRecord) -> float:
    return (job.started_at or 0.0) + job.seconds
