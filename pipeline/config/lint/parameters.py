"""Parameters that are declared, and that nothing uses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pipeline.config.findings import Report
from pipeline.config.lint.survey import Survey, entry
from pipeline.config.namespace import Element
from pipeline.config.nodes import Mapping, Mark, Scalar, walk

__all__ = ["find_unused_parameters", "find_unused_pipeline_parameters"]

_TAG = re.compile(r"<<(.*?)>>", re.DOTALL)
_OWN = re.compile(r"(?<![\w.-])parameters\.([\w-]+)")
_PIPELINE = re.compile(r"(?<![\w.-])pipeline\.parameters\.([\w-]+(?:\.[\w-]+)*)")


def find_unused_parameters(survey: Survey, report: Report) -> None:
    """Warn of parameters of commands, jobs and executors that no tag in their bodies uses.

    A parameter that a matrix gives is left alone, since it may be there to multiply the job.
    """
    multiplied = {name for invoked in _matrices(survey) for name in invoked}
    used: dict[Mark, bool] = {}
    places: dict[Mark, tuple[Element, Mapping, str]] = {}
    for element in survey.elements("command", "job", "executor"):
        declared = element.node.get("parameters")
        if type(declared) is not Mapping or not declared.entries:
            continue
        names = set(_names_in(element.node))
        for name in declared.entries:
            mark = declared.key_mark(name)  # one declaration may serve several, through an anchor
            here = name in names or (element.kind == "job" and name in multiplied)
            used[mark] = used.get(mark, False) or here
            places.setdefault(mark, (element, declared, name))
    for mark, (element, declared, name) in places.items():
        if not used[mark]:
            report.warn(
                "unused-parameter",
                f"the {element.kind} {element.name!r} does not use its parameter {name!r}",
                declared,
                key=name,
                hint=f"remove it, or use it as << parameters.{name} >>",
            )


def find_unused_pipeline_parameters(survey: Survey, report: Report) -> None:
    """Warn of pipeline parameters that nothing uses.

    Those of a setup configuration are left alone: they may be meant for what it continues with.
    """
    declared = survey.root.get("parameters") if survey.namespace.has_tags else None
    if type(declared) is not Mapping or not declared.entries or "setup" in survey.root.entries:
        return
    used = set(_PIPELINE.findall(_without_comments(survey.namespace.source.text)))
    for name in declared.entries:
        if name not in used:
            report.warn(
                "unused-parameter",
                f"nothing uses the pipeline parameter {name!r}",
                declared,
                key=name,
                hint="remove it, unless a trigger or a setup configuration hands it over",
            )


def _without_comments(text: str) -> str:
    """Return the lines of a text that name pipeline parameters, up to where a comment may begin."""
    return "\n".join(
        line.partition(" #")[0]
        for line in text.split("\n")
        if "pipeline.parameters." in line and not line.lstrip().startswith("#")
    )


def _names_in(body: Mapping) -> Iterator[str]:
    """Yield the names of an element's own parameters in the tags of its body."""
    for key, part in body.entries.items():
        if key in ("parameters", "description") or not part.dynamic:
            continue
        for node in walk(part):
            if type(node) is Scalar and node.dynamic:
                for tag in _TAG.finditer(node.value):
                    yield from _OWN.findall(tag[1])


def _matrices(survey: Survey) -> Iterator[list[str]]:
    for workflow in survey.workflows:
        for invoked in workflow:
            parameters = entry(entry(invoked.options, "matrix"), "parameters")
            if type(parameters) is Mapping:
                yield list(parameters.entries)
