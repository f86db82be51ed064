"""The elements of a document (a configuration, or an orb) by their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.nodes import Mapping, Scalar, Source
from pipeline.config.parameters import Declaration
from pipeline.errors import did_you_mean

__all__ = ["Element", "Namespace"]

_MOST_NAMES = 50
"""Names that stand for the next one, after which the element counts as missing."""


@dataclass(slots=True, eq=False)
class Element:
    """A command, job, executor or job group.

    Attributes:
        kind: ``command``, ``job``, ``executor`` or ``job-group``.
        name: its name in its document.
        node: its definition.
        namespace: its document.
        declarations: its parameters.
        sound: whether its parameters are known; else its calls cannot be checked.
        empty: whether nothing stands behind its name.
        used: whether anything refers to it.
        kept: results of expansions without arguments, by a key of the expander's choice.
    """

    kind: str
    name: str
    node: Mapping
    namespace: Namespace
    declarations: dict[str, Declaration]
    sound: bool = True
    empty: bool = False
    used: bool = False
    kept: dict[Any, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Namespace:
    """A document's elements.

    Attributes:
        name: the alias of an orb, with those it is inside of (``outer/inner``); "" for the
            configuration.
        source: the document.
        is_orb: whether it is an orb, which sees no pipeline parameters.
        has_tags: whether tags are evaluated: from version 2.1 on.
        is_imported: whether it is an orb from elsewhere, which somebody has published.
        elements: by kind and name; a text is another element's name that is exported again.
        orbs: by alias; None for one that could not be had, which is reported.
        used_orbs: aliases that something refers to.
    """

    name: str
    source: Source
    root: Mapping
    is_orb: bool = False
    has_tags: bool = True
    is_imported: bool = False
    elements: dict[tuple[str, str], Element | Scalar] = field(default_factory=dict)
    orbs: dict[str, Namespace | None] = field(default_factory=dict)
    used_orbs: set[str] = field(default_factory=set)

    def find(self, kind: str, name: str) -> Element | Missing:
        """Return the element that a name means here, and mark it as used."""
        seen: set[tuple[int, str]] = set()
        space, wanted, written = self, name, name
        while (id(space), wanted) not in seen and len(seen) < _MOST_NAMES:
            seen.add((id(space), wanted))
            if "/" in wanted and (kind, wanted) not in space.elements:
                alias, _, rest = wanted.partition("/")
                inner = space.orbs.get(alias)
                if alias not in space.orbs:
                    return Missing(written, orb=alias, hint=did_you_mean(alias, space.orbs))
                space.used_orbs.add(alias)
                if inner is None:
                    return Missing(written, reported=True)
                space, wanted = inner, rest
            found = space.elements.get((kind, wanted))
            if isinstance(found, Element):
                found.used = True
                return found
            if found is None:
                break
            wanted = written = str(found.value)
        return Missing(written, hint=did_you_mean(written, space.names(kind)))

    def names(self, kind: str) -> Iterator[str]:
        """Yield the names of a kind that can be used here, those of orbs with their alias."""
        for found, name in self.elements:
            if found == kind:
                yield name
        for alias, orb in self.orbs.items():
            if orb is not None:
                yield from (f"{alias}/{name}" for found, name in orb.elements if found == kind)


@dataclass(frozen=True, slots=True)
class Missing:
    """An element that was not found.

    Attributes:
        name: the name that leads nowhere: what was looked for, or what that stands for.
        orb: the alias that is not declared, where that is the reason.
        hint: the nearest name.
        reported: whether the reason is reported already.
    """

    name: str
    orb: str | None = None
    hint: str | None = None
    reported: bool = False
