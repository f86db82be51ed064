"""The field paths in the API server's messages, found again in the manifest that was sent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline.yamlfile import KeyPath

__all__ = ["find_field", "schema_errors"]

_STEP = re.compile(r'\.?(?P<name>[^.\[\]]+)|\[(?P<bracket>(?:"(?:[^"\\]|\\.)*"|[^\]"])*)\]')
_SELECTOR = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|[^,]*)')
_SCHEMA_LINE = re.compile(r"^\s*(?P<field>\.[^:\n]*(?:\"[^\"\n]*\"[^:\n]*)*): (?P<what>.+)$", re.M)
_BEFORE_FIRST = re.compile(r"patch object(?: \([^)]*\))?: (?=\.)")
_GO_VALUE = re.compile(r",? got [*&]value\.valueUnstructured(\{Value:(?P<value>.*?)\})?")


def find_field(text: str, value: Any) -> tuple[KeyPath, bool]:
    """Return the path in ``value`` that a message means, and whether that is all of it.

    The API writes ``spec.containers[0].image`` in validation errors, and
    ``.spec.containers[name="app"].image`` in those of server-side apply.
    """
    path: list[str | int] = []
    for match in _STEP.finditer(text):
        step = _step(match, value)
        if step is None:
            return tuple(path), False
        path.append(step)
        value = _below(value, step)
    return tuple(path), True


def _step(match: re.Match[str], value: Any) -> str | int | None:
    bracket = match["bracket"]
    if bracket is None:
        return match["name"]
    if isinstance(value, Mapping):
        return bracket.strip('"')  # data[KEY], labels[app]
    if bracket.isdigit():
        return int(bracket)
    wanted = {key: _plain(word) for key, word in _SELECTOR.findall(bracket)}
    items = value if isinstance(value, list) else []
    if not wanted:
        return None
    for index, item in enumerate(items):
        # A key that the manifest leaves to its default (a port's protocol) says nothing.
        if isinstance(item, Mapping) and all(
            str(item.get(key, word)) == word for key, word in wanted.items()
        ):
            return index
    return None


def _plain(word: str) -> str:
    if word.startswith('"'):
        try:
            return str(json.loads(word))
        except ValueError:
            return word.strip('"')
    return word


def _below(value: Any, step: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(str(step))
    if isinstance(value, list) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def schema_errors(message: str, *, hide_values: bool) -> list[tuple[str, str]]:
    """Return field and fault of each error in a message of server-side apply about the schema."""
    found = []
    for match in _SCHEMA_LINE.finditer(_BEFORE_FIRST.sub("\n", message)):
        what = _GO_VALUE.sub(lambda go: _found(go["value"], hide_values), match["what"])
        if what == "field not declared in schema":
            what = "there is no such field"
        found.append((match["field"], what))
    return found


def _found(value: str | None, hide: bool) -> str:
    return "" if hide or not value else f", found {value}"
