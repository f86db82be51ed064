"""A configuration compiled for a run: a job that is in no workflow can be run alone all the same."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Values
from typing import Any

from pipeline.ci_options import CompileOptions, as_declared, named_values
from pipeline.config.compiler import compile as compile_config
from pipeline.config.findings import ConfigError, Report
from pipeline.config.model import CompiledConfig
from pipeline.config.nodes import Mapping, Node, Source
from pipeline.config.reader import read_document
from pipeline.errors import InvalidInput
from pipeline.runner.plan import Choice

__all__ = ["compile_for_run", "skips_ci"]

_SKIP = re.compile(r"\[(?:ci skip|skip ci)\]")
_LOOKED_AT = 250
"""Characters of the title and of the body of a commit's message (circleci.com/docs/skip-build)."""


def compile_for_run(
    source: Source, compiling: CompileOptions, choice: Choice, job_parameters: Iterable[str] = ()
) -> CompiledConfig:
    """Compile a configuration.

    Where a job is chosen that no workflow has, or that is given parameters, it takes the place of the
    workflows.

    Args:
        source: the configuration.
        compiling: its parameters, values and orbs.
        choice: what is to be run.
        job_parameters: ``name=value`` texts for the job that is chosen.

    Raises:
        ConfigError: it cannot be compiled.
        InvalidInput: there are parameters for a job, and no job.
    """
    keywords = {**compiling.keywords(source), "future_steps": True}
    given = named_values(job_parameters, "--job-param")
    if given and not choice.job:
        raise InvalidInput("--job-param is for the job of --job", hint="name the job with `--job`")
    declared = _declared_job(source, choice.job) if choice.job and not choice.workflow else None
    if given:
        node = declared.get("parameters") if isinstance(declared, Mapping) else None
        typed = as_declared(node, given)
        return compile_config(source, **keywords, only_job=choice.job, job_parameters=typed)
    try:
        compiled = compile_config(source, **keywords)
    except ConfigError as error:
        if declared is None or _codes(error) != {"no-jobs"}:
            raise
        return compile_config(source, **keywords, only_job=choice.job)
    if declared is None or _is_in_a_workflow(compiled, choice.job):
        return compiled
    return compile_config(source, **keywords, only_job=choice.job)


def _codes(error: ConfigError) -> set[str]:
    return {finding.code for finding in error.findings if finding.severity == "error"}


def _declared_job(source: Source, name: str) -> Node | None:
    """Return the job's own declaration; None where the configuration has none of that name."""
    root = read_document(source, Report())
    jobs = root.get("jobs") if isinstance(root, Mapping) else None
    return jobs.get(name) if isinstance(jobs, Mapping) else None


def _is_in_a_workflow(compiled: CompiledConfig, name: str) -> bool:
    return any(job.name == name for flow in compiled.workflows.values() for job in flow.jobs)


def skips_ci(values: Values[str, Any]) -> bool:
    """Return whether CircleCI would start nothing for a push, since the commit's message says so."""
    texts = (values.get(f"pipeline.git.commit.{part}") or "" for part in ("subject", "body"))
    return values.get("pipeline.trigger_source") == "webhook" and any(
        _SKIP.search(str(text)[:_LOOKED_AT]) for text in texts
    )
