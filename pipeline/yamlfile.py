"""Reading and writing YAML, with the place of every value kept.

The only module that imports ``yaml``. Scalars mean what they mean to kubectl (go-yaml, YAML 1.1 with
a few 1.2 rules), which differs from PyYAML's defaults:

=================  ====================  ==========================
written            PyYAML                here, as kubectl reads it
=================  ====================  ==========================
``1e3``            text                  number 1000
``12:30``          number 750            text
``2020-01-01``     date                  text
``0o14``           text                  number 12
``y`` / ``n``      text                  true / false
duplicate keys     the last one wins     refused, with both places
=================  ====================  ==========================
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from pipeline.errors import InvalidInput, Location

__all__ = ["Document", "KeyPath", "dump_documents", "dump_yaml", "format_key", "parse_documents"]

KeyPath = tuple[str | int, ...]
"""Keys and list indexes from the top of a document: ``("spec", "containers", 0)``."""

_NODE_LIMIT = 200_000
"""Values in one file, aliases expanded; far above any manifest, far below what harms (aliases of
aliases grow exponentially)."""
_DEPTH_LIMIT = 100

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEANS = {
    word: value
    for value, words in ((True, "y yes true on"), (False, "n no false off"))
    for lower in words.split()
    for word in (lower, lower.capitalize(), lower.upper())
}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL_FLOAT = re.compile(r"([-+]?)\.(inf|Inf|INF|nan|NaN|NAN)\Z")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document.

    Attributes:
        value: plain dictionaries, lists, strings, numbers, booleans and None.
        file: the name the file goes by in messages.
        line: the line the document begins on, from 1.
        positions: line and column, from 1, of each value by its path; of a mapping's entry it is
            the place of the key.
    """

    value: Any
    file: str
    line: int = 1
    positions: Mapping[KeyPath, tuple[int, int]] = field(default_factory=dict)

    def where(self, path: Sequence[str | int] = ()) -> Location:
        """Return the place of ``path``, or of what is nearest above it."""
        steps = tuple(path)
        for length in range(len(steps), -1, -1):
            if steps[:length] in self.positions:
                line, column = self.positions[steps[:length]]
                return Location(self.file, line, column, format_key(steps))
        return Location(self.file, self.line, 0, format_key(steps))


def format_key(path: Sequence[str | int]) -> str:
    """Return ``spec.containers[0].image`` for a path."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            name = step if re.fullmatch(r"[\w-]+", step) else f'"{step}"'
            text += f".{name}" if text else name
    return text


def parse_documents(text: str, file: str) -> list[Document]:
    """Read every document of a YAML text; empty documents are left out.

    Raises:
        InvalidInput: the text is not YAML, has a duplicate key or an unknown tag, or is larger than
            any honest file; with file, line and column.
    """
    try:
        nodes = list(yaml.compose_all(text.removeprefix("\ufeff"), Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, file) from None
    except yaml.YAMLError as error:
        raise InvalidInput(f"not YAML: {error}", where=Location(file)) from None
    except RecursionError:
        raise InvalidInput("nested too deeply", where=Location(file)) from None
    documents = []
    for node in nodes:
        reader = _Reader(file)
        value = reader.read(node, (), 0) if node is not None else None
        if value is not None:
            line = node.start_mark.line + 1
            documents.append(Document(value, file, line, reader.positions))
    return documents


def _syntax_error(error: yaml.MarkedYAMLError, file: str) -> InvalidInput:
    mark = error.problem_mark or error.context_mark
    where = Location(file, mark.line + 1, mark.column + 1) if mark else Location(file)
    parts = [part for part in (error.problem, error.context) if part]
    return InvalidInput(f"not valid YAML: {' '.join(parts)}", where=where)


class _Reader:
    """Turns the nodes of one document into values and positions."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.positions: dict[KeyPath, tuple[int, int]] = {}
        self._count = 0

    def read(self, node: yaml.Node, path: KeyPath, depth: int) -> Any:
        self._count += 1
        if self._count > _NODE_LIMIT or depth > _DEPTH_LIMIT:
            raise self._error(node, "too many values or levels for a configuration file", path)
        self.positions.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, depth: int) -> dict[str, Any]:
        result: dict[str, Any] = {}
        own: dict[str, int] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge" and not key_node.style:
                for name, value in self._merge(value_node, path, depth):
                    merged.setdefault(name, value)
                continue
            name = self._key(key_node, path)
            line = key_node.start_mark.line + 1
            if name in own:
                raise self._error(
                    key_node,
                    f"the key {name!r} stands here twice (first on line {own[name]})",
                    path,
                )
            own[name] = line
            self.positions[(*path, name)] = (line, key_node.start_mark.column + 1)
            result[name] = self.read(value_node, (*path, name), depth + 1)
        return {**{k: v for k, v in merged.items() if k not in result}, **result}

    def _merge(self, node: yaml.Node, path: KeyPath, depth: int) -> Iterator[tuple[str, Any]]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for source in sources:
            if not isinstance(source, yaml.MappingNode):
                raise self._error(source, "<< takes a mapping or a list of mappings", path)
            yield from self._mapping(source, path, depth + 1).items()

    def _key(self, node: yaml.Node, path: KeyPath) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._error(node, "a key must be plain text", path)
        return str(node.value)

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        text = str(node.value)
        tag = node.tag
        if tag.startswith("!") or not tag.startswith("tag:yaml.org,2002:"):
            raise self._error(node, f"the tag {tag!r} is not known here", path)
        kind = tag.rpartition(":")[2]
        # An implicit tag comes from PyYAML's resolver; the plain text decides instead.
        if not node.style and kind in {"str", "bool", "int", "float", "null", "timestamp"}:
            return text if kind == "str" and _looks_quoted(node, text) else plain_scalar(text)
        if kind in {"int", "float", "bool", "null"}:
            return plain_scalar(text)
        return text

    def _error(self, node: yaml.Node, message: str, path: KeyPath) -> InvalidInput:
        mark = node.start_mark
        return InvalidInput(
            message, where=Location(self.file, mark.line + 1, mark.column + 1, format_key(path))
        )


def _looks_quoted(node: yaml.ScalarNode, text: str) -> bool:
    """Whether a plain scalar carries an explicit ``!!str``: its mark then begins before the text."""
    start, end = node.start_mark, node.end_mark
    return start.line == end.line and end.column - start.column > len(text) and "\n" not in text


def plain_scalar(text: str) -> Any:
    """Return what an unquoted scalar means; see the table of this module."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.match(text):
        return _integer(text.replace("_", ""))
    if _FLOAT.match(text):
        number = float(text)
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    special = _SPECIAL_FLOAT.match(text)
    if special:
        return float(special[1] + special[2])
    return text


def _integer(text: str) -> int:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return sign * int(digits, 8)
    return sign * int(digits, 0)


class _Dumper(yaml.SafeDumper):
    """Block style, keys in the order given, and quotes wherever another YAML reader might differ."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Write every value in full."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text and not text.endswith((" ", "\n\n")):
        style = "|"
    elif plain_scalar(text) != text or text in {"=", "<<"} or re.match(r"[-+.0-9]", text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def dump_yaml(value: Any) -> str:
    """Write one value as a YAML document."""
    return yaml.dump(
        value,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
        width=100,
    )


def dump_documents(values: Sequence[Any]) -> str:
    """Write several documents, separated by ``---``."""
    return "---\n".join(dump_yaml(value) for value in values)
