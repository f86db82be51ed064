"""A workflow as a graph to be drawn: jobs that wait for the same and are waited for alike are one group.

Pure. Groups keep drawings small without a loss: of twelve members of a matrix between two jobs, the
two dozen lines become two.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.config.model import JobRequirement
from pipeline.runner.overview import JobOverview, statuses_text

__all__ = ["DETAIL_WORDS", "Edge", "GraphJob", "Group", "WorkflowGraph", "graph_jobs", "make_graph"]

Details = tuple[tuple[str, str], ...]
DETAIL_WORDS = (
    "kind",
    "runs in",
    "services",
    "instances",
    "steps",
    "requires",
    "contexts",
    "filters",
    "serial group",
    "in the workflow",
    "written at",
)
"""What a job's details tell, in their order."""


@dataclass(frozen=True, slots=True)
class GraphJob:
    """A job as it is drawn.

    Attributes:
        name: its name, unique in the graph.
        requires: what it waits for; names that are not in the graph are passed over.
        kind: ``job``, ``approval``, or a type that runs nothing, as ``no-op``.
        parallelism: how many instances run at once.
        details: what is shown when one points at it, as pairs of a word and a value.
    """

    name: str
    requires: tuple[JobRequirement, ...] = ()
    kind: str = "job"
    parallelism: int = 1
    details: Details = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs with the same requirements that the same jobs require; mostly a single one.

    ``is_reference`` is one that stands elsewhere, and is only named here.
    """

    jobs: tuple[GraphJob, ...]
    is_reference: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """All jobs of ``target`` wait for all of ``source``, by their place in the graph's groups.

    ``label`` says which endings count; "" for success.
    """

    source: int
    target: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class WorkflowGraph:
    """Groups in the order of the document, and the edges between them.

    A requirement that follows from others is no edge: of ``c`` that requires ``a`` and ``b``, where ``b``
    requires ``a``, the line from ``a`` to ``c`` would say nothing new.
    """

    groups: tuple[Group, ...]
    edges: tuple[Edge, ...]


def graph_jobs(jobs: Iterable[JobOverview]) -> tuple[GraphJob, ...]:
    """Return a workflow's jobs as they are drawn, with what is known of each."""
    return tuple(
        GraphJob(job.name, job.requires, job.kind, job.parallelism, _details(job)) for job in jobs
    )


def _details(job: JobOverview) -> Details:
    needs = []
    for need in job.requires:
        label = statuses_text(need.statuses)
        needs.append(f"{need.name} ({label})" if label else need.name)
    place = job.executor
    if place and job.resource_class:
        place += f", {job.resource_class}"
    values = (
        "" if job.kind == "job" else job.kind,
        place,
        ", ".join(job.services),
        str(job.parallelism) if job.parallelism > 1 else "",
        str(job.steps or ""),
        ", ".join(needs),
        ", ".join(job.contexts),
        job.filters,
        job.serial_group,
        job.where,
        job.body_where,
    )
    return tuple(pair for pair in zip(DETAIL_WORDS, values, strict=True) if pair[1])


def make_graph(jobs: Sequence[GraphJob]) -> WorkflowGraph:
    """Return the graph of a workflow's jobs.

    Raises:
        ValueError: the requirements go in a circle.
    """
    needs = _needs(jobs)
    order = _in_order(needs)
    needs = _without_implied(needs, order)
    return _grouped({job.name: job for job in jobs}, needs)


Needs = dict[str, dict[str, str]]
"""For each job the label of each one that it requires."""


def _needs(jobs: Sequence[GraphJob]) -> Needs:
    known = {job.name for job in jobs}
    return {
        job.name: {
            need.name: statuses_text(need.statuses) for need in job.requires if need.name in known
        }
        for job in jobs
    }


def _in_order(needs: Needs) -> list[str]:
    """Return the jobs, each behind what it requires."""
    waiting = {name: len(required) for name, required in needs.items()}
    followers: dict[str, list[str]] = defaultdict(list)
    for name, required in needs.items():
        for need in required:
            followers[need].append(name)
    order = [name for name, count in waiting.items() if not count]
    for name in order:
        for follower in followers[name]:
            waiting[follower] -= 1
            if not waiting[follower]:
                order.append(follower)
    if len(order) < len(needs):
        circle = ", ".join(name for name, count in waiting.items() if count)
        raise ValueError(f"these jobs wait for each other: {circle}")
    return order


def _without_implied(needs: Needs, order: Iterable[str]) -> Needs:
    """Leave out requirements of success that follow from those of required jobs."""
    above: dict[str, frozenset[str]] = {}
    kept: Needs = {}
    for name in order:
        plain = [need for need, label in needs[name].items() if not label]
        implied: frozenset[str] = frozenset().union(*(above[need] for need in plain))
        above[name] = implied.union(plain)
        kept[name] = {
            need: label for need, label in needs[name].items() if label or need not in implied
        }
    return {name: kept[name] for name in needs}


def _grouped(jobs: dict[str, GraphJob], needs: Needs) -> WorkflowGraph:
    followers: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for name, required in needs.items():
        for need, label in required.items():
            followers[need].add((name, label))
    members: dict[object, list[str]] = defaultdict(list)
    for name, job in jobs.items():
        alike = (frozenset(needs[name].items()), frozenset(followers[name]))
        # An approval has to be seen by itself.
        members[(*alike, job.kind == "approval")].append(name)
    place = {name: number for number, names in enumerate(members.values()) for name in names}
    edges = {
        Edge(place[need], place[name], label)
        for name, required in needs.items()
        for need, label in required.items()
    }
    groups = tuple(Group(tuple(jobs[name] for name in names)) for names in members.values())
    return WorkflowGraph(groups, tuple(sorted(edges)))
