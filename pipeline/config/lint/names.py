"""Names that mean something else as well."""

from __future__ import annotations

from pipeline.config.findings import Report
from pipeline.config.lint.survey import Survey
from pipeline.config.nodes import Mapping
from pipeline.config.schema import STEPS

__all__ = ["find_overridden_steps", "find_shadowed_names"]

_BUILT_IN = frozenset({*STEPS, "when", "unless", "steps"})


def find_overridden_steps(survey: Survey, report: Report) -> None:
    """Warn of commands of the configuration that have the name of a built-in step.

    Those of an orb are called with the orb's name before them, and hide nothing outside of it.
    """
    commands = survey.root.get("commands")
    if type(commands) is not Mapping or not survey.namespace.has_tags:
        return
    for name in commands.entries:
        if name in _BUILT_IN:
            report.warn(
                "overrides-built-in",
                f"Command {name!r} in commands.{name} may override built-in CircleCI command {name!r}",
                commands,
                key=name,
                hint="give it another name, unless every such step is meant to be this one",
            )


def find_shadowed_names(survey: Survey, report: Report) -> None:
    """Warn of a command that has the name of a job: which of the two is meant shows at the call only.

    Not in orbs, where a job that runs a command and nothing else is mostly called as the command is.
    """
    commands = survey.root.get("commands")
    for kind, name in survey.namespace.elements:
        shadowed = kind == "command" and ("job", name) in survey.namespace.elements
        if shadowed and type(commands) is Mapping:
            report.warn(
                "name-shadowed",
                f"{name!r} is the name of a command and of a job",
                commands,
                key=name,
                hint="rename one of them to avoid confusion",
            )
