"""What a run would do, without doing it: jobs in their order, and the steps of each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.config.model import CompiledConfig, Step
from pipeline.config.values import flow_text
from pipeline.runner.canvas import plain_text
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.listing import (
    heading_lines,
    job_data,
    job_notes,
    left_out_lines,
    needs_text,
    styled,
)
from pipeline.runner.model import step_name
from pipeline.runner.overview import JobOverview, WorkflowOverview, overview_of
from pipeline.runner.overview_here import as_run_here
from pipeline.runner.plan import PlannedWorkflow
from pipeline.runner.schedule import Schedule

__all__ = ["FlowPreview", "JobPreview", "plan_data", "plan_lines", "preview"]

_MOST_LINES = 4
"""Lines of a command that are shown, but for comments."""
_INDENT = " " * 5
_AS_WRITTEN = ExecutorOptions()

KeyNote = Callable[[str, bool], str]
"""Says of a cache key's template what it comes to here and whether that is stored, or ""; the second
argument says whether the key is to be saved, and so has to be met to the letter."""


@dataclass(frozen=True, slots=True)
class JobPreview:
    """A job that would run.

    Attributes:
        job: what it is.
        steps: its steps.
        is_kept: whether it is taken over from an earlier run.
        is_expected: whether it runs when all goes well; others run when something else happens, or not
            on this machine.
    """

    job: JobOverview
    steps: tuple[Step, ...]
    is_kept: bool
    is_expected: bool


@dataclass(frozen=True, slots=True)
class FlowPreview:
    """A workflow that would run, its jobs in the order in which they can start."""

    flow: WorkflowOverview
    jobs: tuple[JobPreview, ...]


def preview(
    config: CompiledConfig,
    planned: PlannedWorkflow,
    kept: Collection[str] = (),
    options: ExecutorOptions = _AS_WRITTEN,
) -> FlowPreview:
    """Return what a workflow would do on this machine.

    Args:
        config: the configuration.
        planned: the workflow.
        kept: jobs that an earlier run did.
        options: what the settings and options say of executors.
    """
    flow = as_run_here(overview_of(config, planned), config, options)
    jobs = {job.name: job for job in flow.jobs}
    order = list(_order(planned, {job.name for job in flow.jobs if not job.runs_here}))
    expected = {name for name in order if jobs[name].runs_here}
    order += [job.name for job in planned.jobs if job.name not in order]
    return FlowPreview(
        flow,
        tuple(
            JobPreview(
                jobs[name],
                config.jobs[name].steps if jobs[name].executor and jobs[name].runs_here else (),
                name in kept,
                name in expected,
            )
            for name in order
        ),
    )


def _order(planned: PlannedWorkflow, not_here: Collection[str]) -> Iterator[str]:
    """Yield jobs in the order in which they can start, if all of them go well that this machine can run."""
    schedule = Schedule(planned.jobs)
    while ready := schedule.ready():
        for job in ready:
            schedule.start(job.name)
            yield job.name
        for job in ready:
            schedule.finish(job.name, "not_run" if job.name in not_here else "success")


# For people ---------------------------------------------------------------------------------------


def plan_lines(
    plan: FlowPreview, *, key_note: KeyNote, approved: Collection[str] = (), colour: bool = False
) -> list[str]:
    """Return a workflow's plan as lines.

    Args:
        plan: the plan.
        key_note: what there is to say of a cache's key.
        approved: approvals that pass by themselves, or ``all``.
        colour: whether to colour.
    """
    lines = heading_lines(plan.flow, colour=colour)
    for number, job in enumerate(plan.jobs, 1):
        lines += _job_lines(number, job, key_note, approved, colour)
    lines += [f"  {line}" for line in left_out_lines(plan.flow, colour=colour)]
    return lines


def _job_lines(
    number: int, plan: JobPreview, key_note: KeyNote, approved: Collection[str], colour: bool
) -> Iterator[str]:
    job = plan.job
    name = plain_text(job.counted_name)
    facts = [job.executor + (f", {job.resource_class}" if job.resource_class else "")]
    if job.kind == "approval":
        passes = "all" in approved or job.name in approved
        facts = ["approval: passes by --approve" if passes else "approval: asks at a terminal"]
    elif not job.executor:
        facts = [f"{job.kind}: nothing to do"]
    facts += [f"after {needs_text(job)}"] if job.requires else []
    facts += [notes] if (notes := job_notes(job)) else []
    yield f"{number:>3}  {styled(name, 'bold', colour=colour)}  {plain_text('; '.join(facts))}"
    if not plan.is_expected and job.runs_here:
        yield _INDENT + styled("not run when all goes well", "yellow", colour=colour)
    if plan.is_kept:
        yield _INDENT + styled("taken over from the earlier run", "green", colour=colour)
        return
    for step in plan.steps:
        yield from _step_lines(step, key_note, colour)


def _step_lines(step: Step, key_note: KeyNote, colour: bool) -> Iterator[str]:
    title = step_name(step)
    words = [word for word in (_when(step), _background(step)) if word]
    note = f"  ({', '.join(words)})" if words else ""
    kind = styled(plain_text(step.type), "cyan", colour=colour)
    yield f"{_INDENT}{kind}: {plain_text(title)}{note}"
    for line in _facts(step, title, key_note):
        yield _INDENT + "    " + styled(plain_text(line.expandtabs()), "dim", colour=colour)


def _when(step: Step) -> str:
    when = step.options.get("when", "on_success")
    return "" if when == "on_success" else str(when)


def _background(step: Step) -> str:
    return "in the background" if step.options.get("background") is True else ""


def _facts(step: Step, title: str, key_note: KeyNote) -> Iterator[str]:
    options = step.options
    if step.type in ("run", "deploy"):
        written = str(options.get("command", "")).splitlines()
        lines = [line for line in written if line.strip() and not line.lstrip().startswith("#")]
        if [line.strip() for line in lines] != [title]:
            yield from lines[:_MOST_LINES]
        if len(lines) > _MOST_LINES:
            yield f"… and {len(lines) - _MOST_LINES} more lines"
        return
    for template in cache_keys(step):
        yield key_note(template, step.type == "save_cache") or template
    shown = {
        key: value
        for key, value in options.items()
        if key not in ("name", "key", "keys", "when", "command")
    }
    for key, value in shown.items():
        yield f"{key}: {flow_text(value)}"


def cache_keys(step: Step) -> list[str]:
    """Return the key templates of a step that saves or restores a cache, in their order."""
    if step.type not in ("save_cache", "restore_cache"):
        return []
    found: list[str] = []
    for option in ("key", "keys"):
        value = step.options.get(option)
        found += map(str, value) if isinstance(value, list) else [str(value)] if value else []
    return found


# For programs -------------------------------------------------------------------------------------


def plan_data(plan: FlowPreview) -> dict[str, Any]:
    """Return a workflow's plan as plain data: the shape that ``--json`` prints."""
    return {
        "name": plan.flow.name,
        "state": plan.flow.state,
        "jobs": [
            {
                **job_data(job.job),
                "kept": job.is_kept,
                "expected": job.is_expected,
                "steps": [
                    {
                        "type": step.type,
                        "name": step_name(step),
                        "where": str(step.where),
                        "options": dict(step.options),
                    }
                    for step in job.steps
                ],
            }
            for job in plan.jobs
        ],
        "left_out": [{"name": job.name, "reason": job.reason} for job in plan.flow.left_out],
    }
