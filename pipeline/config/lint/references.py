"""Who refers to whom, as it is written, whether or not it runs today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pipeline.config.namespace import Namespace

__all__ = ["ANY", "Graph", "Ref", "resolve", "touches"]

ANY = "*"
"""The name in a :class:`Ref` that means all elements of its kind: a tag stands for the name."""


class Ref(NamedTuple):
    """An element, or with the kind ``orb`` an alias, of a document."""

    namespace: Namespace
    kind: str
    name: str


Graph = dict[Ref, frozenset[Ref]]
"""What each element refers to."""


def resolve(namespace: Namespace, kind: str, name: str) -> Iterator[Ref]:
    """Yield what a name touches: the orbs on the way, and the element, whether or not it exists."""
    while "/" in name and (kind, name) not in namespace.elements:
        alias, _, name = name.partition("/")
        yield Ref(namespace, "orb", alias)
        inner = namespace.orbs.get(alias)
        if inner is None:
            return
        namespace = inner
    yield Ref(namespace, kind, name)


def touches(graph: Graph, starts: Iterable[Ref]) -> set[Ref]:
    """Return what can be reached from some elements, these included."""
    seen: set[Ref] = set()
    todo = list(starts)
    while todo:
        ref = todo.pop()
        if ref in seen:
            continue
        seen.add(ref)
        if ref.name == ANY:
            todo.extend(_every(ref))
        todo.extend(graph.get(ref, ()))
    return seen


def _every(ref: Ref) -> Iterator[Ref]:
    """Yield all that a name could be that only a tag says: own elements, and those of any orb."""
    for kind, name in ref.namespace.elements:
        if kind == ref.kind:
            yield Ref(ref.namespace, kind, name)
    for alias, orb in ref.namespace.orbs.items():
        yield Ref(ref.namespace, "orb", alias)
        if orb is not None:
            yield Ref(orb, ref.kind, ANY)
