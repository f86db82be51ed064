"""The tree that a configuration is read into: values that know where they were written.

A node is never changed once it is made, so that trees share nodes freely: an alias is the very node
of its anchor, and what a call leaves as it is appears in the output as the node of the source. They
are plain slotted classes, since tens of thousands are made and freezing triples what each one costs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "Mapping",
    "Mark",
    "Node",
    "Scalar",
    "Sequence",
    "Source",
    "Timestamp",
    "from_data",
    "to_data",
]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A text that was read, and the name it goes by in messages."""

    name: str
    text: str = field(default="", repr=False)
    _lines: list[str] | None = field(default=None, init=False, repr=False)

    def line(self, number: int) -> str:
        """Return a line of the text, counted from 1; empty outside of it."""
        lines = self._lines
        if lines is None:  # Kept, since thousands of places may be asked for.
            lines = self.text.split("\n")
            object.__setattr__(self, "_lines", lines)
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""


class Mark(NamedTuple):
    """A place in a source; line and column count from 1."""

    source: Source
    line: int
    column: int


class Timestamp(str):
    """A date or time, kept as the text that was written."""

    __slots__ = ()


@dataclass(slots=True, eq=False)
class Scalar:
    """A single value: str, int, float, bool or None (a date is a :class:`Timestamp`).

    Attributes:
        value: what it means.
        mark: where it begins.
        style: how it was written: None plain, ``'``, ``"``, ``|`` or ``>``.
        dynamic: whether ``<<`` stands in it.
    """

    value: Any
    mark: Mark
    style: str | None = None
    dynamic: bool = False


@dataclass(slots=True, eq=False)
class Sequence:
    """A list of nodes.

    Attributes:
        dynamic: whether ``<<`` stands anywhere in it.
        size: the values in it, each alias counted in full.
        depth: levels below it.
    """

    items: list[Node]
    mark: Mark
    dynamic: bool = False
    size: int = 1
    depth: int = 0


@dataclass(slots=True, eq=False)
class Mapping:
    """Nodes by key; ``keys`` has the place of each key. See :class:`Sequence` for the rest."""

    entries: dict[str, Node]
    keys: dict[str, Mark]
    mark: Mark
    dynamic: bool = False
    size: int = 1
    depth: int = 0

    def get(self, key: str) -> Node | None:
        """Return the node of a key, or None where the key is missing or its value is null."""
        node = self.entries.get(key)
        return None if node is None or (type(node) is Scalar and node.value is None) else node

    def key_mark(self, key: str) -> Mark:
        """Return where a key stands, or where the mapping begins."""
        return self.keys.get(key, self.mark)


Node = Scalar | Sequence | Mapping


def to_data(node: Node) -> Any:
    """Return plain dictionaries, lists and scalars."""
    if type(node) is Scalar:
        return node.value
    if type(node) is Sequence:
        return [to_data(item) for item in node.items]
    assert type(node) is Mapping
    return {key: to_data(value) for key, value in node.entries.items()}


def from_data(value: Any, mark: Mark) -> Node:
    """Return nodes for plain values, all at one place."""
    if isinstance(value, dict):
        entries = {str(key): from_data(item, mark) for key, item in value.items()}
        return Mapping(entries, dict.fromkeys(entries, mark), mark, any_dynamic(entries.values()))
    if isinstance(value, list | tuple):
        items = [from_data(item, mark) for item in value]
        return Sequence(items, mark, any_dynamic(items))
    return Scalar(value, mark, dynamic=isinstance(value, str) and "<<" in value)


def any_dynamic(nodes: Any) -> bool:
    """Return whether ``<<`` stands in any of them."""
    return any(node.dynamic for node in nodes)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, one that is shared only once."""
    seen: set[int] = set()
    todo = [node]
    while todo:
        here = todo.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        yield here
        if type(here) is Sequence:
            todo.extend(reversed(here.items))
        elif type(here) is Mapping:
            todo.extend(reversed(here.entries.values()))
