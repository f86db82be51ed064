"""Elements and orbs that nothing uses. Of those that use each other only the outermost is named."""

from __future__ import annotations

from pipeline.config.definitions import SECTIONS
from pipeline.config.findings import Report
from pipeline.config.lint.references import Graph, Ref, touches
from pipeline.config.lint.survey import Survey
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Node

__all__ = ["find_unused"]

_SECTION = {kind: section for section, kind in SECTIONS.items()}
_CODES = {
    "command": "unused-command",
    "executor": "unused-executor",
    "job": "unused-job",
    "job-group": "unused-job",
    "orb": "unused-orb",
}
_WORDS = {
    "command": "the command {} is never called",
    "executor": "no job uses the executor {}",
    "job": "no workflow runs the job {}",
    "job-group": "no workflow runs the job group {}",
    "orb": "nothing uses the orb {}",
}
_HINTS = {
    "command": "remove it",
    "executor": "remove it",
    "job": "remove it, or list it below `jobs:` of a workflow",
    "job-group": "remove it, or list it below `jobs:` of a workflow",
    "orb": "remove it from `orbs:`",
}


def find_unused(survey: Survey, report: Report) -> None:
    """Warn of commands, executors, jobs, job groups and orbs that no workflow comes to.

    A workflow whose condition is false today counts as well. Where there is no workflow at all, which
    is an error, nothing is said.
    """
    if survey.roots is None:
        return
    used = touches(survey.graph, survey.roots | _expanded(survey))
    for ref in _outermost(_candidates(survey, used), survey.graph):
        section = ref.namespace.root.get(_SECTION.get(ref.kind, "orbs"))
        if type(section) is not Mapping or _is_placeholder(section.entries.get(ref.name)):
            continue
        inside = f" of the orb {ref.namespace.name!r}" if ref.namespace.is_orb else ""
        report.warn(
            _CODES[ref.kind],
            _WORDS[ref.kind].format(f"{ref.name!r}{inside}"),
            section,
            key=ref.name,
            hint=_HINTS[ref.kind],
        )


def _is_placeholder(node: Node | None) -> bool:
    """Return whether an orb is written as ``{}``, to be filled in when the orb itself is tested."""
    return node is None or (type(node) is Mapping and not node.entries)


def _expanded(survey: Survey) -> set[Ref]:
    """Return what the compiler itself came to."""
    found: set[Ref] = set()
    for document in survey.documents:
        found.update(Ref(document, "orb", alias) for alias in document.used_orbs)
        for (kind, name), element in document.elements.items():
            if isinstance(element, Element) and element.used:
                found.add(Ref(document, kind, name))
    return found


def _candidates(survey: Survey, used: set[Ref]) -> list[Ref]:
    """Return what is not used, but for the elements of orbs that are not used themselves."""
    spaces = _spaces(survey.namespace, used)
    refs = [Ref(space, kind, name) for space in spaces for kind, name in space.elements]
    refs += [Ref(space, "orb", alias) for space in spaces for alias in space.orbs]
    return [ref for ref in refs if ref not in used]


def _spaces(namespace: Namespace, used: set[Ref]) -> list[Namespace]:
    found = [namespace]
    for alias, orb in namespace.orbs.items():
        declared = namespace.root.get("orbs")
        inline = type(declared) is Mapping and type(declared.entries.get(alias)) is Mapping
        if inline and orb is not None and Ref(namespace, "orb", alias) in used:
            found += _spaces(orb, used)
    return found


def _outermost(unused: list[Ref], graph: Graph) -> list[Ref]:
    """Return those that no other of them uses; of those that use each other in a circle the first."""
    called = {other for ref in unused for other in graph.get(ref, ()) if other != ref}
    found = [ref for ref in unused if ref not in called]
    covered = touches(graph, found)
    for ref in unused:
        if ref not in covered:
            found.append(ref)
            covered |= touches(graph, [ref])
    return found
