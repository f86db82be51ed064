"""A run: workflows' jobs, as many at once as were asked for, until nothing can start any more."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pipeline.config.model import CompiledConfig
from pipeline.disk import telling_of_disk
from pipeline.errors import Interrupted, OrbyardError
from pipeline.runner.flow import Flow
from pipeline.runner.journal import Journal
from pipeline.runner.model import JobResult, JobSpec
from pipeline.runner.plan import PlannedWorkflow
from pipeline.runner.record import JobRecord, RunRecord
from pipeline.runner.serial_groups import SerialGroups
from pipeline.runner.view import View
from pipeline.runner.workers import Workers

__all__ = ["RunRequest", "Runner"]

_POLL_S = 0.5
"""How often is looked whether the run was stopped, and whether a serial group is free."""

_LAST_WAIT_S = 5.0
"""Seconds for jobs to take note that their containers are gone."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a run does, beyond the jobs themselves.

    Attributes:
        record: the run as it begins; its id is part of folder and container names.
        folder: where its logs go.
        at_once: instances of jobs that may run at the same time.
        approve: asked for each approval by its name, in a thread: True lets it pass, False cancels it,
            None leaves it on hold.
        contexts: variables of each context by its name.
        run_instance: runs one instance of a job.
        cancel: set when the run is to stop.
        groups: the serial groups of the project, or None where there is no other run.
        forget: called with a job as :meth:`JobSpec.of_workflow` names it, when it starts once more in a
            rerun: what it has persisted is to go.
        mask: hides secrets in what the record says.
        abandon: removes what jobs still have that are not waited for.
        gives_up: asked while a run that was stopped waits for its jobs; True where they may never end.
    """

    record: RunRecord
    folder: Path
    at_once: int
    approve: Callable[[str], bool | None]
    contexts: Mapping[str, Mapping[str, str]]
    run_instance: Callable[[JobSpec], JobResult]
    cancel: threading.Event
    groups: SerialGroups | None = None
    forget: Callable[[str], None] = lambda _job: None
    mask: Callable[[str], str] = str
    abandon: Callable[[], None] = lambda: None
    gives_up: Callable[[], bool] = lambda: False


class Runner:
    """Runs workflows, in one or several goes: what a setup configuration generates comes second.

    Use it as a context manager: at the block's end whatever still runs is told to stop and waited for,
    and the record is closed.
    """

    def __init__(self, request: RunRequest, view: View) -> None:
        self._request = request
        self._view = view
        self.journal = Journal(request.folder, request.record, view)
        self._folders = _Folders(request.folder / "jobs")
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._workers = Workers(request.at_once, "job")
        self._flows: list[Flow] = []

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is not None:
                self._view.stopping()
                # What runs is waited for: it has to be told to end first.
                self._request.cancel.set()
            self._end_jobs(is_stopped=kind is not None)
        finally:
            if kind is not None:
                self._settle()
            if self._request.groups is not None:
                self._request.groups.close()
            stopped = kind is not None and issubclass(kind, (Interrupted, KeyboardInterrupt))
            self.journal.close(stopped=stopped, broken_off=kind is not None and not stopped)

    def _end_jobs(self, *, is_stopped: bool) -> None:
        """Wait for what runs; where somebody does not want to wait, take away what it runs in."""
        try:
            self._workers.close(gives_up=self._request.gives_up if is_stopped else lambda: False)
        except BaseException:  # a second Ctrl-C
            self._request.abandon()
            deadline = time.monotonic() + _LAST_WAIT_S
            self._workers.close(gives_up=lambda: time.monotonic() > deadline)
            raise

    @property
    def record(self) -> RunRecord:
        """The run's record as far as it is."""
        return self.journal.record

    def run(
        self,
        config: CompiledConfig,
        workflows: Iterable[PlannedWorkflow],
        kept: Mapping[str, Mapping[str, JobRecord]] | None = None,
    ) -> RunRecord:
        """Run the jobs of planned workflows, all workflows at the same time, and return the record.

        A job that fails does not stop others that do not need it.

        Args:
            config: the configuration that the workflows are of.
            workflows: what to run.
            kept: by workflow and job, what an earlier run did already.
        """
        planned = list(workflows)
        shared = _names_of_several(planned)
        flows = [
            Flow(config, one, (kept or {}).get(one.name, {}), self, shared_names=shared)
            for one in planned
        ]
        self._flows += flows
        while not all(flow.is_over for flow in flows):
            if self._request.cancel.is_set():
                for flow in flows:
                    flow.cancel()
            self._step(flows)
        return self.record

    def _step(self, flows: Iterable[Flow]) -> None:
        if not any(flow.start_ready() for flow in flows):
            try:
                self._events.get(timeout=_POLL_S)()
            except queue.Empty:
                self.journal.catch_up()
                return
        while not self._events.empty():
            self._events.get()()

    def _settle(self) -> None:
        """Write down how the jobs ended that were running when the run was stopped."""
        while not self._events.empty():
            try:
                self._events.get()()
            except BaseException:  # noqa: S112  # the first error is the one that is raised
                continue
        for flow in self._flows:
            flow.abandon()

    # What flows need of the run they are part of.

    @property
    def request(self) -> RunRequest:
        """What the run was asked to do."""
        return self._request

    def take_folder(self, name: str) -> Path:
        """Return a folder of its own for a job."""
        return self._folders.take(name)

    def submit(
        self, spec: JobSpec, begun: Callable[[float], None], then: Callable[[JobResult], None]
    ) -> None:
        """Run an instance of a job as soon as there is room.

        Args:
            spec: the instance.
            begun: called in the run's thread with the time at which it began, if it did.
            then: called in the run's thread with how it ended.
        """

        def work() -> None:
            try:
                result = self._instance(spec, begun)
            except BaseException as error:
                self._events.put(partial(_raise, error))
            else:
                self._events.put(lambda: then(result))

        self._workers.submit(work)

    def ask(self, name: str, then: Callable[[bool | None], None]) -> None:
        """Ask for an approval, and call ``then`` with the answer in the run's thread."""

        def work() -> None:
            try:
                answer = self._request.approve(name)
            except BaseException as error:
                self._events.put(partial(_raise, error))
            else:
                self._events.put(lambda: then(answer))

        # A daemon, since nobody may ever answer; the run can be stopped all the same.
        threading.Thread(target=work, name=f"approval {name}", daemon=True).start()

    def _instance(self, spec: JobSpec, begun: Callable[[float], None]) -> JobResult:
        if self._request.cancel.is_set():
            reason = "the run was stopped"
            return JobResult(spec.name, spec.node_index, "canceled", 0.0, reason=reason)
        began, began_at = time.monotonic(), time.time()
        self._events.put(lambda: begun(began_at))
        self._view.instance_started(spec)
        try:
            with telling_of_disk(self._request.folder):
                result = self._request.run_instance(spec)
        except OrbyardError as error:
            reason = f"{error.message}; {error.hint}" if error.hint else error.message
            result = JobResult(
                spec.name,
                spec.node_index,
                "failed",
                time.monotonic() - began,
                reason=self._request.mask(reason),
                started_at=began_at,
                where=self._request.mask(str(error.where or "")),
            )
        self._view.instance_finished(spec, result)
        return result


def _raise(error: BaseException) -> None:
    """Raise in the run's thread what was raised in another."""
    raise error


@dataclass(slots=True)
class _Folders:
    """Gives each job a folder of its own: two workflows may have a job of the same name."""

    parent: Path
    taken: set[str] = field(default_factory=set)

    def take(self, name: str) -> Path:
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in name).lstrip(".") or "job"
        folder, number = plain, 2
        while folder.casefold() in self.taken:
            folder, number = f"{plain}-{number}", number + 1
        self.taken.add(folder.casefold())
        return self.parent / folder


def _names_of_several(workflows: Iterable[PlannedWorkflow]) -> frozenset[str]:
    """Return the names of jobs that more than one of the workflows has."""
    seen: set[str] = set()
    several: set[str] = set()
    for flow in workflows:
        names = {job.name for job in flow.jobs}
        several |= names & seen
        seen |= names
    return frozenset(several)
