"""The variables of a run on this machine: the project's, and those of the contexts that its jobs ask for.

A context's variables stand in a file, which is looked for in this order:

1. ``--context NAME=FILE``; ``--context NAME=`` without a file gives a context without variables;
2. ``ci.contexts`` of ``orbyard.yml``;
3. ``deploy/contexts/NAME`` with one of the endings of ``_ENDINGS``: a plain file of one's own before the
   encrypted one that all share.

Only what a job of the run asks for is read: nobody needs the key of production to run the tests.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ci_settings import CiSettings
from pipeline.config.model import CompiledConfig, WorkflowJob
from pipeline.errors import InvalidInput, Location, OrbyardError, Problem, did_you_mean
from pipeline.process import ProcessRunner, run_process
from pipeline.runner.env_file import parse_env_option
from pipeline.runner.plan import PlannedWorkflow
from pipeline.secret import MINIMUM_LENGTH, is_masked
from pipeline.variable_file import VariableFile, read_variable_file

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["CONTEXTS_FOLDER", "ContextFile", "find_context_files", "read_contexts", "read_project"]

CONTEXTS_FOLDER = "deploy/contexts"
"""Where contexts stand by convention: beside the secrets and kubeconfigs of a deploy."""
_ENDINGS = (".env", ".env.enc", ".yml.enc", ".yaml.enc", ".json.enc")
_ALWAYS_THERE = "org-global"
_MOST_VARIABLES = 100
_LONGEST_NAME = 200
_LARGEST_VALUE_BYTES = 32 * 1024
_NOT_IGNORED = 1
"""git's exit code; 128 is that of a folder without git."""


@dataclass(frozen=True, slots=True)
class ContextFile:
    """Where a context's variables stand.

    Attributes:
        path: the file, or None for a context without variables.
        where: who names it, where that is a place in a file; for messages.
    """

    path: Path | None
    where: Location | None = None


@dataclass(slots=True)
class _Asked:
    """A context that jobs ask for, and whether one of them is sure to be reached."""

    jobs: list[WorkflowJob] = field(default_factory=list)
    is_needed: bool = False


def read_project(run: Run, env: Iterable[str], env_file: str) -> dict[str, str]:
    """Return the project's variables: those of ``--env`` over those of the file.

    Args:
        run: whose settings name the file where ``--env-file`` does not, and whose output hides them.
        env: as ``NAME=value``, or ``NAME`` to pass the caller's on.
        env_file: from the folder that the user stands in; "" for the one of the settings.

    Raises:
        InvalidInput: the file or an option cannot be read.
        Unavailable: it is encrypted, and its key or the program for it is missing.
    """
    variables: dict[str, str] = {}
    if env_file:
        variables |= read_variable_file(run, run.cwd / env_file).variables
    elif written := run.settings.get(CiSettings).env_file:
        where = Location("orbyard.yml", key="ci.env_file")
        variables |= read_variable_file(run, run.root / written, named_at=where).variables
    for item in env:
        variables |= parse_env_option(item, caller=run.environ)
    _hide(run, variables)
    return variables


def read_contexts(
    run: Run,
    config: CompiledConfig,
    planned: Sequence[PlannedWorkflow],
    options: Iterable[str],
    approved: Iterable[str] = (),
    *,
    process: ProcessRunner = run_process,
) -> dict[str, dict[str, str]]:
    """Return the variables of each context that a job of the run asks for.

    Args:
        run: whose settings name files too, and whose output hides the values.
        config: the configuration, for the contexts that no job of this run asks for.
        planned: what will run.
        options: of ``--context``.
        approved: of ``--approve``: what is behind another approval may never run, and its contexts
            may be missing.
        process: what runs git.

    Raises:
        InvalidInput: a context is not given, or its file cannot be read.
        Unavailable: it is encrypted, and its key or the program for it is missing.
    """
    asked = _asked(planned, frozenset(approved))
    given = _given(run, options)
    for name in given:
        if name not in asked:
            _note_unused(run, name, config)
    found = find_context_files(run, asked, given)
    _require(run, {name: asked[name] for name in asked if name not in {*found, _ALWAYS_THERE}})
    contexts: dict[str, dict[str, str]] = {_ALWAYS_THERE: {}}
    for name, place in found.items():
        contexts[name] = {}
        if place.path is not None:
            file = read_variable_file(run, place.path, named_at=place.where)
            contexts[name] = dict(file.variables)
            _hide(run, file.variables)
            _tell(run, name, file)
            _warn_of_plain_text(run, file, place.path, process)
    _warn_of_short(run, contexts)
    return contexts


def find_context_files(
    run: Run, names: Iterable[str], given: Mapping[str, ContextFile]
) -> dict[str, ContextFile]:
    """Return the file of each context that has one; see the head of this module.

    Args:
        run: whose project is looked through.
        names: the contexts.
        given: files named on the command line.
    """
    settings = run.settings.get(CiSettings).contexts
    found = {}
    for name in names:
        if name in given:
            found[name] = given[name]
        elif name in settings:
            where = Location("orbyard.yml", key=f"ci.contexts.{name}")
            path = run.root / settings[name] if settings[name] else None
            found[name] = ContextFile(path, where)
        elif path := _conventional(run.root, name):
            found[name] = ContextFile(path)
    return found


def _conventional(root: Path, name: str) -> Path | None:
    if not _is_file_name(name):
        return None
    paths = (root / CONTEXTS_FOLDER / f"{name}{ending}" for ending in _ENDINGS)
    return next((path for path in paths if path.is_file()), None)


def _given(run: Run, options: Iterable[str]) -> dict[str, ContextFile]:
    given: dict[str, ContextFile] = {}
    for item in options:
        name, sign, file = item.partition("=")
        if not sign or not name:
            raise InvalidInput(
                f"--context takes NAME=FILE, found {item!r}",
                hint="or NAME= for a context without variables",
            )
        if name in given:
            raise InvalidInput(f"--context {name} is given twice", hint="give one file a context")
        given[name] = ContextFile(run.cwd / file if file else None)
    return given


def _asked(planned: Iterable[PlannedWorkflow], approved: frozenset[str]) -> dict[str, _Asked]:
    asked: dict[str, _Asked] = {}
    for workflow in planned:
        held = _held(workflow.jobs, approved)
        for job in workflow.jobs:
            for name in job.contexts:
                found = asked.setdefault(name, _Asked())
                found.jobs.append(job)
                found.is_needed |= job.name not in held
    return asked


def _held(jobs: Sequence[WorkflowJob], approved: frozenset[str]) -> set[str]:
    """Return the jobs behind an approval that was not given in advance."""
    if "all" in approved:
        return set()
    held = {job.name for job in jobs if job.type == "approval" and job.name not in approved}
    before = -1
    while len(held) != before:
        before = len(held)
        held |= {job.name for job in jobs if any(need.name in held for need in job.requires)}
    return held


def _require(run: Run, missing: Mapping[str, _Asked]) -> None:
    """Refuse a run that lacks contexts; what only jobs behind an approval ask for may be missing."""
    needed = {name: asked for name, asked in missing.items() if asked.is_needed}
    if needed:
        raise InvalidInput(
            f"no variables are given for the context{'s'[: len(needed) > 1]} "
            + ", ".join(map(repr, needed)),
            problems=[
                Problem(f"the job {job.name!r} asks for the context {name!r}", job.where)
                for name, asked in needed.items()
                for job in asked.jobs
            ],
            hint=_ways(next(iter(needed))),
        )
    for name, asked in missing.items():
        jobs = ", ".join(sorted({job.name for job in asked.jobs}))
        run.console.warning(
            f"the context {name!r} is not given, so that {jobs} cannot run after the approval"
        )
    if missing:
        run.console.detail(_ways(next(iter(missing))))


def _ways(name: str) -> str:
    by_place = ""
    if _is_file_name(name):
        by_place = f", or write {CONTEXTS_FOLDER}/{name}.env (encrypted: {name}.env.enc)"
    option = f"--context {shlex.quote(name)}="
    return (
        f"give a file of NAME=value lines with `{option}FILE` or as ci.contexts in"
        f" orbyard.yml{by_place}; `{option}` alone does without its variables"
    )


def _is_file_name(name: str) -> bool:
    return bool(name) and not name.startswith(".") and not {"/", "\0"} & set(name)


def _note_unused(run: Run, name: str, config: CompiledConfig) -> None:
    jobs = [job for workflow in config.workflows.values() for job in workflow.jobs]
    known = {context for job in jobs for context in job.contexts}
    if name not in known:
        hint = did_you_mean(name, known) or (
            f"asked for are: {', '.join(sorted(known))}" if known else None
        )
        run.console.warning(f"no job asks for the context {name!r}", hint=hint)


def _hide(run: Run, variables: Mapping[str, str]) -> None:
    for value in variables.values():
        run.console.masker.add(value)


def _tell(run: Run, name: str, file: VariableFile) -> None:
    """Say where a context comes from, and where it is more than CircleCI would take (R20)."""
    count = len(file.variables)
    run.console.detail(f"context {name}: {count} variable{'s'[: count != 1]} of {file.name}")
    beyond = []
    if len(name) > _LONGEST_NAME:
        beyond.append(f"its name has {len(name)} characters, and {_LONGEST_NAME} are the most")
    if count > _MOST_VARIABLES:
        beyond.append(f"it has {count} variables, and {_MOST_VARIABLES} are the most")
    for variable, value in file.variables.items():
        size = len(value.encode("utf-8", "surrogateescape"))
        if size > _LARGEST_VALUE_BYTES:
            beyond.append(
                f"{variable} has {size} bytes, and {_LARGEST_VALUE_BYTES} are the most for a value"
            )
    for reason in beyond:
        run.console.warning(f"CircleCI would not take the context {name}: {reason}")


def _warn_of_plain_text(run: Run, file: VariableFile, path: Path, process: ProcessRunner) -> None:
    """Say where a context lies in plain text among the files that jobs check out."""
    if file.is_encrypted or not path.is_relative_to(run.root):
        return
    try:
        done = process(["git", "check-ignore", "--quiet", str(path)], cwd=run.root)
    except OrbyardError:
        return  # No git, no checkout.
    if done.exit_code == _NOT_IGNORED:
        run.console.warning(
            f"{file.name} is plain text that git does not ignore: every job that checks out gets it",
            hint=f"put it into .gitignore, or encrypt it: `orbyard secrets.encrypt {file.name} --remove`",
        )


def _warn_of_short(run: Run, contexts: Mapping[str, Mapping[str, str]]) -> None:
    short = [
        f"{name} ({context})"
        for context, variables in contexts.items()
        for name, value in variables.items()
        if 0 < len(value.strip()) < MINIMUM_LENGTH and not is_masked(value)
    ]
    if short:
        run.console.warning(
            f"values shorter than {MINIMUM_LENGTH} characters are not masked in the output:"
            f" {', '.join(short)}"
        )
