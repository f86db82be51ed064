"""The compiled configuration: what will run, with nothing left to be looked up.

All of it is frozen, and may be shared between threads. ``where`` is the place in the file where a thing
is written (in an orb's file too), ``calls`` the calls that led there, outermost first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.config.findings import Call, Finding
from pipeline.errors import Location

__all__ = [
    "CompiledConfig",
    "Docker",
    "DockerImage",
    "Filter",
    "Filters",
    "Job",
    "JobRequirement",
    "LeftOutJob",
    "Machine",
    "Macos",
    "ResolvedOrb",
    "Schedule",
    "SkippedWorkflow",
    "Step",
    "Workflow",
    "WorkflowJob",
]

Value = str | int | float | bool | None
Environment = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a job.

    Attributes:
        type: ``run``, ``checkout``, ``save_cache`` …
        options: its keys; empty for a step without any.
        where: where it is written.
        calls: the workflow, job and commands it was reached through.
    """

    type: str
    options: Mapping[str, Any]
    where: Location
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class DockerImage:
    """A container of a docker job.

    ``auth``, ``aws_auth`` and ``gcp_auth`` are as written, or empty; ``where`` is None for an image that
    no configuration names.
    """

    image: str
    name: str | None = None
    entrypoint: tuple[str, ...] | str | None = None
    command: tuple[str, ...] | str | None = None
    user: str | None = None
    environment: Environment = field(default_factory=dict)
    auth: Mapping[str, Any] = field(default_factory=dict)
    aws_auth: Mapping[str, Any] = field(default_factory=dict)
    gcp_auth: Mapping[str, Any] = field(default_factory=dict)
    where: Location | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Docker:
    """Runs in containers: the first runs the steps, the others are services."""

    images: tuple[DockerImage, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """Runs in a virtual machine; ``image`` is None for the default one."""

    image: str | None = None
    docker_layer_caching: bool = False


@dataclass(frozen=True, slots=True)
class Macos:
    """Runs on macOS with a version of Xcode."""

    xcode: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it will run.

    Attributes:
        name: its final name.
        type: ``build``, ``no-op``, ``release``, ``lock`` or ``unlock``.
        executor: where it runs; None for a type that runs nothing.
        steps: its steps, flat.
        environment: variables of all its steps.
        shell: or None for the default.
        working_directory: or None for ``~/project``.
        resource_class: or None for the default.
        parallelism: how many instances run at once.
        circleci_ip_ranges: whether it has to come from CircleCI's own addresses.
        cache_retention: as ``7d``, or None.
        key: of a ``lock`` or ``unlock``.
        data: all its keys as they are printed.
        where: where it is written.
    """

    name: str
    type: str
    executor: Docker | Machine | Macos | None
    steps: tuple[Step, ...]
    environment: Environment
    shell: str | None
    working_directory: str | None
    resource_class: str | None
    parallelism: int
    circleci_ip_ranges: bool
    cache_retention: str | None
    key: str | None
    data: Mapping[str, Any]
    where: Location


@dataclass(frozen=True, slots=True)
class Filter:
    """Names of branches or tags: ``/regex/`` or exact; None where the key is not there."""

    only: tuple[str, ...] | None = None
    ignore: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Filters:
    """Branches and tags that a job runs for; None where the key is not there."""

    branches: Filter | None = None
    tags: Filter | None = None


@dataclass(frozen=True, slots=True)
class JobRequirement:
    """A job that has to have ended in one of ``statuses`` first."""

    name: str
    statuses: tuple[str, ...] = ("success",)


@dataclass(frozen=True, slots=True)
class WorkflowJob:
    """A job of a workflow; its body is ``jobs[name]`` of the configuration, but for an approval."""

    name: str
    type: Literal["job", "approval"]
    requires: tuple[JobRequirement, ...]
    filters: Filters
    contexts: tuple[str, ...]
    serial_group: str | None
    where: Location
    group: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A trigger by the clock: five fields of POSIX cron in UTC, and the branches."""

    cron: str
    branches: Filter


@dataclass(frozen=True, slots=True)
class LeftOutJob:
    """A job that is not part of its workflow: the expression of its filters is false.

    ``condition`` is that expression; empty where all that the job requires is left out.
    """

    name: str
    condition: str
    where: Location


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow; ``schedules`` is empty for one that runs on a push."""

    name: str
    jobs: tuple[WorkflowJob, ...]
    schedules: tuple[Schedule, ...]
    max_auto_reruns: int
    where: Location
    left_out: tuple[LeftOutJob, ...] = ()


@dataclass(frozen=True, slots=True)
class SkippedWorkflow:
    """A workflow that does not run.

    Attributes:
        name: its name.
        condition: the condition that keeps it from running, as ``when: << pipeline.parameters.e2e >>``;
            empty where the expressions of its jobs' filters leave it without any.
        jobs: the names of its jobs, as they are written.
        where: where it is written.
    """

    name: str
    condition: str
    jobs: tuple[str, ...]
    where: Location


@dataclass(frozen=True, slots=True)
class ResolvedOrb:
    """An orb that the configuration declares: ``circleci/node@5`` and ``circleci/node@5.2.0``."""

    alias: str
    reference: str
    resolved: str


@dataclass(frozen=True, slots=True)
class CompiledConfig:
    """What a configuration comes to.

    Attributes:
        jobs: by their final names, in the order of their first use.
        workflows: by name; those that run.
        setup: whether it is a setup configuration, which is continued by another.
        parameters: pipeline parameters with their values.
        values: pipeline values with their values.
        orbs: the orbs that were resolved, in the order of their declaration.
        warnings: what is unwise in it.
        data: all of it, as :func:`~pipeline.config.to_yaml` prints it.
        skipped: the workflows that do not run.
    """

    jobs: Mapping[str, Job]
    workflows: Mapping[str, Workflow]
    setup: bool
    parameters: Mapping[str, Value]
    values: Mapping[str, Value]
    orbs: tuple[ResolvedOrb, ...]
    warnings: tuple[Finding, ...]
    data: Mapping[str, Any]
    skipped: tuple[SkippedWorkflow, ...] = ()
