"""Imports the orbs that a document declares: inline ones, and those that a source finds."""

from __future__ import annotations

from pipeline.config.definitions import check_element, read_elements
from pipeline.config.findings import Poisoned
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Node, Scalar, to_data
from pipeline.config.orb_references import OrbProblem, OrbSources, parse_reference
from pipeline.config.scope import Compilation, Scope
from pipeline.config.values import show, yaml_type

__all__ = ["OrbImporter", "check_orb_document"]

_MOST_ORBS = 200
"""Orbs of a configuration, nested ones included (CircleCI: 50 URL orbs)."""


class OrbImporter:
    """Fills ``Namespace.orbs``; one for each run of the compiler.

    Args:
        compilation: what the compiler was given.
        sources: where orbs come from.
    """

    def __init__(self, compilation: Compilation, sources: OrbSources) -> None:
        self._compilation = compilation
        self._report = compilation.report
        self._sources = sources
        self._read: dict[str, Namespace | None] = {}
        self._count = 0
        self.resolved: list[tuple[str, str, str]] = []

    def import_orbs(self, namespace: Namespace, trail: tuple[str, ...] = ()) -> None:
        """Import what a document declares below ``orbs:``; what is wrong is reported.

        Args:
            namespace: the document.
            trail: the orbs around it.
        """
        node = namespace.root.get("orbs")
        if node is None:
            return
        if type(node) is not Mapping:
            self._report.error(
                "wrong-type", f"expected type: Mapping, found: {yaml_type(node)}", node
            )
            return
        for alias, value in node.entries.items():
            namespace.orbs[alias] = None
            try:
                namespace.orbs[alias] = self._import(alias, value, node, namespace, trail)
            except Poisoned:
                continue

    def _import(
        self, alias: str, value: Node, stanza: Mapping, parent: Namespace, trail: tuple[str, ...]
    ) -> Namespace | None:
        self._count += 1
        if self._count > _MOST_ORBS:
            raise self._report.error("too-large", f"more than {_MOST_ORBS} orbs", stanza, key=alias)
        if len(trail) > self._compilation.limits.orb_depth:
            raise self._report.error(
                "orb-cycle",
                f"orbs in orbs more than {self._compilation.limits.orb_depth} deep: {' > '.join(trail)}",
                stanza,
                key=alias,
            )
        name = f"{parent.name}/{alias}" if parent.name else alias
        if type(value) is Mapping:
            return self._inline(name, value, parent, (*trail, name))
        resolved = self._compilation.resolve_node(value, Scope(parent))
        if type(resolved) is not Scalar or not isinstance(resolved.value, str):
            raise self._report.error(
                "orb-reference",
                f"expected type: String or Mapping, found: {yaml_type(resolved)}: an orb is a reference"
                " or an inline orb",
                value,
            )
        return self._referenced(alias, name, resolved, trail)

    def _inline(
        self, name: str, node: Mapping, parent: Namespace, trail: tuple[str, ...]
    ) -> Namespace:
        orb = Namespace(name, parent.source, node, is_orb=True)
        self._fill(orb, trail)
        for element in orb.elements.values():
            if isinstance(element, Element):
                check_element(element, self._report)
        return orb

    def _fill(self, orb: Namespace, trail: tuple[str, ...]) -> None:
        check_orb_document(orb.root, self._compilation)
        read_elements(orb, self._report)
        self.import_orbs(orb, trail)

    def _referenced(
        self, alias: str, name: str, value: Scalar, trail: tuple[str, ...]
    ) -> Namespace | None:
        text: str = value.value
        try:
            found = self._sources.find(parse_reference(text))
        except OrbProblem as problem:
            raise self._report.error(problem.code, str(problem), value, hint=problem.hint) from None
        if not trail:
            self.resolved.append((alias, text, found.resolved))
        if found.locked is False:
            self._report.warn(
                "orb-not-locked",
                f"the vendored orb {found.resolved} is not in the lock file, so nothing vouches for it",
                value,
                hint="`orbyard orb.vendor` with the file adds it",
            )
        if found.resolved in trail:
            raise self._report.error(
                "orb-cycle",
                f"orbs import each other: {' > '.join((*trail, found.resolved))}",
                value,
            )
        if found.resolved in self._read:
            return self._read[found.resolved]
        self._read[found.resolved] = None
        root = found.read(self._report, self._compilation.limits)
        if root is None:
            raise Poisoned
        if type(root) is not Mapping:
            raise self._report.error(
                "not-a-mapping", f"an orb is one mapping, found: {yaml_type(root)}", root
            )
        orb = Namespace(name, found.source, root, is_orb=True, is_imported=True)
        self._read[found.resolved] = orb
        self._fill(orb, (*trail, found.resolved))
        return orb


def check_orb_document(root: Mapping, compilation: Compilation) -> None:
    """Check the top-level keys of an orb; unknown ones are the author's own, for anchors."""
    for key in root.entries:
        if key in ("workflows", "job-groups"):
            compilation.report.error(
                "unknown-key",
                f"an orb cannot have {key}",
                root,
                key=key,
                hint="put it into the configuration that uses the orb",
            )
        elif key == "parameters":
            compilation.report.error(
                "unknown-key",
                "an orb cannot have parameters of its own",
                root,
                key=key,
                hint="declare them in its commands, jobs and executors",
            )
    version = root.get("version")
    if version is not None and as_version(version) != "2.1":
        compilation.report.error(
            "version", f"an orb has version 2.1, found {show(to_data(version))}", version
        )


def as_version(node: Node) -> str:
    """Return ``2``, ``2.0`` or ``2.1`` for a version written as a number or a text."""
    value = node.value if type(node) is Scalar else None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value)
