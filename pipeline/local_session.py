"""A run on this machine while it goes on: what its jobs share is opened before, and closed after."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ci_options import CompileOptions, ci_settings
from pipeline.config.model import CompiledConfig, Docker, Job
from pipeline.disk import telling_of_disk
from pipeline.errors import InvalidInput
from pipeline.local_continuation import SetupPhase, keep_continuation, with_revision
from pipeline.local_options import LocalOptions
from pipeline.local_resume import options_to_keep
from pipeline.run_executors import clear_left_over, executor_options, make_scratch
from pipeline.runner.continuation_api import Continuation
from pipeline.runner.debug_shell import DebugShell
from pipeline.runner.durations import parse_duration
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.images import Images
from pipeline.runner.instance import run_instance
from pipeline.runner.machine import Machine
from pipeline.runner.model import JobResult
from pipeline.runner.mount_check import check_mounts
from pipeline.runner.project_memory import ProjectMemory
from pipeline.runner.record import RunRecord
from pipeline.runner.report import report_run
from pipeline.runner.resume import Resumed
from pipeline.runner.run import Runner, RunRequest
from pipeline.runner.run_folder import new_run_id, runs_folder
from pipeline.runner.run_retention import remove_old_runs, running
from pipeline.runner.serial_groups import SerialGroups
from pipeline.runner.snapshot import Snapshot, make_snapshot
from pipeline.runner.store import Store, hash_name
from pipeline.runner.teardown import Teardown
from pipeline.runner.test_results import CaseResult
from pipeline.runner.view import View, open_view
from pipeline.shared_engine import SharedEngine
from pipeline.store_opening import open_store, project_name, store_folder

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["Work", "run_session"]


@dataclass(frozen=True, slots=True)
class Work:
    """What is run.

    Attributes:
        config: the configuration's file.
        compiled: the configuration.
        resumed: its planned workflows, with what an earlier run did already.
        compiling: how to compile what a setup workflow hands over.
        handed: what was handed over before, in place of that.
        branch: or "".
        tag: or "".
        revision: the commit, or "".
        parameters: pipeline parameters.
        variables: the project's.
        contexts: variables by context; those of what a setup workflow hands over are added.
        failed_tests: by job, the only tests to be run.
    """

    config: str
    compiled: CompiledConfig
    resumed: Resumed
    compiling: CompileOptions
    handed: Continuation | None
    branch: str
    tag: str
    revision: str
    parameters: Mapping[str, Any]
    variables: Mapping[str, str]
    contexts: dict[str, dict[str, str]]
    failed_tests: Mapping[str, tuple[CaseResult, ...]]


def run_session(run: Run, work: Work, options: LocalOptions) -> RunRecord:
    """Run planned workflows, and return the run's record.

    Raises:
        InvalidInput: an option is wrong.
        Unavailable: no Docker engine answers where one is needed.
    """
    record = _record(run, work, options)
    folder = runs_folder(run.root) / record.id
    if work.handed:
        keep_continuation(run, work.handed, folder)
    with telling_of_disk(folder), ExitStack() as undo:
        session = _open(run, work, options, record, undo)
        session.adopt_layers()
        return session.run_jobs(session.snapshot())


def _record(run: Run, work: Work, options: LocalOptions) -> RunRecord:
    return RunRecord(
        id=new_run_id(),
        process=os.getpid(),
        config=work.config,
        branch=work.branch,
        tag=work.tag,
        revision=work.revision,
        parameters=run.console.masker.mask_data(work.parameters),
        choice=asdict(options.choice),
        options=run.console.masker.mask_data(options_to_keep(options, run.cwd)),
    )


def _open(
    run: Run, work: Work, options: LocalOptions, record: RunRecord, undo: ExitStack
) -> _Session:
    """Open what a run needs; ``undo`` closes it."""
    cancel = threading.Event()
    folder = runs_folder(run.root) / record.id
    executors = executor_options(
        run,
        options.executor,
        options.platform,
        options.images,
        ssh_agent=options.ssh_agent,
        volumes=options.volumes,
    )
    check_mounts(_jobs_to_run(work), executors)
    engine = SharedEngine(run.environ)
    undo.callback(engine.close)
    # A second Ctrl-C does not wait for the jobs, which then cannot remove their containers.
    undo.push(lambda kind, *_: engine.abandon(record.id) if kind else None)
    store = open_store(run, cancelled=cancel.is_set)
    undo.callback(store.close)
    if options.executor != "host" and _has_docker_jobs(work):
        engine()  # Where none answers, the run is not to begin.
    clear_left_over(run.root)
    scratch = make_scratch(folder)
    undo.callback(shutil.rmtree, scratch, ignore_errors=True)
    # One that is there stays: in a repository of others it may be a link to anywhere.
    with suppress(FileExistsError), (run.root / ".orbyard" / ".gitignore").open("x") as file:
        file.write("*\n")
    undo.callback(cancel.set)
    teardown = Teardown()
    undo.callback(_finish, run, teardown, engine)
    view = open_view(run.console, options.view, quiet=options.quiet)
    undo.enter_context(store.hold_run(record.id, folder))
    undo.enter_context(running(folder))
    undo.enter_context(view)
    return _Session(
        run,
        work,
        options,
        record,
        folder,
        scratch,
        executors,
        engine,
        store,
        view,
        teardown,
        cancel,
    )


def _finish(run: Run, teardown: Teardown, engine: SharedEngine) -> None:
    """Wait until the last jobs' containers are removed; by then the view is closed."""
    is_done = teardown.wait(gives_up=engine.hangs)
    if engine.is_hung:
        run.console.warning(
            f"the Docker engine at {engine.name} has stopped to answer, and may still have containers of"
            " this run",
            hint="start it again; the next run removes them",
        )
    elif not is_done:
        run.console.warning("the engine did not remove all containers; the next run does")


def _has_docker_jobs(work: Work) -> bool:
    return any(isinstance(job.executor, Docker) for job in _jobs_to_run(work))


def _jobs_to_run(work: Work) -> list[Job]:
    names = (job.name for workflow in work.resumed.left_to_do() for job in workflow.jobs)
    return [work.compiled.jobs[name] for name in names if name in work.compiled.jobs]


@dataclass(frozen=True, slots=True)
class _Session:
    """A run with what its jobs share."""

    run: Run
    work: Work
    options: LocalOptions
    record: RunRecord
    folder: Path
    scratch: Path
    executors: ExecutorOptions
    engine: SharedEngine
    store: Store
    view: View
    teardown: Teardown
    cancel: threading.Event

    def adopt_layers(self) -> None:
        """Take over what the jobs persisted that an earlier run did.

        Raises:
            InvalidInput: it is not there any more.
        """
        resumed = self.work.resumed
        for workflow, jobs in resumed.kept.items():
            for name, job in jobs.items():
                persisted = sum(_layers(result) for result in job.instances)
                jobs_of_store = [f"{workflow}: {name}"]
                layers = self.store.adopt_layers(self.record.id, resumed.run, jobs_of_store)
                if len(layers) < persisted:
                    raise InvalidInput(
                        f"the workspace of {name} in the run {resumed.run} is not there any more",
                        hint="run all of it again: `orbyard ci.run`",
                    )

    def snapshot(self) -> Snapshot:
        """Return what jobs check out."""
        if self.options.in_place:
            return Snapshot(self.scratch, (), None)
        return make_snapshot(
            self.run.root,
            self.scratch,
            committed=self.options.committed,
            commits_changes=self.work.compiled.setup,
        )

    def run_jobs(self, snapshot: Snapshot) -> RunRecord:
        """Run the jobs, and return the record."""
        run, work, options = self.run, self.work, self.options
        compiled = with_revision(work.compiled, snapshot.revision)
        setup = SetupPhase(run, compiled, work.compiling, options.choice, self.folder)
        machine = self._machine(compiled, snapshot, setup)
        runner = Runner(self._request(machine), self.view)
        try:
            with runner:
                runner.run(compiled, work.resumed.workflows, work.resumed.kept)
                if machine.continuation is not None:
                    given = options.contexts
                    setup.run_rest(runner, machine, work.contexts, given, options.approve)
        finally:
            self.view.run_finished(runner.record, self.folder)
            report_run(runner.record, self.folder, options.reports, run.console)
        if machine.shell is not None and machine.shell.missed:
            run.console.warning(
                f"--shell-at {machine.shell.missed}: no job came to a step of that name or number",
                hint="`orbyard ci.run --dry-run` lists the steps",
            )
        keep = ci_settings(run).keep_runs
        remove_old_runs(self.folder.parent, keep, self.store, run.console.warning)
        return runner.record

    def _machine(self, compiled: CompiledConfig, snapshot: Snapshot, setup: SetupPhase) -> Machine:
        options = self.options
        memory = ProjectMemory(self._project_folder("projects"))
        return Machine(
            engine=self.engine,
            options=self.executors,
            images=Images(self.cancel, self.executors.platform, options.pull),
            store=self.store,
            snapshot=snapshot,
            run_id=self.record.id,
            project=self._project,
            variables=self.work.variables,
            values=compiled.values,
            masker=self.run.console.masker,
            view=self.view,
            teardown=self.teardown,
            cancel=self.cancel,
            scratch=self.scratch,
            memory=memory,
            timings=memory.timings(),
            failed_tests=self.work.failed_tests,
            job_timeout_s=parse_duration(options.job_timeout or "0"),
            in_place=self.run.root.resolve() if options.in_place else None,
            tty=options.tty,
            shell=_shell(self.view, options),
            continuation=setup.api() if compiled.setup else None,
        )

    def _request(self, machine: Machine) -> RunRequest:
        return RunRequest(
            record=self.record,
            folder=self.folder,
            at_once=self.options.at_once or _at_once(self.options),
            approve=_Approvals(self.view, self.options.approve),
            contexts=self.work.contexts,
            run_instance=lambda spec: run_instance(machine, spec),
            cancel=self.cancel,
            groups=SerialGroups(self._project_folder("serial"), self.record.id),
            forget=lambda job: self.store.forget_layers(self.record.id, job),
            mask=self.run.console.masker.mask,
            abandon=lambda: self.engine.abandon(self.record.id),
            gives_up=self.engine.hangs,
        )

    @property
    def _project(self) -> str:
        return project_name(self.work.compiled.values, self.run.root)

    def _project_folder(self, kind: str) -> Path:
        """Return a folder that the project's runs share."""
        shared = store_folder(self.run, ci_settings(self.run))
        return shared / kind / hash_name(self._project)


def _layers(result: JobResult) -> int:
    return sum(
        step.type == "persist_to_workspace" and step.status == "success" for step in result.steps
    )


def _at_once(options: LocalOptions) -> int:
    return 1 if options.in_place else max(1, (os.cpu_count() or 2) // 2)


def _shell(view: View, options: LocalOptions) -> DebugShell | None:
    if not options.shell and not options.shell_at:
        return None
    return DebugShell(view, on_failure=options.shell, at=options.shell_at)


class _Approvals:
    """Answers approvals: by ``--approve``, else by asking at a terminal; else they stay on hold."""

    def __init__(self, view: View, names: Iterable[str]) -> None:
        self._view = view
        self._names = set(names)

    def __call__(self, name: str) -> bool | None:
        if "all" in self._names or name in self._names:
            return True
        if not sys.stdin.isatty():
            return None
        return self._view.ask(f"Approve {name}?")
