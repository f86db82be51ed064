"""Turns what was expanded into the compiled configuration, and into the document that is printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.config.expanded import (
    ExpandedJob,
    ExpandedStep,
    ExpandedWorkflow,
    Invocation,
    UnusedWorkflow,
)
from pipeline.config.findings import Call, Frame
from pipeline.config.model import (
    Docker,
    DockerImage,
    Filter,
    Filters,
    Job,
    JobRequirement,
    LeftOutJob,
    Machine,
    Macos,
    Schedule,
    SkippedWorkflow,
    Step,
    Workflow,
    WorkflowJob,
)
from pipeline.config.nodes import Mark, Node, Sequence, to_data
from pipeline.config.values import as_text
from pipeline.errors import Location

__all__ = [
    "build_jobs",
    "build_skipped",
    "build_workflows",
    "processed_document",
    "without_upstream",
]

_JOB_KEYS = (
    "type",
    "plan_name",
    "key",
    "docker",
    "machine",
    "macos",
    "resource_class",
    "shell",
    "working_directory",
    "parallelism",
    "environment",
    "retention",
    "circleci_ip_ranges",
    "branches",
    "validation",
    "deploy",
)
"""The order in which a job's keys are printed; its steps are last."""


def processed_document(workflows: Iterable[ExpandedWorkflow]) -> dict[str, Any]:
    """Return the document that CircleCI would run: version 2, jobs and workflows.

    Keys have a fixed order, jobs that of their first use.
    """
    jobs: dict[str, Any] = {}
    printed: dict[str, Any] = {}
    bodies: dict[int, dict[str, Any]] = {}
    for workflow in workflows:
        listed: list[Any] = []
        for job in workflow.jobs:
            if job.body is not None and job.name not in jobs:
                if id(job.body) not in bodies:
                    bodies[id(job.body)] = job_data(job.body)
                jobs[job.name] = bodies[id(job.body)]
            listed.append(_invocation_data(job))
        entry: dict[str, Any] = {}
        if workflow.triggers is not None:
            entry["triggers"] = to_data(workflow.triggers)
        if workflow.max_auto_reruns is not None:
            entry["max_auto_reruns"] = workflow.max_auto_reruns
        entry["jobs"] = listed
        printed[workflow.name] = entry
    printed["version"] = 2
    return {"version": 2, "jobs": jobs, "workflows": printed}


def without_upstream(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a processed document in the form that CircleCI printed until 2024.

    ``upstream`` is left out; where a job waits for another ending than success, that stands in
    ``requires``, as it is written by hand.
    """
    workflows = {
        name: workflow
        if name == "version"
        else {**workflow, "jobs": [_without_upstream(job) for job in workflow["jobs"]]}
        for name, workflow in document["workflows"].items()
    }
    return {**document, "workflows": workflows}


def _without_upstream(job: Any) -> Any:
    if isinstance(job, str):
        return job
    ((name, options),) = job.items()
    upstream = options.get("upstream", {})
    kept = {key: value for key, value in options.items() if key != "upstream"}
    if upstream:
        kept["requires"] = [
            need if upstream[need] == ["success"] else {need: upstream[need]}
            for need in options["requires"]
        ]
    return {name: kept}


def job_data(job: ExpandedJob) -> dict[str, Any]:
    """Return a job as it is printed."""
    data = {
        key: to_data(job.fields[key])
        for key in _JOB_KEYS
        if key in job.fields and not (key == "type" and job.type == "build")
    }
    if job.type == "build" or job.steps:
        data["steps"] = [
            step.name if step.body is None else {step.name: to_data(step.body)}
            for step in job.steps
        ]
    return data


def _invocation_data(job: Invocation) -> Any:
    options: dict[str, Any] = {}
    if job.approval:
        options["type"] = "approval"
    if job.filters is not None:
        options["filters"] = to_data(job.filters)
    if job.requires:
        options["requires"] = [need.name for need in job.requires]
        options["upstream"] = {need.name: list(need.statuses) for need in job.requires}
    if job.contexts is not None:
        options["context"] = to_data(job.contexts)
    if job.serial_group is not None:
        options["serial-group"] = job.serial_group
    return {job.name: options} if options else job.name


class _Places:
    """Locations and call chains, each made once."""

    def __init__(self) -> None:
        self._locations: dict[Mark, Location] = {}
        self._chains: dict[int, tuple[Call, ...]] = {}

    def location(self, mark: Mark) -> Location:
        found = self._locations.get(mark)
        if found is None:
            found = self._locations[mark] = Location(mark.source.name, mark.line, mark.column)
        return found

    def chain(self, frame: Frame | None) -> tuple[Call, ...]:
        if frame is None:
            return ()
        found = self._chains.get(id(frame))
        if found is None:
            call = Call(frame.kind, frame.name, self.location(frame.mark))
            found = self._chains[id(frame)] = (*self.chain(frame.parent), call)
        return found


def build_jobs(workflows: Iterable[ExpandedWorkflow], printed: Mapping[str, Any]) -> dict[str, Job]:
    """Return the jobs by name; ``printed`` has the keys of each as they are printed."""
    places = _Places()
    jobs: dict[str, Job] = {}
    for workflow in workflows:
        for invocation in workflow.jobs:
            if invocation.body is not None and invocation.name not in jobs:
                name = invocation.name
                jobs[name] = _build_job(name, invocation.body, printed[name], places)
    return jobs


def _build_job(name: str, body: ExpandedJob, data: Mapping[str, Any], places: _Places) -> Job:
    retention = data.get("retention") or {}
    key = data.get("key")
    written = data.get("steps") or ()
    return Job(
        name,
        body.type,
        _build_executor(data, _image_places(body.fields.get("docker"), places)),
        tuple(
            _build_step(step, printed, places)
            for step, printed in zip(body.steps, written, strict=True)
        ),
        data.get("environment") or {},
        data.get("shell"),
        data.get("working_directory"),
        data.get("resource_class"),
        data.get("parallelism", 1),
        bool(data.get("circleci_ip_ranges", False)),
        retention.get("caches"),
        key,
        data,
        places.location(body.mark),
    )


def _build_step(step: ExpandedStep, printed: Any, places: _Places) -> Step:
    options: Any = {} if isinstance(printed, str) else printed[step.name]
    if not isinstance(options, dict):  # `checkout: checkout`
        options = {}
    return Step(step.name, options, places.location(step.mark), places.chain(step.frame))


def _image_places(images: Node | None, places: _Places) -> tuple[Location, ...]:
    if type(images) is not Sequence:
        return ()
    return tuple(places.location(image.mark) for image in images.items)


def _build_executor(
    data: Mapping[str, Any], image_places: Iterable[Location]
) -> Docker | Machine | Macos | None:
    if "docker" in data:
        images = zip(data["docker"], image_places, strict=True)
        return Docker(tuple(_build_image(image, where) for image, where in images))
    machine = data.get("machine")
    if isinstance(machine, dict):
        return Machine(machine.get("image"), machine.get("docker_layer_caching") is True)
    if machine is not None:
        return Machine(machine if isinstance(machine, str) else None)
    if "macos" in data:
        return Macos(as_text(data["macos"]["xcode"]))
    return None


def _build_image(image: Mapping[str, Any], where: Location) -> DockerImage:
    user = image.get("user")
    return DockerImage(
        image["image"],
        image.get("name"),
        _words(image.get("entrypoint")),
        _words(image.get("command")),
        None if user is None else as_text(user),
        image.get("environment") or {},
        image.get("auth") or {},
        image.get("aws_auth") or {},
        image.get("gcp_auth") or {},
        where,
    )


def _words(value: Any) -> tuple[str, ...] | str | None:
    if isinstance(value, list):
        return tuple(as_text(word) for word in value)
    return None if value is None else as_text(value)


def build_workflows(workflows: Iterable[ExpandedWorkflow]) -> dict[str, Workflow]:
    """Return the workflows by name."""
    places = _Places()
    return {
        workflow.name: Workflow(
            workflow.name,
            tuple(_build_workflow_job(job, places) for job in workflow.jobs),
            _build_schedules(workflow.triggers),
            workflow.max_auto_reruns or 0,
            places.location(workflow.mark),
            tuple(
                LeftOutJob(job.name, job.filter_expression, places.location(job.mark))
                for job in workflow.left_out
            ),
        )
        for workflow in workflows
    }


def build_skipped(workflows: Iterable[UnusedWorkflow]) -> tuple[SkippedWorkflow, ...]:
    """Return the workflows that do not run."""
    places = _Places()
    return tuple(
        SkippedWorkflow(flow.name, flow.condition, flow.jobs, places.location(flow.mark))
        for flow in workflows
    )


def _build_workflow_job(job: Invocation, places: _Places) -> WorkflowJob:
    contexts = to_data(job.contexts) if job.contexts is not None else []
    return WorkflowJob(
        job.name,
        "approval" if job.approval else "job",
        tuple(JobRequirement(need.name, need.statuses) for need in job.requires),
        read_filters(job.filters),
        (contexts,) if isinstance(contexts, str) else tuple(contexts),
        job.serial_group,
        places.location(job.mark),
        job.group,
    )


def read_filters(node: Node | None) -> Filters:
    """Return filters as data."""
    data = to_data(node) if node is not None else {}
    return Filters(_read_filter(data.get("branches")), _read_filter(data.get("tags")))


def _read_filter(data: Any) -> Filter | None:
    if not isinstance(data, dict):
        return None
    return Filter(_names(data.get("only")), _names(data.get("ignore")))


def _names(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value)


def _build_schedules(triggers: Node | None) -> tuple[Schedule, ...]:
    schedules = []
    for trigger in to_data(triggers) if triggers is not None else ():
        schedule = trigger.get("schedule") or {}
        branches = _read_filter((schedule.get("filters") or {}).get("branches"))
        schedules.append(Schedule(str(schedule.get("cron", "")), branches or Filter()))
    return tuple(schedules)
