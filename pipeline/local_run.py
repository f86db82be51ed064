"""Runs a configuration on this machine: from the options of ``ci.run`` to the exit code."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ci_options import CompileOptions, ci_settings, default_parameters, read_config
from pipeline.config.model import CompiledConfig, Docker
from pipeline.errors import InvalidInput
from pipeline.local_continuation import (
    SetupPhase,
    chosen_of_setup,
    contexts_for,
    continuation_before,
    continuation_of_file,
    distinct_names,
    keep_continuation,
    refuse_passed,
    with_revision,
)
from pipeline.local_job import compile_for_run, skips_ci
from pipeline.local_plan import show_list, show_plan
from pipeline.run_executors import (
    SharedEngine,
    clear_left_over,
    executor_options,
    make_scratch,
)
from pipeline.run_variables import read_contexts, read_project
from pipeline.runner.debug_shell import DebugShell
from pipeline.runner.durations import parse_duration
from pipeline.runner.images import Images
from pipeline.runner.instance import run_instance
from pipeline.runner.machine import Machine
from pipeline.runner.model import JobResult
from pipeline.runner.plan import Choice, PlannedWorkflow, plan_run
from pipeline.runner.project_memory import ProjectMemory
from pipeline.runner.record import RunRecord
from pipeline.runner.report import Target, report_run
from pipeline.runner.resume import Resumed, failed_tests, resume_failed, resume_from
from pipeline.runner.run import Runner, RunRequest
from pipeline.runner.run_folder import find_run, list_runs, new_run_id, runs_folder
from pipeline.runner.run_retention import remove_old_runs, running
from pipeline.runner.serial_groups import SerialGroups
from pipeline.runner.snapshot import Snapshot, make_snapshot
from pipeline.runner.step_check import check_steps
from pipeline.runner.store import Store, hash_name
from pipeline.runner.test_results import CaseResult
from pipeline.runner.view import View, ViewKind, open_view
from pipeline.store_opening import open_store, project_name, store_folder
from pipeline.terminal import is_interactive

if TYPE_CHECKING:
    from pipeline.command import Run
    from pipeline.config.nodes import Source

__all__ = ["LocalOptions", "run_locally"]


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What ``ci.run`` was asked for; see the task's help."""

    choice: Choice
    job_parameters: tuple[str, ...] = ()
    begin_at: str = ""
    failed: str = ""
    continue_: str = ""
    passed: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    env_file: str = ""
    contexts: tuple[str, ...] = ()
    approve: tuple[str, ...] = ()
    at_once: int = 0
    executor: str = "auto"
    platform: str = ""
    images: tuple[str, ...] = ()
    ssh_agent: bool = False
    committed: bool = False
    pull: bool = False
    shell: bool = False
    shell_at: str = ""
    tty: bool = True
    quiet: bool = False
    view: ViewKind = "auto"
    dry_run: bool = False
    list_only: bool = False
    as_json: bool = False
    failed_tests: bool = False
    job_timeout: str = ""
    reports: tuple[Target, ...] = ()
    in_place: bool = False
    volumes: tuple[str, ...] = ()


def run_locally(run: Run, config: str, compiling: CompileOptions, options: LocalOptions) -> bool:
    """Run what was chosen, and return whether all went well.

    Raises:
        InvalidInput: the configuration or an option is wrong.
        Unavailable: no Docker engine answers where one is needed.
    """
    if (options.shell or options.shell_at) and not is_interactive():
        raise InvalidInput("a shell needs a terminal", hint="leave --shell out where there is none")
    refuse_passed(options.continue_, options.passed)
    if options.failed_tests and not options.failed:
        raise InvalidInput("--failed-tests goes with --failed, which says of what run")
    if options.in_place and options.committed:
        raise InvalidInput(
            "--in-place works on the files as they are, --committed on a copy: take one"
        )
    parse_duration(options.job_timeout or "0", key="--job-timeout")
    earlier = find_run(run.root, options.failed)[1] if options.failed else None
    source = read_config(run, config or (earlier.config if earlier else ""))
    if earlier is not None:
        compiling, options = _as_before(earlier, source, compiling, options)
    written = compile_for_run(source, compiling, options.choice, options.job_parameters)
    values = written.values
    handed = (
        continuation_of_file(run, written, compiling, options.continue_, options.passed)
        if options.continue_
        else continuation_before(run, written, compiling, options.begin_at, earlier)
    )
    compiled = handed.compiled if handed and handed.compiled else written
    if options.list_only:
        show_list(run, compiled, options.choice, as_json=options.as_json)
        return True
    planned = plan_run(
        compiled,
        chosen_of_setup(compiled, options.choice) if compiled.setup else options.choice,
        branch=str(values.get("pipeline.git.branch") or ""),
        tag=str(values.get("pipeline.git.tag") or ""),
    )
    if handed:
        planned = distinct_names(written, planned)
    resumed = _resumed(run.root, planned, options, earlier)
    check_steps(
        compiled.jobs[job.name]
        for workflow in resumed.workflows
        for job in workflow.jobs
        if job.name in compiled.jobs
    )
    if options.dry_run:
        show_plan(
            run,
            compiled,
            resumed.workflows,
            kept=resumed.kept,
            approved=options.approve,
            as_json=options.as_json,
        )
        return True
    if skips_ci(values):
        run.console.detail("the commit says [skip ci]: CircleCI would run nothing for a push of it")
    variables = read_project(run, options.env, options.env_file)
    contexts = _contexts(run, compiled, resumed, options)
    record = RunRecord(
        id=new_run_id(),
        process=os.getpid(),
        config=source.name,
        branch=str(values.get("pipeline.git.branch") or ""),
        tag=str(values.get("pipeline.git.tag") or ""),
        revision=str(values.get("pipeline.git.revision") or ""),
        parameters=dict(written.parameters),
        choice=asdict(options.choice),
    )
    if handed:
        keep_continuation(run, handed, runs_folder(run.root) / record.id)
    tests = failed_tests(earlier) if earlier is not None and options.failed_tests else {}
    work = _Work(compiled, resumed, compiling, tests)
    return _run(run, work, record, options, variables, contexts).is_success


@dataclass(frozen=True, slots=True)
class _Work:
    """What is run: a configuration's workflows, and how to compile what a setup workflow hands over."""

    compiled: CompiledConfig
    resumed: Resumed
    compiling: CompileOptions
    failed_tests: Mapping[str, tuple[CaseResult, ...]]


def _contexts(
    run: Run, compiled: CompiledConfig, resumed: Resumed, options: LocalOptions
) -> dict[str, dict[str, str]]:
    given = options.contexts
    if compiled.setup:  # Others may be those of what it generates.
        given = contexts_for(compiled, given)
    return read_contexts(run, compiled, _left_to_do(resumed), given, options.approve)


def _as_before(
    earlier: RunRecord, source: Source, compiling: CompileOptions, options: LocalOptions
) -> tuple[CompileOptions, LocalOptions]:
    """Return the options of an earlier run where none are given."""
    # A default was not given: a setup workflow may pass a value for it.
    defaults = default_parameters(source)
    given = {
        name: value
        for name, value in earlier.parameters.items()
        if name not in defaults or defaults[name] != value
    }
    if not any(asdict(options.choice).values()):
        options = replace(options, choice=Choice(**earlier.choice))
    compiling = replace(compiling, file_parameters={**given, **compiling.file_parameters})
    return compiling, options


def _resumed(
    root: Path,
    planned: tuple[PlannedWorkflow, ...],
    options: LocalOptions,
    earlier: RunRecord | None,
) -> Resumed:
    if options.begin_at:
        records = [earlier] if earlier else (record for _, record in list_runs(root))
        return resume_from(planned, options.begin_at, records)
    return resume_failed(planned, earlier) if earlier else Resumed(planned, {})


def _at_once(options: LocalOptions) -> int:
    return 1 if options.in_place else max(1, (os.cpu_count() or 2) // 2)


def _left_to_do(resumed: Resumed) -> list[PlannedWorkflow]:
    """Return the workflows without the jobs that are taken over from an earlier run."""
    return [
        replace(
            workflow,
            jobs=tuple(
                job for job in workflow.jobs if job.name not in resumed.kept.get(workflow.name, {})
            ),
        )
        for workflow in resumed.workflows
    ]


def _run(
    run: Run,
    work: _Work,
    record: RunRecord,
    options: LocalOptions,
    variables: Mapping[str, str],
    contexts: dict[str, dict[str, str]],
) -> RunRecord:
    compiled, resumed = work.compiled, work.resumed
    cancel = threading.Event()
    engine = SharedEngine(run.environ)
    settings = ci_settings(run)
    store = open_store(run, cancelled=cancel.is_set)
    home = run.root / ".orbyard"
    folder = runs_folder(run.root) / record.id
    executors = executor_options(
        run,
        options.executor,
        options.platform,
        options.images,
        ssh_agent=options.ssh_agent,
        volumes=options.volumes,
    )
    if options.executor != "host" and _has_docker_jobs(compiled, resumed):
        engine()  # Where none answers, the run is not to begin.
    clear_left_over(run.root)
    scratch = make_scratch(folder)
    (home / ".gitignore").write_text("*\n", encoding="utf-8")
    view = open_view(run.console, options.view, quiet=options.quiet)
    project = project_name(compiled.values, run.root)
    shared = store_folder(run, settings)
    memory = ProjectMemory(shared / "projects" / hash_name(project))
    try:
        with store.hold_run(record.id, folder), running(folder), view:
            _adopt_layers(store, record.id, resumed)
            snapshot = (
                Snapshot(scratch, (), None)
                if options.in_place
                else make_snapshot(
                    run.root, scratch, committed=options.committed, commits_changes=compiled.setup
                )
            )
            compiled = with_revision(compiled, snapshot.revision)
            setup = SetupPhase(run, compiled, work.compiling, options.choice, folder)
            machine = Machine(
                engine=engine,
                options=executors,
                images=Images(cancel, executors.platform, options.pull),
                store=store,
                snapshot=snapshot,
                run_id=record.id,
                project=project,
                variables=variables,
                values=compiled.values,
                masker=run.console.masker,
                view=view,
                cancel=cancel,
                scratch=scratch,
                memory=memory,
                timings=memory.timings(),
                failed_tests=work.failed_tests,
                job_timeout_s=parse_duration(options.job_timeout or "0"),
                in_place=run.root.resolve() if options.in_place else None,
                tty=options.tty,
                shell=_shell(view, options),
                continuation=setup.api() if compiled.setup else None,
            )
            request = RunRequest(
                record=record,
                folder=folder,
                at_once=options.at_once or _at_once(options),
                approve=_Approvals(view, options.approve),
                contexts=contexts,
                run_instance=lambda spec: run_instance(machine, spec),
                cancel=cancel,
                groups=SerialGroups(shared / "serial" / hash_name(project), record.id),
                forget=lambda job: store.forget_layers(record.id, job),
                mask=run.console.masker.mask,
            )
            runner = Runner(request, view)
            try:
                with runner:
                    runner.run(compiled, resumed.workflows, resumed.kept)
                    if machine.continuation is not None:
                        setup.run_rest(runner, machine, contexts, options.contexts, options.approve)
            finally:
                view.run_finished(runner.record, folder)
                report_run(runner.record, folder, options.reports, run.console)
                if not machine.teardown.wait():
                    run.console.warning(
                        "the engine did not remove all containers; the next run does"
                    )
            remove_old_runs(folder.parent, settings.keep_runs, store, run.console.warning)
            return runner.record
    finally:
        cancel.set()
        engine.close()
        store.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _has_docker_jobs(compiled: CompiledConfig, resumed: Resumed) -> bool:
    return any(
        isinstance(compiled.jobs[job.name].executor, Docker)
        for workflow in _left_to_do(resumed)
        for job in workflow.jobs
        if job.name in compiled.jobs
    )


def _shell(view: View, options: LocalOptions) -> DebugShell | None:
    if not options.shell and not options.shell_at:
        return None
    return DebugShell(view, on_failure=options.shell, at=options.shell_at)


def _adopt_layers(store: Store, run_id: str, resumed: Resumed) -> None:
    """Take over what the jobs persisted that an earlier run did.

    Raises:
        InvalidInput: it is not there any more.
    """
    for workflow, jobs in resumed.kept.items():
        for name, job in jobs.items():
            layers = store.adopt_layers(run_id, resumed.run, [f"{workflow}: {name}"])
            if len(layers) < sum(_layers(result) for result in job.instances):
                raise InvalidInput(
                    f"the workspace of {name} in the run {resumed.run} is not there any more",
                    hint="run all of it again: `orbyard ci.run`",
                )


def _layers(result: JobResult) -> int:
    return sum(
        step.type == "persist_to_workspace" and step.status == "success" for step in result.steps
    )


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
