"""What ``ci.run`` was asked for, and what of it a run that goes on from an earlier one takes over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.ci_options import CompileOptions, default_parameters, git_values
from pipeline.errors import InvalidInput
from pipeline.runner.durations import parse_duration
from pipeline.runner.plan import Choice
from pipeline.runner.record import RunRecord
from pipeline.runner.report import Target
from pipeline.runner.view import ViewKind
from pipeline.secret import MASK
from pipeline.terminal import is_interactive

if TYPE_CHECKING:
    from pipeline.config.nodes import Source

__all__ = [
    "TRIGGERS",
    "LocalOptions",
    "as_before",
    "check_options",
    "options_to_keep",
    "with_pipeline",
]

TRIGGERS = {
    "push": "webhook",
    "api": "api",
    "schedule": "schedule",
    "scheduled-pipeline": "scheduled_pipeline",
}
"""By what ``--trigger`` says, the pipeline value ``pipeline.trigger_source``."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What ``ci.run`` was asked for; see the task's help."""

    choice: Choice
    job_parameters: tuple[str, ...] = ()
    begin_at: str = ""
    failed: str = ""
    continue_: str = ""
    passed: tuple[str, ...] = ()
    branch: str = ""
    tag: str = ""
    trigger: str = "push"
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


_KEPT = {"branch": "", "tag": "", "trigger": "push", "executor": "auto"}
"""Options that decide what a run is, with their defaults: ``--failed`` takes them over."""


def check_options(options: LocalOptions) -> None:
    """Refuse options that do not go together.

    Raises:
        InvalidInput: with what is wrong.
    """
    if (options.shell or options.shell_at) and not is_interactive():
        raise InvalidInput("a shell needs a terminal", hint="leave --shell out where there is none")
    if options.trigger not in TRIGGERS:
        raise InvalidInput(f"--trigger is one of {', '.join(TRIGGERS)}, not {options.trigger!r}")
    if options.passed and not options.continue_:
        raise InvalidInput(
            "--passed goes with --continue FILE",
            hint="a setup workflow passes its parameters itself; --param gives those of the pipeline",
        )
    if options.failed_tests and not options.failed:
        raise InvalidInput("--failed-tests goes with --failed, which says of what run")
    if options.in_place and options.committed:
        raise InvalidInput(
            "--in-place works on the files as they are, --committed on a copy: take one"
        )
    parse_duration(options.job_timeout or "0", key="--job-timeout")


def options_to_keep(options: LocalOptions) -> dict[str, str]:
    """Return what a run's record has of its options, as far as they were given."""
    given = {name: getattr(options, name) for name in _KEPT}
    return {name: value for name, value in given.items() if value != _KEPT[name]}


def as_before(
    earlier: RunRecord, source: Source, compiling: CompileOptions, options: LocalOptions
) -> tuple[CompileOptions, LocalOptions]:
    """Return the options of an earlier run where none are given.

    Raises:
        InvalidInput: a parameter had a secret in it, which the record does not have.
    """
    # A default was not given: a setup workflow may pass a value for it.
    defaults = default_parameters(source)
    given = {
        name: value
        for name, value in earlier.parameters.items()
        if name not in defaults or defaults[name] != value
    }
    if not any(asdict(options.choice).values()):
        options = replace(options, choice=Choice(**earlier.choice))
    options = replace(options, **_before(earlier.options, options))
    again = compiling.file_parameters.keys() | compiling.written_parameters.keys()
    for name, value in given.items():
        if name not in again and isinstance(value, str) and MASK in value:
            raise InvalidInput(
                f"the parameter {name} of the run {earlier.id} had a secret in it, which is not kept",
                hint=f"give it again: --param {name}=VALUE",
            )
    return replace(compiling, file_parameters={**given, **compiling.file_parameters}), options


def _before(earlier: Mapping[str, str], options: LocalOptions) -> Mapping[str, Any]:
    """Return what is taken over: of branch and tag neither, where one of them is given."""
    now = options_to_keep(options)
    left_out = {"branch", "tag"} if {"branch", "tag"} & now.keys() else set()
    return {
        name: value
        for name, value in earlier.items()
        if name in _KEPT and name not in now and name not in left_out
    }


def with_pipeline(compiling: CompileOptions, options: LocalOptions) -> CompileOptions:
    """Return what branch, tag and trigger mean as pipeline values; those that are given win."""
    values = {"pipeline.trigger_source": TRIGGERS[options.trigger]}
    return compiling.with_values({**values, **git_values(options.branch, options.tag)})
