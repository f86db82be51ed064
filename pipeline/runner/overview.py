"""What there is of a configuration: every workflow, whether it starts here and why not, and its jobs.

Pure; what ``ci.run --list``, ``ci.run --dry-run`` and ``ci.graph`` show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from pipeline.config.model import (
    CompiledConfig,
    Docker,
    Filter,
    Filters,
    Job,
    JobRequirement,
    LeftOutJob,
    Machine,
    Macos,
    SkippedWorkflow,
    Workflow,
    WorkflowJob,
)
from pipeline.runner.plan import Node, PlannedWorkflow, filters_match, is_due, plan_workflow

__all__ = [
    "JobOverview",
    "LeftOut",
    "WorkflowOverview",
    "executor_text",
    "overview",
    "overview_of",
    "pipeline_ref",
    "statuses_text",
]

State = Literal["starts", "scheduled", "filtered", "skipped"]
_ENDINGS = 5
_VALUE = re.compile(r"pipeline\.[A-Za-z_][\w.-]*\w|pipeline\.\w")


@dataclass(frozen=True, slots=True)
class JobOverview:
    """A job of a workflow, as it would run.

    Attributes:
        name: its final name.
        kind: ``job``, ``approval``, or the job's type where it runs nothing, as ``no-op``.
        executor: where it runs, as ``docker cimg/ruby:3.3``; empty where it runs nothing.
        services: the images beside that of a docker job.
        resource_class: or "".
        parallelism: how many instances there are.
        node_index: the one of them that runs, or None for all.
        requires: what it waits for; without what filters leave out.
        contexts: whose variables it gets.
        filters: the branches and tags that it is for, in words.
        serial_group: or "".
        steps: how many steps it has.
        where: where the workflow names it.
        body_where: where the job itself is written, or "".
        here: how it runs on this machine, where that is otherwise than written; see
            :mod:`pipeline.runner.overview_here`.
        runs_here: whether this machine can run it.
    """

    name: str
    kind: str = "job"
    executor: str = ""
    services: tuple[str, ...] = ()
    resource_class: str = ""
    parallelism: int = 1
    node_index: int | None = None
    requires: tuple[JobRequirement, ...] = ()
    contexts: tuple[str, ...] = ()
    filters: str = ""
    serial_group: str = ""
    steps: int = 0
    where: str = ""
    body_where: str = ""
    here: str = ""
    runs_here: bool = True

    @property
    def counted_name(self) -> str:
        """Its name with how many instances run: ``test ×4``, or ``test[1] of 4``."""
        if self.node_index is not None:
            return f"{self.name}[{self.node_index}] of {self.parallelism}"
        return f"{self.name} ×{self.parallelism}" if self.parallelism > 1 else self.name


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A job that does not run here, and why."""

    name: str
    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowOverview:
    """A workflow.

    Attributes:
        name: its name.
        state: whether it ``starts`` here; else ``scheduled``, ``filtered`` where its jobs' filters leave
            none, ``skipped`` where its condition is false.
        reason: how it starts, or why not.
        jobs: the jobs that run when it is started.
        left_out: those that do not.
        where: where it is written.
    """

    name: str
    state: State
    reason: str
    jobs: tuple[JobOverview, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    where: str = ""

    @property
    def headline(self) -> str:
        """How it starts, or that it does not run, and why."""
        runs = self.state in ("starts", "scheduled")
        return self.reason if runs else f"does not run: {self.reason}"


def overview(config: CompiledConfig, *, scheduled: bool = False) -> tuple[WorkflowOverview, ...]:
    """Return every workflow of a configuration, in the order of the document.

    Args:
        config: the configuration.
        scheduled: whether to say what a schedule starts, in place of what a push starts.
    """
    found = []
    for flow in config.workflows.values():
        shown = overview_of(config, plan_workflow(flow, **pipeline_ref(config)))
        found.append((flow.where.line, _as_scheduled(config, flow, shown) if scheduled else shown))
    found += [(flow.where.line, _skipped(config, flow)) for flow in config.skipped]
    return tuple(flow for _, flow in sorted(found, key=lambda item: item[0]))


def _as_scheduled(
    config: CompiledConfig, flow: Workflow, shown: WorkflowOverview
) -> WorkflowOverview:
    if not flow.schedules:
        return replace(shown, state="filtered", reason="a push starts it, and no schedule")
    if not is_due(flow, pipeline_ref(config)["branch"]):
        return replace(
            shown, state="filtered", reason=f"{shown.reason}, not for {_ref_text(config)}"
        )
    return replace(shown, state="starts")


def overview_of(config: CompiledConfig, planned: PlannedWorkflow) -> WorkflowOverview:
    """Return one workflow with the jobs that were chosen of it."""
    workflow = _written(config, planned)
    state: State = "starts"
    reason = f"starts for {_ref_text(config)}"
    if workflow.schedules:
        times = ", ".join(f"{s.cron}{_on_branches(s.branches)}" for s in workflow.schedules)
        state, reason = "scheduled", f"scheduled at {times} (UTC)"
    elif not planned.jobs:
        state, reason = "filtered", f"no job of it is for {_ref_text(config)}"
    return WorkflowOverview(
        planned.name,
        state,
        reason,
        tuple(_job(planned.with_total(config), job, planned.node) for job in planned.jobs),
        _left_out(config, workflow, planned),
        str(workflow.where),
    )


def _written(config: CompiledConfig, planned: PlannedWorkflow) -> Workflow:
    """Return the workflow that was planned; where it got another name, it is known by its jobs."""
    found = config.workflows.get(planned.name)
    if found is not None:
        return found
    names = {*(job.name for job in planned.jobs), *planned.left_out}
    flows = config.workflows.values()
    return next(flow for flow in flows if names <= {job.name for job in flow.jobs})


def pipeline_ref(config: CompiledConfig) -> dict[str, str]:
    """Return the branch and the tag that a configuration was compiled for."""
    values = config.values
    return {
        "branch": str(values.get("pipeline.git.branch") or ""),
        "tag": str(values.get("pipeline.git.tag") or ""),
    }


def _ref_text(config: CompiledConfig) -> str:
    ref = pipeline_ref(config)
    if ref["tag"] and not ref["branch"]:
        return f"tag {ref['tag']}"
    return f"branch {ref['branch']}" if ref["branch"] else "a checkout without a branch"


def _job(config: CompiledConfig, job: WorkflowJob, node: Node | None) -> JobOverview:
    body = config.jobs.get(job.name) if job.type == "job" else None
    made = JobOverview(
        job.name,
        job.type,
        requires=job.requires,
        contexts=job.contexts,
        filters=_filters_text(job.filters),
        serial_group=job.serial_group or "",
        where=str(job.where),
    )
    if body is None:
        return made
    return replace(
        made,
        kind="job" if body.type == "build" else body.type,
        executor=executor_text(body),
        services=_services(body),
        resource_class=body.resource_class or "",
        parallelism=body.parallelism,
        node_index=node.index if node is not None and node.job == job.name else None,
        steps=len(body.steps),
        body_where=str(body.where),
    )


def executor_text(job: Job) -> str:
    """Return where a job runs: ``docker cimg/ruby:3.3``."""
    match job.executor:
        case Docker(images):
            return f"docker {images[0].image}" if images else "docker"
        case Machine(image):
            return f"machine {image}" if image else "machine"
        case Macos(xcode):
            return f"macos, Xcode {xcode}"
    return ""


def _services(job: Job) -> tuple[str, ...]:
    if not isinstance(job.executor, Docker):
        return ()
    return tuple(image.image for image in job.executor.images[1:])


def statuses_text(statuses: tuple[str, ...]) -> str:
    """Return the endings that a requirement counts, in words; "" for success alone."""
    if statuses == ("success",):
        return ""
    return "any end" if len(set(statuses)) == _ENDINGS else "/".join(statuses)


# Reasons ------------------------------------------------------------------------------------------


def _left_out(
    config: CompiledConfig, workflow: Workflow, planned: PlannedWorkflow
) -> tuple[LeftOut, ...]:
    jobs = {job.name: job for job in workflow.jobs}
    found = [_unexpanded(job) for job in workflow.left_out]
    found += [
        LeftOut(name, _reason(config, jobs[name]), str(jobs[name].where))
        for name in planned.left_out
    ]
    return tuple(found)


def _unexpanded(job: LeftOutJob) -> LeftOut:
    condition = " ".join(job.condition.split())
    reason = f"its filters are false: {condition}" if condition else _NOTHING_LEFT
    return LeftOut(job.name, reason, str(job.where))


_NOTHING_LEFT = "all that it requires is left out"


def _reason(config: CompiledConfig, job: WorkflowJob) -> str:
    ref = pipeline_ref(config)
    if filters_match(job.filters, **ref):
        return _NOTHING_LEFT
    if ref["tag"] and not ref["branch"]:
        return f"its filters: {_filter_text('tags', job.filters.tags) or 'no tags'}"
    return f"its filters: {_filter_text('branches', job.filters.branches)}"


def _filters_text(filters: Filters) -> str:
    # Without a filter for branches a job runs for all of them, also where it has one for tags.
    branches = filters.branches or (Filter() if filters.tags else None)
    parts = (_filter_text("branches", branches), _filter_text("tags", filters.tags))
    return "; ".join(part for part in parts if part)


def _filter_text(what: str, names: Filter | None) -> str:
    if names is None:
        return ""
    if names.only is not None:
        return f"only {what} {', '.join(names.only)}" if names.only else f"no {what}"
    if names.ignore is not None:
        return f"all {what} but {', '.join(names.ignore)}" if names.ignore else f"all {what}"
    return f"all {what}"


def _on_branches(branches: Filter) -> str:
    if branches.only:
        return f" on {', '.join(branches.only)}"
    return f" on all branches but {', '.join(branches.ignore)}" if branches.ignore else ""


def _skipped(config: CompiledConfig, flow: SkippedWorkflow) -> WorkflowOverview:
    jobs = tuple(LeftOut(name, "") for name in flow.jobs)
    where = str(flow.where)
    if not flow.condition:
        reason = "the filters of its jobs leave none"
        return WorkflowOverview(flow.name, "filtered", reason, (), jobs, where)
    values = _values_in(flow.condition, config)
    reason = f"{flow.condition}" + (f", where {values}" if values else "")
    return WorkflowOverview(flow.name, "skipped", reason, (), jobs, where)


def _values_in(condition: str, config: CompiledConfig) -> str:
    """Return the pipeline values that a condition looks at, with what they are."""
    known = {f"pipeline.parameters.{name}": value for name, value in config.parameters.items()}
    found: dict[str, str] = {}
    for name in _VALUE.findall(condition):
        value = known[name] if name in known else config.values.get(name)
        found[name] = _value_text(value)
    return ", ".join(f"{name} is {value}" for name, value in found.items())


def _value_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "not set" if value is None or value == "" else str(value)
