"""What ``ci.run`` was asked for, and which of its options do not go together."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.ci_options import CompileOptions, git_values
from pipeline.errors import InvalidInput
from pipeline.runner.durations import parse_duration
from pipeline.runner.plan import Choice
from pipeline.runner.report import Target
from pipeline.runner.view import ViewKind
from pipeline.terminal import is_interactive

__all__ = [
    "TRIGGERS",
    "LocalOptions",
    "check_options",
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
    values: tuple[str, ...] = ()
    orbs: tuple[str, ...] = ()
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
    watch: bool = False


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
    if options.watch and options.in_place:
        raise InvalidInput("--watch would see what jobs change with --in-place: take one of them")
    if options.in_place and options.committed:
        raise InvalidInput(
            "--in-place works on the files as they are, --committed on a copy: take one"
        )
    parse_duration(options.job_timeout or "0", key="--job-timeout")


def with_pipeline(compiling: CompileOptions, options: LocalOptions) -> CompileOptions:
    """Return what branch, tag and trigger mean as pipeline values; those that are given win."""
    values = {"pipeline.trigger_source": TRIGGERS[options.trigger]}
    return compiling.with_values({**values, **git_values(options.branch, options.tag)})
