"""What expansion makes of steps, jobs and workflows, before they are printed."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.config.findings import Frame
from pipeline.config.nodes import Mark, Node

__all__ = [
    "STATUSES",
    "ExpandedJob",
    "ExpandedStep",
    "ExpandedWorkflow",
    "Invocation",
    "Requirement",
    "UnusedWorkflow",
]

STATUSES = ("success", "failed", "canceled", "unauthorized", "not_run")
"""How a job can end; ``terminal`` in ``requires`` is all of them."""


@dataclass(slots=True, eq=False)
class ExpandedStep:
    """A built-in step as it will run.

    Attributes:
        name: ``run``, ``checkout`` …
        body: its keys, or None.
        mark: where it is written.
        frame: the calls that led there.
    """

    name: str
    body: Node | None
    mark: Mark
    frame: Frame | None


@dataclass(slots=True, eq=False)
class ExpandedJob:
    """A job as it will run: its keys but for the steps, its steps, and where it is written."""

    fields: dict[str, Node]
    steps: list[ExpandedStep]
    mark: Mark
    type: str = "build"


@dataclass(frozen=True, slots=True)
class Requirement:
    """A job that has to have ended, and how, before another starts.

    Attributes:
        name: the required job's name, as it is written until names are final.
        statuses: endings that count.
        mark: where it is written.
    """

    name: str
    statuses: tuple[str, ...]
    mark: Mark


@dataclass(slots=True, eq=False)
class Invocation:
    """A job of a workflow.

    Attributes:
        workflow: its workflow's name.
        item: the place in the list that it comes from; the members of a matrix share it.
        name: its name; until all are known without the number that tells equal ones apart.
        label: the name by which ``requires`` finds it.
        mark: where it is written.
        alias: the name of the whole matrix that it is a member of, or None.
        requires: the jobs it waits for.
        filters: branches and tags, or None.
        filtered_out: whether its filters' expression is false.
        filter_expression: that expression.
        contexts: as written: a text or a list.
        serial_group: or None.
        approval: whether it waits for a person.
        body: what it runs; None for an approval.
        group: the job group's invocation that it is part of, or "".
    """

    workflow: str
    item: int
    name: str
    label: str
    mark: Mark
    alias: str | None = None
    requires: list[Requirement] = field(default_factory=list)
    filters: Node | None = None
    filtered_out: bool = False
    filter_expression: str = ""
    contexts: Node | None = None
    serial_group: str | None = None
    approval: bool = False
    body: ExpandedJob | None = None
    group: str = ""


@dataclass(slots=True, eq=False)
class ExpandedWorkflow:
    """A workflow that runs.

    Attributes:
        name: its name.
        jobs: its jobs, in the order of the document.
        mark: where it is written.
        triggers: schedules, as written.
        max_auto_reruns: or None.
        left_out: the jobs that are filtered out.
    """

    name: str
    mark: Mark
    jobs: list[Invocation] = field(default_factory=list)
    triggers: Node | None = None
    max_auto_reruns: int | None = None
    left_out: list[Invocation] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class UnusedWorkflow:
    """A workflow that does not run: by ``condition``, or without one since its jobs are filtered out."""

    name: str
    condition: str
    jobs: tuple[str, ...]
    mark: Mark
