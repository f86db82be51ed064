"""Values as the template and expression languages see them: types, truth, equality, text."""

from __future__ import annotations

import math
from typing import Any

from pipeline.config.nodes import Mapping, Scalar, Sequence

__all__ = ["as_text", "flow_text", "is_truthy", "same", "show", "type_name", "yaml_type"]


def type_name(value: Any) -> str:
    """Return how CircleCI calls a value's type in messages: ``string``, ``integer``, ``boolean``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, list | tuple) else "map"


def yaml_type(node: Any) -> str:
    """Return how the schema's messages call a node's type: ``String``, ``Mapping``, ``Sequence``."""
    if isinstance(node, Mapping):
        return "Mapping"
    if isinstance(node, Sequence):
        return "Sequence"
    value = node.value if isinstance(node, Scalar) else node
    names = {"null": "Null", "boolean": "Boolean", "integer": "Integer", "number": "Number"}
    return names.get(type_name(value), "String")


def is_truthy(value: Any) -> bool:
    """Return what a condition makes of a value: false, null, 0, NaN and "" are false."""
    if isinstance(value, float) and math.isnan(value):
        return False
    if isinstance(value, list | dict | tuple):
        return True
    return bool(value)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal, with their types: 1 is neither "1" nor true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return isinstance(one, bool) and isinstance(other, bool) and one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def as_text(value: Any) -> str:
    """Return what a scalar becomes inside of a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def show(value: Any, limit: int = 60) -> str:
    """Return a value as messages show it: a text in quotes, cut where it is long."""
    if isinstance(value, str):
        text = '"' + value.replace("\n", "\\n") + '"'
    elif value is None:
        text = "null"
    elif isinstance(value, bool | int | float):
        text = as_text(value)
    else:
        text = "a list" if isinstance(value, list | tuple) else "a map"
    return text if len(text) <= limit else text[: limit - 2] + '…"'


def flow_text(value: Any) -> str:
    """Return a value on one line, nearly as YAML's flow style has it: ``{equal: [main, << x >>]}``."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow_text, value)) + "]"
    return " ".join(as_text(value).split()) if value is not None else "null"
