"""Reads the YAML of a configuration into nodes, as SnakeYAML does for CircleCI.

Built on the parser's events, not on PyYAML's own values: those would lose places, change dates and
keep the last of two equal keys. Size and depth are counted while reading, aliases in full, so that
aliases of aliases are refused before anything is expanded.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.config.findings import Exhausted, Poisoned, Report
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, Source
from pipeline.config.scalars import plain_value

__all__ = ["Limits", "read_document"]

_Parser: Any = getattr(yaml.cyaml, "CParser", None) if hasattr(yaml, "cyaml") else None
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a configuration may be.

    Attributes:
        text_length: characters of one file.
        nodes: values in one file, aliases counted in full.
        depth: levels of lists and mappings.
        steps: steps of all jobs together, after expansion.
        expanded_nodes: values that expansion makes.
        expanded_text: characters that substitution makes.
        output_text: characters of all steps and jobs, as they will run.
        jobs: jobs of all workflows together; also the most that one matrix may make.
        orb_depth: orbs in orbs (CircleCI: 5 for URL orbs).
    """

    text_length: int = 5_000_000
    nodes: int = 1_000_000
    depth: int = 250
    steps: int = 500_000
    expanded_nodes: int = 4_000_000
    expanded_text: int = 50_000_000
    output_text: int = 200_000_000
    jobs: int = 20_000
    orb_depth: int = 5


def _events(text: str) -> Callable[[], Any]:
    """Return what gives the parser's next event; libyaml's where PyYAML was built with it."""
    parser = _Parser(text) if _Parser is not None else yaml.Loader(text)
    return parser.get_event


def read_document(
    source: Source,
    report: Report,
    limits: Limits = Limits(),  # frozen
    *,
    anchors: dict[str, Node] | None = None,
    others: Map[str, Node] | None = None,
) -> Node | None:
    """Read the one document of a text.

    Args:
        source: the text and its name.
        report: takes the findings.
        limits: sizes beyond which the text is refused.
        anchors: is filled with the text's own anchors.
        others: anchors of other files, for aliases that the text has no anchor of.

    Returns:
        The document's node; None where the text is empty or has an error, which is then reported.
    """
    start = Mark(source, 1, 1)
    if len(source.text) > limits.text_length:
        report.error(
            "too-large",
            f"{len(source.text):,} characters; the limit is {limits.text_length:,}",
            start,
        )
        return None
    try:
        return _Reader(source, report, limits, anchors, others).document()
    except (Poisoned, Exhausted):
        return None
    except yaml.MarkedYAMLError as error:
        quoted = "quoted scalar" in (error.context or "")
        mark = error.context_mark if quoted else error.problem_mark or error.context_mark
        where = Mark(source, mark.line + 1, mark.column + 1) if mark else start
        words = " ".join(part for part in (error.problem, error.context) if part)
        report.error(
            "yaml-syntax", f"Unable to parse YAML: {words}", where, hint=_syntax_hint(source, where)
        )
    except (yaml.YAMLError, UnicodeError) as error:
        message = str(error).splitlines()[0]
        report.error("yaml-syntax", f"Unable to parse YAML: {message}", start)
    except RecursionError:
        report.error("too-large", "nested too deeply", start)
    return None


def _syntax_hint(source: Source, where: Mark) -> str | None:
    line = source.line(where.line)
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        return "a merge conflict is not resolved here"
    if "\u00a0" in line:
        return "there is a no-break space in this line; YAML takes ordinary spaces only"
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "indent with spaces; YAML does not take tabs there"
    if ": " in line.partition(":")[2]:
        return "a text with a colon and a space in it has to stand in quotes, or after `|`"
    return None


class _Reader:
    def __init__(
        self,
        source: Source,
        report: Report,
        limits: Limits,
        anchors: dict[str, Node] | None,
        others: Map[str, Node] | None,
    ) -> None:
        self._source = source
        self._report = report
        self._limits = limits
        self._take = _events(source.text.removeprefix("\ufeff"))
        self._anchors: dict[str, Node] = {} if anchors is None else anchors
        self._others = others or {}
        self._merged = 0

    def document(self) -> Node | None:
        self._take()  # the stream's start
        if isinstance(self._take(), yaml.StreamEndEvent):
            return None
        root = self._node(self._take(), 0)
        self._take()  # the document's end
        following = self._take()
        if not isinstance(following, yaml.StreamEndEvent):
            raise self._report.error(
                "yaml-syntax",
                "Unable to parse YAML: expected a single document, found another one",
                self._mark(following),
            )
        return root

    def _mark(self, event: Any) -> Mark:
        mark = event.start_mark
        return Mark(self._source, mark.line + 1, mark.column + 1)

    def _node(self, event: Any, depth: int) -> Node:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            node: Node = self._scalar(event)
        elif kind is yaml.AliasEvent:
            return self._alias(event)
        elif depth > self._limits.depth:
            raise self._report.error("too-large", "nested too deeply", self._mark(event))
        elif kind is yaml.SequenceStartEvent:
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self._anchors.get(event.anchor) or self._others.get(event.anchor)
        if node is None:
            raise self._report.error(
                "yaml-syntax",
                f"Unable to parse YAML: found undefined alias {event.anchor}",
                self._mark(event),
                hint="an anchor (&name) has to stand above the alias (*name), and not around it",
            )
        return node

    def _scalar(self, event: Any) -> Scalar:
        start = event.start_mark
        mark = Mark(self._source, start.line + 1, start.column + 1)
        text: str = event.value
        style = event.style
        if style is None or style == "":
            style = None
            value = plain_value(text) if event.tag is None else self._tagged(event.tag, text, mark)
        else:
            value = text if event.tag is None else self._tagged(event.tag, text, mark)
        return Scalar(value, mark, style, "<<" in text and isinstance(value, str))

    def _tagged(self, tag: str, text: str, mark: Mark) -> Any:
        kind = tag.removeprefix(_TAG)
        if kind in ("str", "binary") or tag == "!":
            return text
        value = plain_value(text)
        names = {"int": (int,), "float": (float, int), "bool": (bool,), "null": (type(None),)}
        if kind == "timestamp" and isinstance(value, str):
            return value
        if kind == "float" and isinstance(value, int):
            return plain_value(f"{value}.0")  # of a number that is too large: infinity
        if kind in names and isinstance(value, names[kind]):
            return value
        self._report.error(
            "yaml-tag", f"the YAML tag {tag!r} is not known here, or does not fit its value", mark
        )
        return text

    def _sequence(self, event: Any, depth: int) -> Sequence:
        self._check_tag(event, "seq")
        items: list[Node] = []
        dynamic, size, below = False, 1, 0
        while type(item := self._take()) is not yaml.SequenceEndEvent:
            node = self._node(item, depth + 1)
            items.append(node)
            dynamic = dynamic or node.dynamic
            if not isinstance(node, Scalar):
                size += node.size
                below = max(below, node.depth + 1)
            else:
                size += 1
            if size > self._limits.nodes:
                break
        mark = self._mark(event)
        self._check_size(size, below, mark)
        return Sequence(items, mark, dynamic, size, below)

    def _mapping(self, event: Any, depth: int) -> Mapping:
        self._check_tag(event, "map")
        mark = self._mark(event)
        entries: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        merges: list[Node] = []
        while type(key_event := self._take()) is not yaml.MappingEndEvent:
            key = self._key(key_event)
            value = self._node(self._take(), depth + 1)
            if key == "<<" and not key_event.style:
                merges.append(value)
                continue
            key_mark = self._mark(key_event)
            if key in entries:
                self._report.error(
                    "yaml-duplicate-key",
                    f"the key {key!r} stands here twice; first on line {keys[key].line}",
                    key_mark,
                    hint="remove one of them, or join what they say",
                )
                continue
            entries[key] = value
            keys[key] = key_mark
            if len(entries) > self._limits.nodes:
                break
        if merges:
            entries, keys = self._merge(merges, entries, keys)
        return self._finish(entries, keys, mark)

    def _finish(self, entries: dict[str, Node], keys: dict[str, Mark], mark: Mark) -> Mapping:
        dynamic, size, below = False, 1, 0
        for node in entries.values():
            dynamic = dynamic or node.dynamic
            if not isinstance(node, Scalar):
                size += node.size
                below = max(below, node.depth + 1)
            else:
                size += 1
        self._check_size(size, below, mark)
        return Mapping(entries, keys, mark, dynamic, size, below)

    def _key(self, event: Any) -> str:
        if type(event) is yaml.AliasEvent:
            node = self._alias(event)
            if type(node) is Scalar and isinstance(node.value, str):
                return node.value
        elif type(event) is yaml.ScalarEvent:
            if event.anchor is not None:
                self._anchors[event.anchor] = self._scalar(event)
            return str(event.value)
        raise self._report.error(
            "yaml-key",
            "a key has to be plain text, found a list or a mapping",
            self._mark(event),
            hint="a value that begins with { or [ has to stand in quotes",
        )

    def _merge(
        self, merges: list[Node], entries: dict[str, Node], keys: dict[str, Mark]
    ) -> tuple[dict[str, Node], dict[str, Mark]]:
        merged: dict[str, Node] = {}
        marks: dict[str, Mark] = {}
        for value in merges:
            for source in value.items if type(value) is Sequence else [value]:
                if type(source) is not Mapping:
                    self._report.error(
                        "yaml-merge",
                        "expected a mapping for merging (<<), or a list of mappings",
                        source,
                        hint="<<: takes an alias of a mapping, as in `<<: *defaults`",
                    )
                    continue
                self._merged += len(source.entries)
                self._check_size(self._merged, 0, source.mark)
                for key, node in source.entries.items():
                    if key not in merged:
                        merged[key] = node
                        marks[key] = source.keys[key]
        return {**merged, **entries}, {**marks, **keys}

    def _check_tag(self, event: Any, kind: str) -> None:
        if event.tag is not None and event.tag not in (_TAG + kind, "!"):
            self._report.error(
                "yaml-tag", f"the YAML tag {event.tag!r} is not known here", self._mark(event)
            )

    def _check_size(self, size: int, depth: int, mark: Mark) -> None:
        if size > self._limits.nodes:
            raise self._report.error(
                "too-large",
                f"more than {self._limits.nodes:,} values, with every alias counted in full",
                mark,
            )
        if depth > self._limits.depth:
            raise self._report.error("too-large", "nested too deeply", mark)
