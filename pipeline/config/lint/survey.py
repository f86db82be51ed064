"""What the rules look at: the configuration as it is written, gone through once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from pipeline.config.lint.references import Graph, Ref
from pipeline.config.namespace import Element, Namespace
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, walk

__all__ = [
    "Environment",
    "Invoked",
    "Step",
    "Survey",
    "entry",
    "items",
    "text_of",
    "texts",
]


@dataclass(slots=True, eq=False)
class Step:
    """A built-in step: its name, its keys or None, and where it stands."""

    name: str
    body: Node | None
    mark: Mark


@dataclass(slots=True, eq=False)
class Environment:
    """The variables that are set at one place.

    Attributes:
        place: ``job``, ``executor``, ``image`` (the one that runs the steps), ``service`` or ``step``.
        node: what is written there: a mapping, or a list.
        command: of a step, what it runs.
    """

    place: str
    node: Node
    command: str = ""

    def settings(self) -> Iterator[tuple[str, Scalar]]:
        """Yield each variable's name, and the node of its value."""
        for part in items(self.node):
            if type(part) is Mapping:
                for name, value in part.entries.items():
                    if type(value) is Scalar:
                        yield name, value
            elif type(part) is Scalar and isinstance(part.value, str):
                name, _, text = part.value.partition("=")
                yield name, Scalar(text, part.mark, part.style or "=", part.dynamic)


@dataclass(slots=True, eq=False)
class Invoked:
    """A job of a workflow, or of a job group, as it is written.

    Attributes:
        name: the job's name.
        mark: where it stands.
        options: what it is invoked with.
    """

    name: str
    mark: Mark
    options: Mapping | None


@dataclass(eq=False)
class Survey:
    """A configuration and its inline orbs.

    Attributes:
        root: the configuration.
        documents: the configuration's namespace, then those of its inline orbs.
        graph: what each element refers to.
        roots: what the workflows refer to; None where nothing can be said about them.
        steps: the built-in steps, each once.
        environments: wherever variables are set, each once.
        workflows: the jobs of each workflow and of each job group.
    """

    root: Mapping
    documents: list[Namespace]
    graph: Graph = field(default_factory=dict)
    roots: set[Ref] | None = None
    steps: list[Step] = field(default_factory=list)
    environments: list[Environment] = field(default_factory=list)
    workflows: list[list[Invoked]] = field(default_factory=list)

    @property
    def namespace(self) -> Namespace:
        """The configuration's own namespace."""
        return self.documents[0]

    def elements(self, *kinds: str) -> Iterator[Element]:
        """Yield the elements of some kinds that are defined here."""
        for document in self.documents:
            for element in document.elements.values():
                if isinstance(element, Element) and element.kind in kinds:
                    yield element

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the configuration's text."""
        return self.namespace.source.text.split("\n")

    def written(self, node: Scalar) -> str:
        """Return the text from a value to the end of its line."""
        if node.mark.source is not self.namespace.source or node.mark.line > len(self.lines):
            return ""
        return self.lines[node.mark.line - 1][node.mark.column - 1 :]

    @cached_property
    def nodes(self) -> list[Node]:
        """All values of the document."""
        return list(walk(self.root))


def entry(node: Node | None, key: str) -> Node | None:
    """Return what a mapping has below a key; None for anything else, and for null."""
    return node.get(key) if type(node) is Mapping else None


def items(node: Node | None) -> list[Node]:
    """Return the values of a list; a single value is a list of one, null is none."""
    if type(node) is Sequence:
        return node.items
    return [] if node is None or (type(node) is Scalar and node.value is None) else [node]


def text_of(node: Node | None) -> str:
    """Return a node's text; "" where it is none."""
    return node.value if type(node) is Scalar and isinstance(node.value, str) else ""


def texts(node: Node | None) -> list[Scalar]:
    """Return the texts of a text or a list of texts."""
    return [item for item in items(node) if type(item) is Scalar and isinstance(item.value, str)]
