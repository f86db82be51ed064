"""Runs a configuration on this machine: from the options of ``ci.run`` to the exit code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ci_options import CompileOptions, read_config
from pipeline.config.model import CompiledConfig
from pipeline.errors import InvalidInput, did_you_mean
from pipeline.local_continuation import (
    chosen_of_setup,
    contexts_for,
    continuation_before,
    continuation_of_file,
    distinct_names,
)
from pipeline.local_job import compile_for_run, skips_ci
from pipeline.local_options import LocalOptions, check_options, with_pipeline
from pipeline.local_plan import show_list, show_plan
from pipeline.local_resume import as_before, variables_missing
from pipeline.local_session import Work, run_session
from pipeline.run_executors import place_options
from pipeline.run_variables import read_contexts, read_project
from pipeline.runner.continuation_api import Continuation
from pipeline.runner.plan import PlannedWorkflow, plan_run
from pipeline.runner.record import RunRecord
from pipeline.runner.resume import Resumed, failed_tests, resume_failed, resume_from
from pipeline.runner.run_folder import find_run, list_runs
from pipeline.runner.run_retention import is_running
from pipeline.runner.step_check import check_steps

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["run_locally"]


@dataclass(frozen=True, slots=True)
class _Given:
    """What a run is of.

    Attributes:
        config: the configuration's file.
        written: what is written there.
        handed: what continues it, where its setup workflow is not run.
        compiling: how to compile what a setup workflow hands over.
        options: with those of an earlier run.
        earlier: the run that is gone on with, or None.
    """

    config: str
    written: CompiledConfig
    handed: Continuation | None
    compiling: CompileOptions
    options: LocalOptions
    earlier: RunRecord | None

    @property
    def compiled(self) -> CompiledConfig:
        """What is run of: what continues the configuration, or itself."""
        handed = self.handed
        return handed.compiled if handed and handed.compiled else self.written

    def value(self, name: str) -> str:
        """Return a pipeline value, or ""."""
        return str(self.written.values.get(f"pipeline.git.{name}") or "")


def run_locally(run: Run, config: str, compiling: CompileOptions, options: LocalOptions) -> bool:
    """Run what was chosen, and return whether all went well.

    Raises:
        InvalidInput: the configuration or an option is wrong.
        Unavailable: no Docker engine answers where one is needed.
    """
    check_options(options)
    given = _read(run, config, compiling, options)
    compiled, options = given.compiled, given.options
    if options.list_only:
        choice = chosen_of_setup(compiled, options.choice) if compiled.setup else options.choice
        show_list(
            run,
            compiled,
            choice,
            place_options(run, options.executor, options.images),
            as_json=options.as_json,
        )
        return True
    resumed = _plan(run.root, given)
    check_steps(compiled.jobs[name] for name in resumed.names() if name in compiled.jobs)
    if options.dry_run:
        show_plan(
            run,
            compiled,
            resumed.workflows,
            place_options(run, options.executor, options.images),
            kept=resumed.kept,
            approved=options.approve,
            as_json=options.as_json,
        )
        return True
    if skips_ci(given.written.values):
        run.console.detail("the commit says [skip ci]: CircleCI would run nothing for a push of it")
    if not compiled.setup:
        _warn_of_approvals(run, resumed, options.approve)
    return run_session(run, _work(run, given, resumed), options).is_success


def _warn_of_approvals(run: Run, resumed: Resumed, approved: Iterable[str]) -> None:
    """Say which of ``--approve`` nothing waits for: it could be misspelt."""
    known = [job.name for flow in resumed.workflows for job in flow.jobs if job.type == "approval"]
    for name in approved:
        if name != "all" and name not in known:
            run.console.warning(
                f"--approve {name}: no approval of that name is waited for",
                hint=did_you_mean(name, known),
            )


def _read(run: Run, config: str, compiling: CompileOptions, options: LocalOptions) -> _Given:
    earlier = _earlier(run.root, options.failed) if options.failed else None
    source = read_config(run, config or (earlier.config if earlier else ""))
    if earlier is not None:
        compiling, options = as_before(earlier, source, compiling, options, run.environ)
    compiling = with_pipeline(compiling, options)
    written = compile_for_run(source, compiling, options.choice, options.job_parameters)
    handed = (
        continuation_of_file(run, written, compiling, options.continue_, options.passed)
        if options.continue_
        else continuation_before(run, written, compiling, options.begin_at, earlier)
    )
    return _Given(source.name, written, handed, compiling, options, earlier)


def _earlier(root: Path, name: str) -> RunRecord:
    folder, record = find_run(root, name)
    if is_running(folder):
        raise InvalidInput(
            f"the run {record.id} is not over yet: nobody knows what of it fails",
            hint="wait for its end, or name another one; `orbyard ci.runs` lists them",
        )
    return record


def _plan(root: Path, given: _Given) -> Resumed:
    compiled, options, earlier = given.compiled, given.options, given.earlier
    planned = plan_run(
        compiled,
        chosen_of_setup(compiled, options.choice) if compiled.setup else options.choice,
        branch=given.value("branch"),
        tag=given.value("tag"),
    )
    if given.handed:
        planned = distinct_names(given.written, planned)
    if options.begin_at:
        records: Iterable[RunRecord] = (
            [earlier] if earlier else (record for _, record in list_runs(root))
        )
        return resume_from(planned, options.begin_at, records)
    return resume_failed(planned, earlier) if earlier else Resumed(planned, {})


def _work(run: Run, given: _Given, resumed: Resumed) -> Work:
    options, earlier = given.options, given.earlier
    variables = read_project(run, options.env, options.env_file)
    if earlier is not None:
        _warn_of_variables(run, earlier, variables)
    return Work(
        config=given.config,
        compiled=given.compiled,
        resumed=resumed,
        compiling=given.compiling,
        handed=given.handed,
        branch=given.value("branch"),
        tag=given.value("tag"),
        revision=given.value("revision"),
        parameters=given.written.parameters,
        variables=variables,
        contexts=_contexts(run, given.compiled, resumed.left_to_do(), options),
        failed_tests=failed_tests(earlier) if earlier and options.failed_tests else {},
    )


def _warn_of_variables(run: Run, earlier: RunRecord, variables: Iterable[str]) -> None:
    """Say which variables a run had that this one lacks: their values are kept nowhere."""
    missing = variables_missing(earlier, variables)
    if missing:
        run.console.warning(
            f"the run {earlier.id} was given {', '.join(missing)} by --env; the values are not kept, and"
            " this run lacks them",
            hint="give them again: " + " ".join(f"--env {name}=VALUE" for name in missing),
        )


def _contexts(
    run: Run, compiled: CompiledConfig, planned: list[PlannedWorkflow], options: LocalOptions
) -> dict[str, dict[str, str]]:
    given = options.contexts
    if compiled.setup:  # Others may be those of what it generates.
        given = contexts_for(compiled, given)
    return read_contexts(run, compiled, planned, given, options.approve)
