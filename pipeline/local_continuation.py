"""What continues a setup configuration: the one that a job generates, a file, or that of an earlier run."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ci_options import CompileOptions, named_values, read_config
from pipeline.config.continuation import continue_with
from pipeline.config.model import CompiledConfig, Job
from pipeline.config.nodes import Source
from pipeline.errors import InvalidInput
from pipeline.run_variables import read_contexts
from pipeline.runner.continuation_api import Continuation, ContinuationApi
from pipeline.runner.instance import Machine
from pipeline.runner.plan import Choice, PlannedWorkflow, plan_run
from pipeline.runner.record import RunRecord, status_words
from pipeline.runner.run import Runner
from pipeline.runner.run_folder import list_runs, runs_folder
from pipeline.runner.step_check import check_steps
from pipeline.runner.view import View

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = [
    "CONTINUATION_FILE",
    "SetupPhase",
    "chosen_of_setup",
    "contexts_for",
    "continuation_before",
    "continuation_of_file",
    "distinct_names",
    "keep_continuation",
    "with_revision",
]

CONTINUATION_FILE = "continuation.yml"
"""The file of a run's folder that has the generated configuration; ``.json`` has its parameters."""


def continuation_of_file(
    run: Run, setup: CompiledConfig, compiling: CompileOptions, name: str, passed: Iterable[str]
) -> Continuation:
    """Return what a file continues a setup configuration with; ``passed`` are values as texts.

    Raises:
        InvalidInput: the file cannot be read, or the two do not fit.
    """
    source = read_config(run, name)
    written = named_values(passed, "--passed")
    own = replace(compiling, file_parameters={}, written_parameters=written)
    parameters = own.keywords(source)["parameters"]
    return _continuation(setup, source, parameters, compiling)


def _continuation_of_run(
    run: Run, setup: CompiledConfig, compiling: CompileOptions, folder: Path
) -> Continuation | None:
    path = folder / CONTINUATION_FILE
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        source = Source(_shown(run, path), path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not facts.get("accepted") or facts.get("masked"):
        return None
    found = _continuation(setup, source, facts.get("parameters") or {}, compiling)
    return replace(found, job=str(facts.get("job") or ""))


def continuation_before(
    run: Run,
    setup: CompiledConfig,
    compiling: CompileOptions,
    begin_at: str,
    earlier: RunRecord | None,
) -> Continuation | None:
    """Return what an earlier run's setup workflow handed over, where only what follows it is run again.

    Args:
        run: the run of the command.
        setup: the configuration, which may be no setup configuration.
        compiling: how to compile.
        begin_at: the job of ``--from``, or "".
        earlier: the run of ``--failed``, or None for the newest one that goes with ``begin_at``.
    """
    own = {job.name for flow in setup.workflows.values() for job in flow.jobs}
    if not setup.setup or begin_at in own or not (begin_at or earlier):
        return None
    if earlier is None:
        folders = [folder for folder, _ in list_runs(run.root)]
    else:
        flows = (flow for flow in earlier.last_attempts() if flow.name in setup.workflows)
        went_well = all(flow.status == "success" for flow in flows)
        folders = [runs_folder(run.root) / earlier.id] if went_well else []
    found = (_continuation_of_run(run, setup, compiling, folder) for folder in folders)
    return next((one for one in found if one), None)


def _continuation(
    setup: CompiledConfig,
    source: Source,
    passed: Mapping[str, Any],
    compiling: CompileOptions,
) -> Continuation:
    compiled = continue_with(
        setup,
        source,
        passed=passed,
        given=compiling.keywords(source)["parameters"],
        orbs=compiling.orbs,
        disabled=compiling.disabled,
        future_steps=True,
    )
    return Continuation("", source.text, passed, compiled)


def keep_continuation(run: Run, continuation: Continuation, folder: Path) -> Path:
    """Write a continuation into a run's folder, without secrets, and return the file."""
    path = folder / CONTINUATION_FILE
    text = run.console.masker.mask(continuation.configuration)
    parameters = json.dumps(dict(continuation.parameters), ensure_ascii=False)
    shown = run.console.masker.mask(parameters)
    facts = {
        "job": continuation.job,
        "parameters": json.loads(shown),
        "accepted": continuation.error is None,
        "masked": (text, shown) != (continuation.configuration, parameters),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", errors="replace")
    path.with_suffix(".json").write_text(
        json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", errors="replace"
    )
    return path


def _shown(run: Run, path: Path) -> str:
    """Return a path as one would write it from where the user stands."""
    return os.path.relpath(path, run.cwd) if path.is_relative_to(run.root) else str(path)


def _is_of_setup(setup: CompiledConfig, choice: Choice) -> bool:
    """Return whether what was chosen is a part of the setup configuration itself."""
    flows = setup.workflows
    if choice.workflow:
        return choice.workflow in flows
    return any(choice.job == job.name for flow in flows.values() for job in flow.jobs)


@dataclass(slots=True)
class SetupPhase:
    """A run's first part, whose jobs generate what the second one runs.

    Args:
        run: the run of the command.
        setup: the setup configuration.
        compiling: how to compile.
        choice: what to run of what is generated.
        folder: the run's.
    """

    run: Run
    setup: CompiledConfig
    compiling: CompileOptions
    choice: Choice
    folder: Path

    def api(self) -> ContinuationApi:
        """Return what takes the call that continues the pipeline."""

        def compiled(asked: Continuation) -> CompiledConfig:
            name = _shown(self.run, self.folder / CONTINUATION_FILE)
            source = Source(name, asked.configuration)
            found = _continuation(self.setup, source, asked.parameters, self.compiling).compiled
            assert found is not None
            check_steps(self._jobs_to_run(found))
            return found

        return ContinuationApi(compiled)

    def _jobs_to_run(self, following: CompiledConfig) -> list[Job]:
        """Return the jobs that will run; none where that cannot be said, which is told when they should."""
        if _is_of_setup(self.setup, self.choice):
            return []
        try:
            planned = self._plan(following)
        except InvalidInput:
            return []
        names = [job.name for flow in planned for job in flow.jobs]
        return [following.jobs[name] for name in names if name in following.jobs]

    def _plan(self, following: CompiledConfig) -> tuple[PlannedWorkflow, ...]:
        values = self.setup.values
        return plan_run(
            following,
            self.choice,
            branch=str(values.get("pipeline.git.branch") or ""),
            tag=str(values.get("pipeline.git.tag") or ""),
        )

    def run_rest(
        self,
        runner: Runner,
        machine: Machine,
        contexts: dict[str, dict[str, str]],
        given: Iterable[str],
        approved: Iterable[str],
    ) -> None:
        """Run what the jobs of the setup workflow, which have ended, handed over.

        Args:
            runner: has run the setup workflow.
            machine: what jobs share; from now on there is no continuing.
            contexts: variables of contexts by name; those that the rest asks for are added.
            given: of ``--context``.
            approved: of ``--approve``.

        Raises:
            InvalidInput: what was handed over cannot be compiled, or has not what was chosen.
        """
        handed = machine.continuation.continuation if machine.continuation else None
        machine.continuation = None
        following = self._next_workflows(handed, runner.record, machine.view)
        if following is None:
            return
        compiled, planned = following
        of_setup = {*contexts_for(self.setup, given)} - {*contexts_for(compiled, given)}
        own = [item for item in given if item not in of_setup]
        contexts.update(read_contexts(self.run, compiled, planned, own, approved))
        runner.run(compiled, planned)

    def _next_workflows(
        self, handed: Continuation | None, record: RunRecord, view: View
    ) -> tuple[CompiledConfig, tuple[PlannedWorkflow, ...]] | None:
        """Return what to run after the setup workflow, or None where the run ends with it, and say why."""
        status = next((f.status for f in record.last_attempts() if f.status != "success"), "")
        if handed is None:
            if not status:
                view.note(_NOT_CONTINUED)
            return None
        path = _shown(self.run, keep_continuation(self.run, handed, self.folder))
        if handed.error is not None:
            view.note(f"what the job {handed.job} generated is in {path}")
            raise handed.error
        assert handed.compiled is not None
        if status or _is_of_setup(self.setup, self.choice):
            because = f"is {status_words(status)}" if status else "is all that was asked for"
            view.note(f"the setup workflow {because}; `--continue {path}` runs what it generated")
            return None
        return handed.compiled, self._planned(handed, path, view)

    def _planned(self, handed: Continuation, path: str, view: View) -> tuple[PlannedWorkflow, ...]:
        assert handed.compiled is not None
        words = ", ".join(f"{name}={json.dumps(v)}" for name, v in handed.parameters.items())
        view.note(f"continued by the job {handed.job}{f' with {words}' if words else ''}: {path}")
        if not handed.compiled.workflows and not (self.choice.job or self.choice.workflow):
            view.note("there is nothing more to run: no workflow of it is wanted")
            return ()
        named = distinct_names(self.setup, self._plan(handed.compiled))
        return tuple(replace(flow, continues=True) for flow in named)


_NOT_CONTINUED = (
    "no job continued the pipeline, so it ends with the setup workflow (calls of the API by curl and wget"
    " are answered here, others are not; `--continue FILE` runs a configuration that was generated before)"
)


def distinct_names(
    setup: CompiledConfig, planned: Iterable[PlannedWorkflow]
) -> tuple[PlannedWorkflow, ...]:
    """Return workflows of a continuation, renamed where the setup configuration has one of that name.

    In a run's record, and for workspaces, a workflow is its name.
    """
    return tuple(
        replace(flow, name=f"{flow.name} (continued)") if flow.name in setup.workflows else flow
        for flow in planned
    )


def with_revision(compiled: CompiledConfig, revision: str) -> CompiledConfig:
    """Return a configuration whose jobs have the commit that was made of changes, if there is one."""
    if not revision:
        return compiled
    names = ("pipeline.git.revision", "pipeline.trigger_parameters.git.checkout_sha")
    return replace(compiled, values={**compiled.values, **dict.fromkeys(names, revision)})


def chosen_of_setup(setup: CompiledConfig, choice: Choice) -> Choice:
    """Return what of a setup configuration has to be run to come to what was chosen."""
    return choice if _is_of_setup(setup, choice) else Choice()


def contexts_for(config: CompiledConfig, given: Iterable[str]) -> tuple[str, ...]:
    """Return those of ``--context name=file`` that a job of a configuration asks for."""
    flows = config.workflows.values()
    asked = {name for flow in flows for job in flow.jobs for name in job.contexts}
    return tuple(item for item in given if item.partition("=")[0] in asked)
