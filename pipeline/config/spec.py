"""Small descriptions of what a value may be; each checks a node and writes itself as JSON Schema.

They are put together to the tables of :mod:`pipeline.config.schema`. A check reports every mistake
below its node and goes on. In a definition, as opposed to its compiled form, a text with a tag in it
may become anything; ``Checker.tags`` says which of the two it is.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.findings import Frame, Report
from pipeline.config.nodes import Mapping, Node, Scalar, Sequence
from pipeline.config.values import same, show, yaml_type
from pipeline.errors import did_you_mean

__all__ = [
    "Anything",
    "Boolean",
    "Checker",
    "Choice",
    "Integer",
    "ListOf",
    "MapOf",
    "Null",
    "Number",
    "OneOf",
    "Record",
    "Spec",
    "Text",
    "or_null",
]


@dataclass(frozen=True, slots=True)
class Checker:
    """One check.

    Attributes:
        report: takes the findings.
        tags: whether a text with a tag may stand for any value.
        frame: the calls that led here.
        lenient: whether unknown keys are left alone, as in an orb that was published and so accepted.
    """

    report: Report
    tags: bool = False
    frame: Frame | None = None
    lenient: bool = False

    def error(
        self, code: str, message: str, at: Node, key: str | None = None, hint: str | None = None
    ) -> bool:
        """Report a mistake; returns False, the outcome of the check."""
        self.report.error(code, message, at, key=key, hint=hint, frame=self.frame)
        return False

    def stands_for_anything(self, node: Node) -> bool:
        """Return whether a node is a text with a tag, whose value is not known yet."""
        return self.tags and type(node) is Scalar and node.dynamic


class Spec(ABC):
    """What a value may be."""

    kinds: tuple[str, ...] = ()
    """Types as the messages of CircleCI's schema call them: String, Mapping …"""

    def fits(self, node: Node) -> bool:
        """Return whether the node has one of the kinds."""
        return yaml_type(node) in self.kinds

    def check(self, node: Node, checker: Checker) -> bool:
        """Report what is wrong with the node, and return whether it is right."""
        if checker.stands_for_anything(node):
            return True
        if not self.fits(node):
            return checker.error(
                "wrong-type",
                f"expected type: {' or '.join(self.kinds)}, found: {yaml_type(node)}"
                + (f" ({show(node.value)})" if type(node) is Scalar else ""),
                node,
                hint=self.advice(node),
            )
        return self.inside(node, checker)

    def inside(self, node: Node, checker: Checker) -> bool:  # noqa: ARG002  # for subclasses
        """Check a node that has the right kind."""
        return True

    def advice(self, node: Node) -> str | None:
        """Return what to do about a value of the wrong kind."""
        if self.kinds == ("Sequence",):
            return "a list is written with `- ` before each item"
        if "String" in self.kinds and type(node) is Scalar and node.value is not None:
            return "put the value in quotes to make it a text"
        return None

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """Return the description as JSON Schema (draft 7)."""


@dataclass(frozen=True, slots=True)
class Anything(Spec):
    """Any value."""

    def fits(self, node: Node) -> bool:  # noqa: ARG002
        """Return True."""
        return True

    def json_schema(self) -> dict[str, Any]:
        """Return the schema that takes everything."""
        return {}


@dataclass(frozen=True, slots=True)
class Null(Spec):
    """No value."""

    kinds = ("Null",)

    def json_schema(self) -> dict[str, Any]:
        """Return ``{"type": "null"}``."""
        return {"type": "null"}


@dataclass(frozen=True, slots=True)
class Text(Spec):
    """A text; ``pattern`` has to match the whole of it, ``wants`` says what it describes."""

    pattern: str | None = None
    wants: str = ""
    hint: str | None = None
    kinds = ("String",)

    def inside(self, node: Node, checker: Checker) -> bool:
        """Check the pattern."""
        assert type(node) is Scalar
        if self.pattern and not re.fullmatch(self.pattern, node.value):
            return checker.error(
                "wrong-value",
                f"expected {self.wants}, found {show(node.value)}: does not match pattern ^{self.pattern}$",
                node,
                hint=self.hint,
            )
        return True

    def json_schema(self) -> dict[str, Any]:
        """Return a string, with its pattern or a tag."""
        if not self.pattern:
            return {"type": "string"}
        return {"type": "string", "pattern": f"^(?:{self.pattern})$|<<"}


@dataclass(frozen=True, slots=True)
class Boolean(Spec):
    """True or false."""

    kinds = ("Boolean",)

    def json_schema(self) -> dict[str, Any]:
        """Return a boolean, or a tag."""
        return {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "<<"}]}


@dataclass(frozen=True, slots=True)
class Integer(Spec):
    """A whole number within limits."""

    low: int | None = None
    high: int | None = None
    wants: str = ""
    kinds = ("Integer",)

    def inside(self, node: Node, checker: Checker) -> bool:
        """Check the limits."""
        assert type(node) is Scalar
        value = node.value
        if (self.low is not None and value < self.low) or (
            self.high is not None and value > self.high
        ):
            wants = self.wants or f"a number of at least {self.low}"
            return checker.error("wrong-value", f"{wants}, found {value}", node)
        return True

    def json_schema(self) -> dict[str, Any]:
        """Return an integer with its limits, or a tag."""
        schema: dict[str, Any] = {"type": "integer"}
        if self.low is not None:
            schema["minimum"] = self.low
        if self.high is not None:
            schema["maximum"] = self.high
        return {"anyOf": [schema, {"type": "string", "pattern": "<<"}]}


@dataclass(frozen=True, slots=True)
class Number(Spec):
    """Any number."""

    kinds = ("Number", "Integer")

    def json_schema(self) -> dict[str, Any]:
        """Return ``{"type": "number"}``."""
        return {"type": "number"}


@dataclass(frozen=True, slots=True)
class Choice(Spec):
    """One of the listed values."""

    values: tuple[Any, ...]

    def fits(self, node: Node) -> bool:
        """Return whether it is a scalar."""
        return type(node) is Scalar

    kinds = ("String",)

    def inside(self, node: Node, checker: Checker) -> bool:
        """Check that it is one of them."""
        assert type(node) is Scalar
        if any(same(node.value, value) for value in self.values):
            return True
        names = [str(value) for value in self.values]
        return checker.error(
            "wrong-value",
            f"Input not a valid enum value: {show(node.value)}; expected one of {', '.join(names)}",
            node,
            hint=did_you_mean(str(node.value), names),
        )

    def json_schema(self) -> dict[str, Any]:
        """Return the enum, or a tag."""
        return {"anyOf": [{"enum": list(self.values)}, {"type": "string", "pattern": "<<"}]}


@dataclass(frozen=True, slots=True)
class ListOf(Spec):
    """A list of values of one description."""

    item: Spec
    least: int = 0
    kinds = ("Sequence",)

    def inside(self, node: Node, checker: Checker) -> bool:
        """Check the items."""
        assert type(node) is Sequence
        right = True
        if len(node.items) < self.least:
            right = checker.error(
                "wrong-value", "expected at least one item, found an empty list", node
            )
        for item in node.items:
            right = self.item.check(item, checker) and right
        return right

    def json_schema(self) -> dict[str, Any]:
        """Return an array, or a tag."""
        schema: dict[str, Any] = {"type": "array", "items": self.item.json_schema()}
        if self.least:
            schema["minItems"] = self.least
        return {"anyOf": [schema, {"type": "string", "pattern": "<<"}]}


@dataclass(frozen=True, slots=True)
class MapOf(Spec):
    """A mapping of names that the user chooses to values of one description."""

    value: Spec
    kinds = ("Mapping",)

    def inside(self, node: Node, checker: Checker) -> bool:
        """Check the values."""
        assert type(node) is Mapping
        results = [self.value.check(value, checker) for value in node.entries.values()]
        return all(results)

    def json_schema(self) -> dict[str, Any]:
        """Return an object."""
        return {"type": "object", "additionalProperties": self.value.json_schema()}


@dataclass(frozen=True, slots=True)
class Record(Spec):
    """A mapping with known keys. A key without a value (null) counts as missing.

    Attributes:
        fields: the value of each key.
        required: keys that have to be there; an inner tuple means at least one of these.
        docs: descriptions of keys, for editors.
        open: whether an unknown key is passed over, with a warning.
    """

    fields: Map[str, Spec]
    required: tuple[str | tuple[str, ...], ...] = ()
    docs: Map[str, str] = field(default_factory=dict)
    open: bool = False
    kinds = ("Mapping",)

    def inside(self, node: Node, checker: Checker) -> bool:
        """Check every key."""
        assert type(node) is Mapping
        right = True
        for key, value in node.entries.items():
            spec = self.fields.get(key)
            if spec is None and (self.open or checker.lenient):
                if not checker.lenient:
                    checker.report.warn(
                        "ignored-key",
                        f"extraneous key [{key}]: CircleCI passes over it",
                        node,
                        key=key,
                        hint=did_you_mean(key, self.fields)
                        or f"known keys: {', '.join(self.fields)}",
                    )
            elif spec is None:
                right = checker.error(
                    "unknown-key",
                    f"extraneous key [{key}] is not permitted",
                    node,
                    key,
                    did_you_mean(key, self.fields) or f"permitted keys: {', '.join(self.fields)}",
                )
            elif not is_null(value) and not spec.check(value, checker):
                right = False
        for wanted in self.required:
            names = (wanted,) if isinstance(wanted, str) else wanted
            if all(is_null(node.entries.get(name)) for name in names):
                right = checker.error(
                    "missing-key",
                    f"required key [{' or '.join(names)}] not found",
                    node,
                    hint=_misspelled(names, node, self.fields),
                )
        return right

    def json_schema(self) -> dict[str, Any]:
        """Return an object with its properties."""
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {
                key: or_null(spec.json_schema())
                | ({"description": self.docs[key]} if key in self.docs else {})
                for key, spec in self.fields.items()
            },
            "additionalProperties": self.open,
        }
        if plain := [key for key in self.required if isinstance(key, str)]:
            schema["required"] = plain
        if groups := [keys for keys in self.required if not isinstance(keys, str)]:
            schema["allOf"] = [{"anyOf": [{"required": [key]} for key in keys]} for keys in groups]
        return schema


def _misspelled(names: tuple[str, ...], node: Mapping, known: Map[str, Spec]) -> str | None:
    """Return a word on an unknown key that may be the missing one."""
    for key in node.entries:
        if key not in known and did_you_mean(key, names):
            return f"is {key!r} meant to be {names[0]!r}?"
    return None


def is_null(node: Node | None) -> bool:
    """Return whether a value is missing, or null."""
    return node is None or (type(node) is Scalar and node.value is None)


def or_null(schema: Map[str, Any]) -> dict[str, Any]:
    """Return a JSON Schema that takes null as well: a key without a value counts as missing."""
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    null = {"type": "null"}
    if "anyOf" in schema:
        choices = schema["anyOf"]
        return {**schema, "anyOf": choices if null in choices else [*choices, null]}
    return {"anyOf": [dict(schema), null]} if schema else {}


@dataclass(frozen=True, slots=True, init=False)
class OneOf(Spec):
    """A value of one of several descriptions, told apart by their kinds."""

    choices: tuple[Spec, ...]

    def __init__(self, *choices: Spec) -> None:
        object.__setattr__(self, "choices", choices)

    @property
    def kinds(self) -> tuple[str, ...]:  # type: ignore[override]  # worked out from the choices
        """All kinds of the choices."""
        return tuple(dict.fromkeys(kind for choice in self.choices for kind in choice.kinds))

    def inside(self, node: Node, checker: Checker) -> bool:
        """Check by the first choice that has the node's kind."""
        for choice in self.choices:
            if choice.fits(node):
                return choice.check(node, checker)
        return True

    def json_schema(self) -> dict[str, Any]:
        """Return the choices."""
        return {"anyOf": [choice.json_schema() for choice in self.choices]}
