"""Keys that CircleCI's configuration reference calls deprecated, or knows no more."""

from __future__ import annotations

from pipeline.config.findings import Report
from pipeline.config.lint.survey import Survey
from pipeline.config.nodes import Mapping, Scalar

__all__ = ["find_deprecated_keys"]


def find_deprecated_keys(survey: Survey, report: Report) -> None:
    """Warn of ``deploy`` steps, ``branches`` of a job, ``machine: {enabled: …}`` and the like."""
    for element in survey.elements("job", "executor"):
        if element.kind == "job" and "branches" in element.node.entries:
            report.warn(
                "deprecated-key",
                f"`branches` of the job {element.name!r} is deprecated",
                element.node,
                key="branches",
                hint="filter where a workflow invokes the job: `filters: {branches: …}`",
            )
        machine = element.node.get("machine")
        if type(machine) is Mapping and "enabled" in machine.entries:
            report.warn(
                "deprecated-key",
                "`enabled` of a machine is deprecated",
                machine,
                key="enabled",
                hint="name an image instead: `machine: {image: ubuntu-2404:current}`",
            )
    _find_deprecated_steps(survey, report)


def _find_deprecated_steps(survey: Survey, report: Report) -> None:
    for step in survey.steps:
        if step.name == "deploy":
            report.warn(
                "deprecated-key",
                "the step `deploy` is deprecated",
                step.mark,
                hint="write `run`; where the job has parallelism, put the step into a job of its own",
            )
        elif step.name == "setup_remote_docker" and type(step.body) is Mapping:
            for key in ("reusable", "exclusive"):
                if type(step.body.get(key)) is Scalar:
                    report.warn(
                        "deprecated-key",
                        f"`{key}` of setup_remote_docker is no longer documented, and has no effect",
                        step.body,
                        key=key,
                        hint="remove it",
                    )
