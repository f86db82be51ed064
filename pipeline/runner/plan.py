"""What of a configuration is run: workflows that this branch or tag starts, or a job and what it needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pipeline.config.java_regex import BadRegex, full_match
from pipeline.config.model import CompiledConfig, Filter, Filters, Workflow, WorkflowJob
from pipeline.errors import InvalidInput, did_you_mean

__all__ = [
    "Choice",
    "Node",
    "PlannedWorkflow",
    "filters_match",
    "is_due",
    "plan_run",
    "plan_workflow",
]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user asked for.

    Attributes:
        workflow: one workflow by its name, or "" for all that this branch or tag starts.
        job: one job by its final name, or "".
        only: whether to run that job without what it requires.
        node_index: which instance of that job to run alone, or None for all.
        node_total: how many instances it has; 0 for what its ``parallelism`` says.
        scheduled: whether to run what a schedule starts, in place of what a push starts.
    """

    workflow: str = ""
    job: str = ""
    only: bool = False
    scheduled: bool = False
    node_index: int | None = None
    node_total: int = 0


@dataclass(frozen=True, slots=True)
class Node:
    """What was chosen of a job with ``parallelism``: how many instances it has, and the one that runs."""

    job: str
    total: int
    index: int | None


@dataclass(frozen=True, slots=True)
class PlannedWorkflow:
    """A workflow to run, with the jobs that remain of it; ``left_out`` are those that a filter drops.

    ``continues`` tells whether it is of what a setup workflow of the same run handed over. ``node`` is what
    was chosen of a job with ``parallelism``.
    """

    name: str
    jobs: tuple[WorkflowJob, ...]
    left_out: tuple[str, ...] = ()
    max_auto_reruns: int = 0
    continues: bool = False
    node: Node | None = None

    def indexes(self, job: str, parallelism: int) -> range:
        """Return which of a job's instances run."""
        node = self.node
        if node is None or node.job != job or node.index is None:
            return range(parallelism)
        return range(node.index, node.index + 1)

    def with_total(self, config: CompiledConfig) -> CompiledConfig:
        """Return a configuration whose job has as many instances as were chosen."""
        node = self.node
        if node is None or node.job not in config.jobs:
            return config
        body = replace(config.jobs[node.job], parallelism=node.total)
        return replace(config, jobs={**config.jobs, node.job: body})


def filters_match(filters: Filters, *, branch: str = "", tag: str = "") -> bool:
    """Return whether a job runs for a branch or tag.

    ``only`` is looked at before ``ignore``; without a filter for branches all run, without one for tags
    none (CircleCI's configuration reference). A pipeline with both is one for the branch.

    Raises:
        InvalidInput: a pattern takes too long to match.
    """
    if branch or not tag:
        return _matches(filters.branches, branch) if filters.branches else True
    return _matches(filters.tags, tag) if filters.tags else False


def _matches(names: Filter, name: str) -> bool:
    if names.only is not None:
        return _among(names.only, name)
    if names.ignore is not None:
        return not _among(names.ignore, name)
    return True


def _among(patterns: Iterable[str], name: str) -> bool:
    for pattern in patterns:
        if len(pattern) > 1 and pattern[0] == pattern[-1] == "/":
            if _matches_regex(pattern, name):
                return True
        elif pattern == name:
            return True
    return False


def _matches_regex(pattern: str, name: str) -> bool:
    try:
        return full_match(pattern[1:-1], name)
    except BadRegex as error:
        raise InvalidInput(f"a filter cannot be matched against {name!r}: {error}") from None


def plan_run(
    config: CompiledConfig, choice: Choice, *, branch: str = "", tag: str = ""
) -> tuple[PlannedWorkflow, ...]:
    """Return what to run.

    Raises:
        InvalidInput: there is no such workflow or job, or nothing to run.
    """
    workflows = _workflows(config, choice, branch)
    if choice.job:
        planned_job = _job_with_needs(workflows, choice)
        return (replace(planned_job, node=_node(config, choice)),)
    planned = [plan_workflow(workflow, branch=branch, tag=tag) for workflow in workflows]
    planned = [workflow for workflow in planned if workflow.jobs]
    if not planned:
        what = f"tag {tag!r}" if tag and not branch else f"branch {branch!r}"
        when = " by a schedule" if choice.scheduled else ""
        raise InvalidInput(
            f"no workflow runs for the {what}{when}",
            hint="see `orbyard ci.run --list`; --branch and --tag choose another one",
        )
    return tuple(planned)


def _workflows(config: CompiledConfig, choice: Choice, branch: str) -> list[Workflow]:
    if choice.workflow:
        if choice.workflow not in config.workflows:
            _refuse_skipped(config, choice.workflow)
            raise InvalidInput(
                f"there is no workflow {choice.workflow!r}",
                hint=did_you_mean(choice.workflow, config.workflows)
                or f"there are: {', '.join(config.workflows)}",
            )
        return [config.workflows[choice.workflow]]
    if choice.scheduled and not choice.job:
        return [flow for flow in config.workflows.values() if is_due(flow, branch)]
    pushed = [flow for flow in config.workflows.values() if not flow.schedules]
    if not choice.job:
        return pushed
    # A push does not start scheduled workflows; who names a job may mean one of theirs all the same.
    return pushed + [flow for flow in config.workflows.values() if flow.schedules]


def is_due(workflow: Workflow, branch: str) -> bool:
    """Return whether a schedule of a workflow starts it for a branch."""
    return any(_matches(schedule.branches, branch) for schedule in workflow.schedules)


def _refuse_skipped(config: CompiledConfig, name: str) -> None:
    for flow in config.skipped:
        if flow.name == name:
            reason = flow.condition or "the filters of its jobs leave none"
            raise InvalidInput(
                f"the workflow {name!r} does not run: {reason}",
                where=flow.where,
                hint="--param, --branch and --value change what conditions see",
            )


def plan_workflow(workflow: Workflow, *, branch: str = "", tag: str = "") -> PlannedWorkflow:
    """Return a workflow without the jobs that its filters drop.

    A job of which all requirements are dropped is dropped too.

    Raises:
        InvalidInput: a pattern takes too long to match.
    """
    dropped = {
        job.name for job in workflow.jobs if not filters_match(job.filters, branch=branch, tag=tag)
    }
    changed = True
    while changed:
        changed = False
        for job in workflow.jobs:
            needs = {need.name for need in job.requires}
            if job.name not in dropped and needs and needs <= dropped:
                dropped.add(job.name)
                changed = True
    kept = [job for job in workflow.jobs if job.name not in dropped]
    left_out = tuple(job.name for job in workflow.jobs if job.name in dropped)
    jobs = tuple(_without(kept, dropped))
    return PlannedWorkflow(workflow.name, jobs, left_out, workflow.max_auto_reruns)


def _without(jobs: Iterable[WorkflowJob], dropped: set[str]) -> Iterable[WorkflowJob]:
    for job in jobs:
        needs = tuple(need for need in job.requires if need.name not in dropped)
        yield job if len(needs) == len(job.requires) else replace(job, requires=needs)


def _job_with_needs(workflows: Iterable[Workflow], choice: Choice) -> PlannedWorkflow:
    known: list[str] = []
    for workflow in workflows:
        jobs = {job.name: job for job in workflow.jobs}
        known += jobs
        if choice.job not in jobs:
            continue
        wanted = {choice.job} if choice.only else _closure(choice.job, jobs)
        kept = [job for job in workflow.jobs if job.name in wanted]
        dropped = {job.name for job in workflow.jobs} - wanted
        return PlannedWorkflow(workflow.name, tuple(_without(kept, dropped)))
    raise InvalidInput(
        f"there is no job {choice.job!r}",
        hint=did_you_mean(choice.job, known) or f"there are: {', '.join(dict.fromkeys(known))}",
    )


def _node(config: CompiledConfig, choice: Choice) -> Node | None:
    if choice.node_index is None and not choice.node_total:
        return None
    body = config.jobs.get(choice.job)
    total = choice.node_total or (body.parallelism if body is not None else 1)
    if choice.node_index is not None and choice.node_index >= total:
        raise InvalidInput(
            f"--node-index {choice.node_index}: {choice.job!r} has {total} instances, counted from 0",
            hint="--node-total gives it another number of them",
        )
    return Node(choice.job, total, choice.node_index)


def _closure(name: str, jobs: Mapping[str, WorkflowJob]) -> set[str]:
    wanted: set[str] = set()
    todo = [name]
    while todo:
        here = todo.pop()
        if here not in wanted and here in jobs:
            wanted.add(here)
            todo.extend(need.name for need in jobs[here].requires)
    return wanted
