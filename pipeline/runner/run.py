"""A run: workflows' jobs, as many at once as were asked for, until nothing can start any more."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.config.model import CompiledConfig, Job, WorkflowJob
from pipeline.errors import OrbyardError
from pipeline.runner.model import JobResult, JobSpec
from pipeline.runner.plan import PlannedWorkflow
from pipeline.runner.schedule import Schedule, Status
from pipeline.runner.view import View

__all__ = ["RunRequest", "RunResult", "run_workflows"]

_NOTHING_TO_DO = ("no-op", "release", "lock", "unlock")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run does, beyond the jobs themselves.

    Attributes:
        run_id: its id, part of folder and container names.
        folder: where its logs go.
        at_once: instances of jobs that may run at the same time.
        approve: asked for each approval by its name; True lets it pass.
        contexts: variables of each context by its name.
        run_instance: runs one instance of a job.
        cancel: set when the run is to stop.
    """

    run_id: str
    folder: Path
    at_once: int
    approve: Callable[[str], bool]
    contexts: Mapping[str, Mapping[str, str]]
    run_instance: Callable[[JobSpec], JobResult]
    cancel: threading.Event


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: each instance of a job, and whether all is well."""

    results: tuple[JobResult, ...]
    seconds: float

    @property
    def is_success(self) -> bool:
        """Whether no job failed or was stopped."""
        return all(result.status in ("success", "not_run") for result in self.results)


def run_workflows(
    config: CompiledConfig, workflows: Iterable[PlannedWorkflow], request: RunRequest, view: View
) -> RunResult:
    """Run the jobs of the planned workflows and return how they ended.

    A job that fails does not stop others that do not need it.
    """
    began = time.monotonic()
    results: list[JobResult] = []
    folders = _Folders(request.folder / "jobs")
    for workflow in workflows:
        results += _Flow(config, workflow, request, view, folders).run()
    result = RunResult(tuple(results), time.monotonic() - began)
    write_record(request, result)
    return result


class _Folders:
    """Gives each job a folder of its own: two workflows may have a job of the same name."""

    def __init__(self, parent: Path) -> None:
        self._parent = parent
        self._taken: set[str] = set()

    def take(self, name: str) -> Path:
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in name).lstrip(".") or "job"
        folder, number = plain, 2
        while folder.casefold() in self._taken:
            folder, number = f"{plain}-{number}", number + 1
        self._taken.add(folder.casefold())
        return self._parent / folder


class _Flow:
    def __init__(
        self,
        config: CompiledConfig,
        workflow: PlannedWorkflow,
        request: RunRequest,
        view: View,
        folders: _Folders,
    ) -> None:
        self._config = config
        self._workflow = workflow
        self._request = request
        self._view = view
        self._folders = folders
        self._schedule = Schedule(workflow.jobs)
        self._requires = {
            job.name: tuple(need.name for need in job.requires) for job in workflow.jobs
        }
        self._upstream = _upstream(self._requires)
        self._running: dict[Future[JobResult], str] = {}
        self._of_job: dict[str, list[JobResult]] = {}
        self._open_instances: dict[str, int] = {}
        self._results: list[JobResult] = []

    def run(self) -> list[JobResult]:
        with ThreadPoolExecutor(self._request.at_once) as pool:
            try:
                self._work_off(pool)
            except BaseException:
                # Leaving the pool waits for what runs: it has to be told to end first.
                self._request.cancel.set()
                raise
        stopped = self._request.cancel.is_set()
        reason = "the run was stopped" if stopped else "requirements not met"
        ended = {result.name for result in self._results}
        for name, status in self._schedule.status.items():
            if status == "not_run" and name not in ended:
                self._results.append(JobResult(name, 0, "not_run", 0.0, reason=reason))
        return self._results

    def _work_off(self, pool: ThreadPoolExecutor) -> None:
        while not self._schedule.is_over:
            started = self._start_ready(pool)
            if self._running:
                self._collect()
            elif not started:
                break

    def _start_ready(self, pool: ThreadPoolExecutor) -> bool:
        if self._request.cancel.is_set():
            self._schedule.cancel_waiting()
            return False
        started = False
        for job in self._schedule.ready():
            started = True
            self._schedule.start(job.name)
            body = self._config.jobs.get(job.name)
            if job.type == "approval":
                self._approve(job)
            elif body is None or body.type in _NOTHING_TO_DO:
                self._end_at_once(job.name, "success", _word(body))
            else:
                self._submit(pool, job, body)
        return started

    def _approve(self, job: WorkflowJob) -> None:
        approved = self._request.approve(job.name)
        status: Status = "success" if approved else "canceled"
        reason = (
            "approved" if approved else "waits for approval: run again with --approve " + job.name
        )
        self._end_at_once(job.name, status, reason)

    def _submit(self, pool: ThreadPoolExecutor, job: WorkflowJob, body: Job) -> None:
        missing = [name for name in job.contexts if name not in self._request.contexts]
        if missing:
            reason = f"no variables are given for the context {missing[0]!r}: --context {missing[0]}=FILE"
            self._end_at_once(job.name, "unauthorized", reason)
            return
        variables: dict[str, str] = {}
        for name in job.contexts:
            variables |= self._request.contexts[name]
        self._open_instances[job.name] = body.parallelism
        self._of_job[job.name] = []
        folder = self._folders.take(job.name)
        for index in range(body.parallelism):
            spec = JobSpec(
                job.name,
                self._workflow.name,
                body,
                self._upstream[job.name],
                self._requires,
                index,
                variables,
                folder / str(index) if body.parallelism > 1 else folder,
            )
            self._running[pool.submit(self._instance, spec)] = job.name

    def _instance(self, spec: JobSpec) -> JobResult:
        if self._request.cancel.is_set():
            reason = "the run was stopped"
            return JobResult(spec.name, spec.node_index, "canceled", 0.0, reason=reason)
        self._view.job_started(spec.label)
        try:
            result = self._request.run_instance(spec)
        except OrbyardError as error:
            reason = f"{error.message}. {error.hint}" if error.hint else error.message
            result = JobResult(spec.name, spec.node_index, "failed", 0.0, reason=reason)
        self._view.job_finished(result, spec.label)
        return result

    def _collect(self) -> None:
        done, _ = wait(self._running, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in done:
            name = self._running.pop(future)
            self._of_job[name].append(future.result())
            self._open_instances[name] -= 1
            if not self._open_instances[name]:
                self._end(name, self._of_job[name])

    def _end_at_once(self, name: str, status: Status, reason: str) -> None:
        """End a job of which nothing was run."""
        result = JobResult(name, 0, status, 0.0, reason=reason)
        self._view.job_finished(result, name)
        self._end(name, [result])

    def _end(self, name: str, results: Sequence[JobResult]) -> None:
        self._results += results
        statuses = {result.status for result in results}
        status: Status = "success"
        for worse in ("not_run", "canceled", "failed", "unauthorized"):
            if worse in statuses:
                status = worse
        self._schedule.finish(name, status)


def _word(body: Job | None) -> str:
    return f"type {body.type}: nothing to do here" if body is not None else ""


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


def write_record(request: RunRequest, result: RunResult) -> None:
    """Write ``run.json``: the run and each of its jobs and steps."""
    record: dict[str, Any] = {
        "version": 1,
        "id": request.run_id,
        "seconds": round(result.seconds, 3),
        "success": result.is_success,
        "jobs": [asdict(job) for job in result.results],
    }
    request.folder.mkdir(parents=True, exist_ok=True)
    path = request.folder / "run.json"
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
