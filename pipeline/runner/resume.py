"""What a run takes over from an earlier one: jobs that went well, with what they persisted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.config.model import JobRequirement
from pipeline.errors import InvalidInput
from pipeline.runner.plan import PlannedWorkflow
from pipeline.runner.record import LOCKS, JobRecord, RunRecord
from pipeline.runner.test_results import CaseResult, read_results

__all__ = ["Resumed", "failed_tests", "resume_failed", "resume_from"]

Kept = Mapping[str, Mapping[str, JobRecord]]


@dataclass(frozen=True, slots=True)
class Resumed:
    """What to run, and what an earlier run did already, by workflow and job.

    ``run`` is that earlier run, which has the workspace of all that is kept, or "".
    """

    workflows: tuple[PlannedWorkflow, ...]
    kept: Kept
    run: str = ""

    def names(self) -> Iterator[str]:
        """Yield the names of the jobs."""
        return (job.name for workflow in self.workflows for job in workflow.jobs)

    def left_to_do(self) -> list[PlannedWorkflow]:
        """Return the workflows without the jobs that are taken over."""
        return [
            replace(
                workflow,
                jobs=tuple(
                    job for job in workflow.jobs if job.name not in self.kept.get(workflow.name, {})
                ),
            )
            for workflow in self.workflows
        ]


def failed_tests(record: RunRecord) -> dict[str, tuple[CaseResult, ...]]:
    """Return the tests that failed in a run's jobs, by ``workflow: job``.

    A job that failed without a failed test among its results is not there: all its tests are to run.
    """
    found: dict[str, tuple[CaseResult, ...]] = {}
    for flow in record.last_attempts():
        for job in flow.jobs:
            folders = [Path(one.folder) / "test-results" for one in job.instances if one.folder]
            cases = [case for folder in folders for case in read_results(folder).cases]
            failed = tuple(case for case in cases if case.failed)
            if failed and job.status != "success":
                found[f"{flow.name}: {job.name}"] = failed
    return found


def resume_failed(planned: Iterable[PlannedWorkflow], record: RunRecord) -> Resumed:
    """Keep of a run every job that went well; what failed, was stopped or did not start is run.

    A job that went well after one that is to run again is run again as well.

    Raises:
        InvalidInput: all went well.
    """
    workflows = tuple(planned)
    kept = {flow.name: _went_well(flow, record) for flow in workflows}
    if all(len(kept[flow.name]) == len(flow.jobs) for flow in workflows):
        raise InvalidInput(
            f"nothing of the run {record.id} is left to be run: all its jobs went well",
            hint="`orbyard ci.run` runs all of them again, `--from JOB` some",
        )
    return Resumed(
        workflows, {flow.name: _to_keep(flow, kept[flow.name]) for flow in workflows}, record.id
    )


def _went_well(flow: PlannedWorkflow, record: RunRecord) -> dict[str, JobRecord]:
    before = {job.name: job for job in _jobs(record, flow.name)}
    kept: dict[str, JobRecord] = {}
    changed = True
    while changed:
        changed = False
        for job in flow.jobs:
            old = before.get(job.name)
            if job.name in kept or old is None or old.status != "success":
                continue
            if not _is_whole(flow, old):
                continue
            if all(need.name in kept or _was_awaited(need, before) for need in job.requires):
                kept[job.name] = _from(record, old)
                changed = True
    return kept


def _to_keep(flow: PlannedWorkflow, done: Mapping[str, JobRecord]) -> Mapping[str, JobRecord]:
    """Return jobs without locks, which no run has any more, where others of their workflow are run."""
    if len(done) == len(flow.jobs):
        return done
    return {name: job for name, job in done.items() if job.type not in LOCKS}


def _is_whole(flow: PlannedWorkflow, job: JobRecord) -> bool:
    """Return whether all instances of a job were run, not one that was chosen."""
    return not job.instances or len(job.instances) == len(flow.indexes(job.name, job.parallelism))


def _was_awaited(need: JobRequirement, before: Mapping[str, JobRecord]) -> bool:
    """Return whether a job did not go well, and its dependent was there for just that."""
    status = before[need.name].status if need.name in before else "waiting"
    return status != "success" and status in need.statuses


def _jobs(record: RunRecord, workflow: str) -> tuple[JobRecord, ...]:
    return next((flow.jobs for flow in record.last_attempts() if flow.name == workflow), ())


def _from(record: RunRecord, job: JobRecord) -> JobRecord:
    return replace(job, kept_from=job.kept_from or record.id)


def resume_from(
    planned: Iterable[PlannedWorkflow], job: str, records: Iterable[RunRecord]
) -> Resumed:
    """Run a job and all that follow it, with what is before it taken from an earlier run.

    What the followers need besides is taken from there as well, and run where it did not go well.

    Args:
        planned: the workflows; the first that has the job counts.
        job: where to begin.
        records: earlier runs, the best first: the first in which all went well that is needed is taken.

    Raises:
        InvalidInput: there is no such job, or no such run.
    """
    flow = next((one for one in planned if job in {other.name for other in one.jobs}), None)
    if flow is None:
        raise InvalidInput(f"there is no job {job!r} among those that would run")
    requires = {one.name: [need.name for need in one.requires] for one in flow.jobs}
    wanted = _followers(job, requires)
    needed, beside = _all_before({job}, requires), _all_before(wanted, requires)
    jobs = tuple(one for one in flow.jobs if one.name in wanted | beside)
    narrowed = replace(flow, jobs=jobs)
    earlier = replace(flow, jobs=tuple(one for one in jobs if one.name in beside))
    for record in records:
        found = _went_well(earlier, record)
        if found.keys() >= needed:
            return Resumed((narrowed,), {flow.name: _to_keep(narrowed, found)}, record.id)
    if not needed:
        return Resumed((narrowed,), {})
    names = ", ".join(one.name for one in flow.jobs if one.name in needed)
    raise InvalidInput(
        f"{job} needs {names}, and there is no run in which that went well",
        hint=f"`orbyard ci.run --job {job}` runs what it needs as well",
    )


def _followers(job: str, requires: Mapping[str, list[str]]) -> set[str]:
    found = {job}
    changed = True
    while changed:
        more = {name for name, needs in requires.items() if found.intersection(needs)} - found
        found |= more
        changed = bool(more)
    return found


def _all_before(jobs: set[str], requires: Mapping[str, list[str]]) -> set[str]:
    found: set[str] = set()
    todo = list(jobs)
    while todo:
        more = [need for need in requires[todo.pop()] if need not in found and need not in jobs]
        found.update(more)
        todo += more
    return found
