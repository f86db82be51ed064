"""Mistakes in steps that are better told before anything runs than when their turn comes."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

from pipeline.config.model import Job, Step
from pipeline.errors import InvalidInput, Problem
from pipeline.runner.cache_keys import CacheKeyError, KeyContext, render_key

__all__ = ["check_steps"]

_CONTEXT = KeyContext(
    branch="branch",
    build_num="1",
    revision="0" * 40,
    checkout_key="",
    environment={},
    working_directory="/",
    home="/",
    read_file=lambda _path: b"",
    epoch_s=0,
    arch="linux",
)
"""Stands for a job that is not there yet: what a key needs of it is taken to be there."""


def check_steps(jobs: Iterable[Job]) -> None:
    """Look at the steps of the jobs that are to be run.

    Raises:
        InvalidInput: with a problem for each template of a cache's key, and each shell, that is wrong.
    """
    problems = list(dict.fromkeys(problem for job in jobs for problem in _of_job(job)))
    if problems:
        raise InvalidInput("steps that cannot be run", problems=problems)


def _of_job(job: Job) -> Iterator[Problem]:
    if job.shell and job.steps:
        yield from _of_shell(job.shell, job.steps[0])
    for step in job.steps:
        if step.options.get("shell"):
            yield from _of_shell(str(step.options["shell"]), step)
        if step.type in ("save_cache", "restore_cache"):
            for template in _templates(step):
                yield from _of_template(template, step)


def _of_shell(shell: str, step: Step) -> Iterator[Problem]:
    try:
        shlex.split(shell)
    except ValueError as error:
        yield Problem(f"the shell {shell!r} cannot be read: {error}", step.where, "close the quote")


def _templates(step: Step) -> Iterator[str]:
    for written in (step.options.get("key"), step.options.get("keys")):
        if isinstance(written, list):
            yield from map(str, written)
        elif written is not None:
            yield str(written)


def _of_template(template: str, step: Step) -> Iterator[Problem]:
    try:
        render_key(template, _CONTEXT)
    except CacheKeyError as error:
        yield Problem(f"{error.message} (in {template[:80]!r})", step.where, error.hint)
