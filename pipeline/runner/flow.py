"""One workflow of a run: what of it can start, what becomes of each job, and its automatic reruns."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from pipeline.config.model import CompiledConfig, Docker, Job, Macos, WorkflowJob
from pipeline.runner.model import JobResult, JobSpec
from pipeline.runner.plan import PlannedWorkflow
from pipeline.runner.record import LOCKS, JobRecord, WorkflowRecord, status_of
from pipeline.runner.schedule import Schedule, Status

if TYPE_CHECKING:
    from pipeline.runner.run import Runner

__all__ = ["Flow", "executor_word", "job_record"]

_NOTHING_TO_DO = ("no-op", "release")
_WORST_LAST: tuple[Status, ...] = ("not_run", "canceled", "failed", "timedout", "unauthorized")


class Flow:
    """A workflow that runs. All of its methods are called in the run's own thread.

    Args:
        config: the configuration it is of.
        planned: its jobs.
        kept: jobs that an earlier run did, by their names.
        run: the run that it is part of.
        shared_names: names of jobs that another workflow of the run has as well.
    """

    def __init__(
        self,
        config: CompiledConfig,
        planned: PlannedWorkflow,
        kept: Mapping[str, JobRecord],
        run: Runner,
        *,
        shared_names: frozenset[str] = frozenset(),
    ) -> None:
        self._config = planned.with_total(config)
        self._planned = planned
        self._run = run
        self._shared_names = shared_names
        self._requires = {
            job.name: tuple(need.name for need in job.requires) for job in planned.jobs
        }
        self._upstream = _upstream(self._requires)
        self._attempt = 0
        self._stopped = False
        self._results: dict[str, list[JobResult]] = {}
        self._groups: dict[str, str] = {}
        self._begin(kept)

    def _begin(self, kept: Mapping[str, JobRecord]) -> None:
        self._attempt += 1
        self._waiting_for_group: set[str] = set()
        self._schedule = Schedule(
            self._planned.jobs, {name: job.status for name, job in kept.items()}
        )
        jobs = [
            kept[job.name] if job.name in kept else job_record(job, self._config)
            for job in self._planned.jobs
        ]
        status = status_of(job.status for job in jobs)
        record = WorkflowRecord(
            self._planned.name,
            self._attempt,
            status,
            tuple(jobs),
            self._planned.left_out,
            self._planned.continues,
        )
        self._number = self._run.journal.add_workflow(record)
        self._note_lost("requirements not met")

    @property
    def is_over(self) -> bool:
        """Whether nothing runs and nothing can start any more."""
        return self._schedule.is_over

    def cancel(self) -> None:
        """Let nothing more start; what runs is told elsewhere."""
        self._stopped = True
        self._schedule.cancel_waiting()
        self._note_lost("the run was stopped")
        for name, status in self._schedule.status.items():
            if status == "running" and name not in self._results:
                self._finish(name, "canceled", "the run was stopped")

    def abandon(self) -> None:
        """Take for stopped what still runs; nobody waits for it any more."""
        self.cancel()
        for name, status in self._schedule.status.items():
            if status == "running":
                self._finish(name, "canceled", "the run was stopped")

    def start_ready(self) -> bool:
        """Start what can start, and say whether anything has changed by it."""
        started = False
        for job in self._schedule.ready():
            if not self._may_enter(job, job.serial_group):
                continue
            started = True
            self._start(job)
        return started

    def _start(self, job: WorkflowJob) -> None:
        body = self._config.jobs.get(job.name)
        self._schedule.start(job.name)
        if job.type == "approval":
            self._change(job.name, status="running", started_at=time.time())
            self._run.ask(job.name, lambda answer: self._approved(job.name, answer))
        elif body is None or body.type in _NOTHING_TO_DO:
            word = f"type {body.type}: nothing to do here" if body is not None else ""
            self._finish(job.name, "success", word)
        elif body.type in LOCKS:
            self._lock(job, body)
        else:
            self._submit(job, body)

    # Serial groups and locks

    def _may_enter(self, job: WorkflowJob, group: str | None) -> bool:
        groups = self._run.request.groups
        body = self._config.jobs.get(job.name)
        if group is None and body is not None and body.type == "lock":
            group = f"lock {body.key}"
        if group is None or groups is None:
            return True
        who = self._who(job.name)
        entry = groups.enter(group, who)
        if entry == "entered":
            self._groups[job.name] = group
            return True
        if entry == "overtaken":
            self._schedule.start(job.name)
            self._finish(job.name, "not_run", f"a newer run is in {group!r} already")
        elif job.name not in self._waiting_for_group:
            self._waiting_for_group.add(job.name)
            holder = groups.holder(group)
            self._change(
                job.name,
                reason=f"waits for {group!r}" + (f", which the run {holder} has" if holder else ""),
            )
        return False

    def _who(self, job: str) -> str:
        return f"{self._planned.name}/{job}"

    def _lock(self, job: WorkflowJob, body: Job) -> None:
        if body.type == "unlock":
            self._leave_lock(f"lock {body.key}")
        self._finish(job.name, "success", f"{body.type} {body.key}")

    def _leave_lock(self, group: str) -> None:
        for name, held in list(self._groups.items()):
            if held == group:
                self._leave(name)

    def _leave(self, name: str) -> None:
        group = self._groups.pop(name, None)
        if group is not None and self._run.request.groups is not None:
            self._run.request.groups.leave(group, self._who(name))

    # Jobs

    def _approved(self, name: str, answer: bool | None) -> None:
        if self._stopped:
            return
        status: Status = "success" if answer else "on_hold" if answer is None else "canceled"
        reason = {True: "approved", False: "not approved"}.get(
            answer,  # type: ignore[arg-type]  # None has the default
            f"waits for approval: run again with --approve {name}",
        )
        self._finish(name, status, reason)

    def _submit(self, job: WorkflowJob, body: Job) -> None:
        request = self._run.request
        missing = [name for name in job.contexts if name not in request.contexts]
        if missing:
            reason = f"no variables are given for the context {missing[0]!r}: --context {missing[0]}=FILE"
            self._finish(job.name, "unauthorized", reason)
            return
        variables: dict[str, str] = {}
        for name in job.contexts:
            variables |= request.contexts[name]
        if self._attempt > 1:
            request.forget(f"{self._planned.name}: {job.name}")
        self._results[job.name] = []
        self._change(job.name, reason="")
        folder = self._run.take_folder(job.name)
        shown = f"{self._planned.name}/{job.name}" if job.name in self._shared_names else ""
        for index in self._planned.indexes(job.name, body.parallelism):
            spec = JobSpec(
                job.name,
                self._planned.name,
                body,
                self._upstream[job.name],
                self._requires,
                index,
                variables,
                folder / str(index) if body.parallelism > 1 else folder,
                shown,
            )
            self._run.submit(spec, partial(self._instance_began, job.name), self._instance_ended)

    def _instance_began(self, name: str, at: float) -> None:
        if self._job(name).started_at is None:
            self._change(name, status="running", started_at=at)

    def _instance_ended(self, result: JobResult) -> None:
        results = self._results[result.name]
        results.append(result)
        ended = sorted(results, key=lambda one: one.node_index)
        self._change(result.name, instances=tuple(ended))
        for what in result.facts.get("not_emulated", ()):
            self._run.journal.not_emulated(what)
        parallelism = self._config.jobs[result.name].parallelism
        if len(results) == len(self._planned.indexes(result.name, parallelism)):
            statuses = {one.status for one in results}
            worst = [status for status in _WORST_LAST if status in statuses]
            reason = next((one.reason for one in ended if one.reason), "")
            self._finish(result.name, worst[-1] if worst else "success", reason)

    def _finish(self, name: str, status: Status, reason: str) -> None:
        job = self._job(name)
        seconds = time.time() - job.started_at if job.started_at is not None else 0.0
        self._change(name, status=status, reason=reason, seconds=seconds)
        body = self._config.jobs.get(name)
        if body is None or body.type != "lock":
            self._leave(name)
        self._schedule.finish(name, status)
        self._note_lost("requirements not met")
        if self.is_over:
            self._end()

    def _end(self) -> None:
        for name in list(self._groups):
            self._leave(name)
        again = self._planned.max_auto_reruns >= self._attempt and not self._stopped
        if again and status_of(self._schedule.status.values()) == "failed":
            jobs = self._run.journal.jobs(self._number)
            self._results.clear()
            done = {name: job for name, job in jobs.items() if job.status == "success"}
            # Locks were left, and have to be taken again around what runs again.
            self._begin({name: job for name, job in done.items() if job.type not in LOCKS})

    def _note_lost(self, reason: str) -> None:
        for name, status in self._schedule.status.items():
            if status == "not_run" and self._job(name).status in ("waiting", "running"):
                waits = [
                    need for need in self._requires[name] if self._job(need).status == "on_hold"
                ]
                self._change(
                    name, status="not_run", reason=f"waits for {waits[0]}" if waits else reason
                )

    def _job(self, name: str) -> JobRecord:
        return self._run.journal.jobs(self._number)[name]

    def _change(self, name: str, **changes: object) -> None:
        self._run.journal.change_job(self._number, name, **changes)


def job_record(job: WorkflowJob, config: CompiledConfig) -> JobRecord:
    """Return the record of a job that has not begun."""
    body = config.jobs.get(job.name)
    return JobRecord(
        name=job.name,
        type="approval" if job.type == "approval" or body is None else body.type,
        executor=executor_word(body),
        requires={need.name: need.statuses for need in job.requires},
        contexts=job.contexts,
        parallelism=body.parallelism if body is not None else 1,
        where=str(job.where),
        group=job.serial_group or "",
    )


def executor_word(body: Job | None) -> str:
    """Return where a job runs: ``docker: cimg/ruby:3.3, cimg/postgres:16``, ``machine``, ``macos``."""
    executor = body.executor if body is not None else None
    if isinstance(executor, Docker):
        return f"docker: {', '.join(image.image for image in executor.images)}"
    if isinstance(executor, Macos):
        return f"macos: xcode {executor.xcode}"
    if executor is None:
        return ""
    return f"machine: {executor.image}" if executor.image else "machine"


def _upstream(requires: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return for each job those that it needs, and that these need, in the order of the graph."""
    order: list[str] = []
    left = dict(requires)
    while left:
        free = [name for name, needs in left.items() if not any(need in left for need in needs)]
        order += free
        for name in free:
            del left[name]
    position = {name: number for number, name in enumerate(order)}
    found: dict[str, set[str]] = {}
    for name in order:
        needs = [need for need in requires[name] if need in found]
        found[name] = set(needs).union(*(found[need] for need in needs))
    return {name: tuple(sorted(names, key=position.__getitem__)) for name, names in found.items()}
