"""The final names of jobs: those of the same name are told apart by numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from pipeline.config.expanded import ExpandedJob, ExpandedWorkflow, Invocation
from pipeline.config.nodes import Node, to_data
from pipeline.config.values import same

__all__ = ["give_names", "same_body"]


def give_names(workflows: Iterable[ExpandedWorkflow]) -> None:
    """Tell jobs of the same name apart by numbers, over all workflows.

    Equal bodies in different workflows are one job and keep the name. Whether CircleCI does that is
    not documented; it makes processing what was processed before change nothing.
    """
    by_name: dict[str, list[Invocation]] = defaultdict(list)
    for workflow in workflows:
        for job in workflow.jobs:
            by_name[job.name].append(job)
    for name, jobs in list(by_name.items()):
        running = [job for job in jobs if not job.filtered_out]
        if len(running) < 2 or not _needs_numbers(running):
            continue
        number = 0
        for job in running:
            number += 1
            while f"{name}-{number}" in by_name:
                number += 1
            job.name = f"{name}-{number}"


def _needs_numbers(jobs: list[Invocation]) -> bool:
    if len({job.workflow for job in jobs}) < len(jobs):
        return True
    first: Any = None
    for job in jobs:
        if job.body is None:
            continue
        if first is None:
            first = job.body
        elif not same_body(first, job.body):
            return True
    return False


def same_body(one: ExpandedJob, other: ExpandedJob) -> bool:
    """Return whether two jobs do the same."""
    if one is other:
        return True
    if len(one.steps) != len(other.steps) or one.fields.keys() != other.fields.keys():
        return False
    return all(_same_node(one.fields[key], other.fields[key]) for key in one.fields) and all(
        a.name == b.name and _same_node(a.body, b.body)
        for a, b in zip(one.steps, other.steps, strict=True)
    )


def _same_node(one: Node | None, other: Node | None) -> bool:
    if one is other or one is None or other is None:
        return one is other
    return same(to_data(one), to_data(other))
