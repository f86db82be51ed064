"""Whether an object has the fields that its cluster knows, and the types that they take.

Works on the cluster's own ``/openapi/v2``. It is stricter than a server-side dry run in one thing: it
says everything that is wrong at once, each with its path. A kind that the document doesn't describe
(a custom resource whose definition publishes no schema) is passed over.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.errors import did_you_mean
from pipeline.yamlfile import KeyPath, format_key

__all__ = ["Mistake", "SchemaIndex", "check_object"]

Schema = Mapping[str, Any]

_REFERENCE = "#/definitions/"
_QUANTITY = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?\Z")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")
_SHOWN_LENGTH = 40
_FIELDS_LISTED = 10


@dataclass(frozen=True, slots=True)
class Mistake:
    """A place where an object differs from its schema."""

    path: KeyPath
    message: str
    hint: str | None = None


class SchemaIndex:
    """The definitions of an ``/openapi/v2`` document, found by API version and kind."""

    def __init__(self, openapi: Mapping[str, Any]) -> None:
        self._definitions: Mapping[str, Schema] = openapi.get("definitions") or {}
        self._names: dict[tuple[str, str], str] = {}
        for name, definition in self._definitions.items():
            for kind in definition.get("x-kubernetes-group-version-kind") or ():
                group, version = kind.get("group"), kind.get("version")
                api_version = f"{group}/{version}" if group else str(version)
                self._names[api_version, str(kind.get("kind"))] = name

    def find(self, api_version: str, kind: str) -> Schema | None:
        """Return the schema of a kind, or None where the cluster describes none."""
        name = self._names.get((api_version, kind))
        return self._definitions[name] if name else None

    def resolve(self, schema: Schema) -> tuple[Schema, str]:
        """Return what a schema refers to, and that definition's name ("" for an inline schema)."""
        target = schema.get("$ref")
        if not isinstance(target, str):
            return schema, ""
        name = target.removeprefix(_REFERENCE)
        return self._definitions.get(name, {}), name


def check_object(
    value: Mapping[str, Any],
    api_version: str,
    kind: str,
    index: SchemaIndex,
    *,
    show_values: bool = True,
) -> list[Mistake]:
    """Return everything in an object that its schema refuses; nothing for an unknown kind.

    Args:
        value: the object.
        api_version: ``apps/v1``.
        kind: ``Deployment``.
        index: the cluster's definitions.
        show_values: whether messages may show what is written; not for Secrets.
    """
    schema = index.find(api_version, kind)
    if schema is None:
        return []
    return list(_Checker(index, show_values).check(value, schema, (), ()))


Above = tuple[tuple[KeyPath, Schema], ...]
"""The objects around a value, nearest first, with their schemas."""


class _Checker:
    """Walks an object along its schema."""

    def __init__(self, index: SchemaIndex, show_values: bool) -> None:
        self._index = index
        self._show_values = show_values

    def check(self, value: Any, schema: Schema, path: KeyPath, above: Above) -> Iterator[Mistake]:
        schema, name = self._index.resolve(schema)
        kind = schema.get("type")
        if _takes_number_or_text(schema, name):
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                yield self._wrong(path, "a number or text", value)
            elif name.endswith(".Quantity") and not _QUANTITY.match(str(value)):
                yield self._malformed(
                    path, "a quantity", value, "as in 250m, 0.5, 128Mi or 1Gi, without a space"
                )
        elif kind == "array":
            yield from self._array(value, schema, path, above)
        elif kind == "object" or "properties" in schema:
            yield from self._object(value, schema, path, above)
        elif kind in _SCALARS:
            yield from self._scalar(value, schema, path)

    def _array(self, value: Any, schema: Schema, path: KeyPath, above: Above) -> Iterator[Mistake]:
        if not isinstance(value, list):
            yield self._wrong(path, "a list", value)
            return
        for number, item in enumerate(value):
            if item is None:
                yield Mistake((*path, number), "this list item is empty", "remove the `-`")
            else:
                yield from self.check(item, schema.get("items", {}), (*path, number), above)

    def _object(self, value: Any, schema: Schema, path: KeyPath, above: Above) -> Iterator[Mistake]:
        if not isinstance(value, Mapping):
            yield self._wrong(path, "a mapping", value)
            return
        properties = schema.get("properties")
        if properties is None:
            yield from self._map(value, schema, path, above)
            return
        inside = ((path, schema), *above)
        loose = schema.get("x-kubernetes-preserve-unknown-fields")
        for key, item in value.items():
            known = properties.get(key)
            if known is None:
                if not loose and "additionalProperties" not in schema:
                    yield self._unknown(key, value, (*path, key), inside)
            elif item is not None:  # The API takes a null for "not given".
                yield from self.check(item, known, (*path, key), inside)
        for key in schema.get("required") or ():
            if value.get(key) is None:
                place = f"`{format_key(path)}`" if path else "the object"
                yield Mistake((*path, key), f"{place} lacks the field `{key}`, which is required")

    def _map(
        self, value: Mapping[str, Any], schema: Schema, path: KeyPath, above: Above
    ) -> Iterator[Mistake]:
        each = schema.get("additionalProperties")
        if not isinstance(each, Mapping):
            return  # Free form.
        for key, item in value.items():
            if item is not None:
                yield from self.check(item, each, (*path, key), above)

    def _scalar(self, value: Any, schema: Schema, path: KeyPath) -> Iterator[Mistake]:
        expected, fits = _SCALARS[schema["type"]]
        if not fits(value):
            yield self._wrong(path, expected, value)
            return
        form = schema.get("format")
        if form == "int32" and not -(2**31) <= value < 2**31:
            yield self._malformed(path, "a 32-bit number", value, None)
        elif form == "byte" and not _is_base64(value):
            yield Mistake(path, "this is not base64", "plain text goes below `stringData`")
        elif form == "date-time" and not _DATE_TIME.match(value):
            yield self._malformed(path, "a time", value, "as in 2024-01-31T12:00:00Z")
        choices = schema.get("enum") or ()
        if choices and value not in choices:
            listed = ", ".join(map(str, choices))
            near = did_you_mean(str(value), map(str, choices)) if self._show_values else None
            yield self._malformed(path, f"one of {listed}", value, near)

    def _unknown(
        self, key: str, siblings: Mapping[str, Any], path: KeyPath, inside: Above
    ) -> Mistake:
        place = format_key(path[:-1]) or "the object"
        hint = self._advice(key, siblings, path, inside)
        return Mistake(path, f"the field `{key}` is not known in `{place}`", hint)

    def _advice(
        self, key: str, siblings: Mapping[str, Any], path: KeyPath, inside: Above
    ) -> str | None:
        """Say what was probably meant: the same word deeper inside, another word, or further out."""
        properties = inside[0][1]["properties"]
        homes = [name for name in properties if key in self._fields_below(properties[name])]
        present = [name for name in homes if name in siblings]
        for name in present:
            return f"it belongs in `{format_key((*path[:-1], name))}`: is it indented too little?"
        near = did_you_mean(key, properties)
        if near:
            return near
        for outer, schema in inside[1:]:
            if key in schema.get("properties", {}):
                where = f"`{format_key(outer)}`" if outer else "the top of the object"
                return f"it belongs in {where}: is it indented too far?"
        if homes:
            return f"it belongs in `{format_key((*path[:-1], homes[0]))}`"
        if len(properties) <= _FIELDS_LISTED:
            return "known here: " + ", ".join(sorted(properties))
        return None

    def _fields_below(self, schema: Schema) -> Mapping[str, Any]:
        found, _ = self._index.resolve(schema)
        if found.get("type") == "array":
            found, _ = self._index.resolve(found.get("items", {}))
        fields: Mapping[str, Any] = found.get("properties", {})
        return fields

    def _wrong(self, path: KeyPath, expected: str, value: Any) -> Mistake:
        hint = _conversion_hint(expected, value) if self._show_values else None
        return Mistake(path, f"expected {expected}, found {self._shown(value)}", hint)

    def _malformed(self, path: KeyPath, expected: str, value: Any, hint: str | None) -> Mistake:
        return Mistake(path, f"expected {expected}, found {self._shown(value)}", hint)

    def _shown(self, value: Any) -> str:
        kind = _type_word(value)
        if not self._show_values or isinstance(value, Mapping | list) or value is None:
            return kind
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if len(text) > _SHOWN_LENGTH:
            text = text[:_SHOWN_LENGTH] + "…"
        return f'the text "{text}"' if isinstance(value, str) else f"{kind} {text}"


def _takes_number_or_text(schema: Schema, name: str) -> bool:
    return bool(
        schema.get("format") == "int-or-string"
        or schema.get("x-kubernetes-int-or-string")
        or name.endswith(".api.resource.Quantity")
    )


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return _is_integer(value)


_SCALARS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "string": ("text", lambda value: isinstance(value, str)),
    "integer": ("a whole number", _is_integer),
    "number": ("a number", _is_number),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
}


def _type_word(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "the boolean"
    if isinstance(value, int | float):
        return "the number"
    if isinstance(value, str):
        return "text"
    return "a mapping" if isinstance(value, Mapping) else "a list"


def _conversion_hint(expected: str, value: Any) -> str | None:
    if expected == "text" and isinstance(value, bool | int | float):
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f'put it in quotes: "{text}"'
    if expected == "a whole number" and isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return f"write {value} without quotes"
    if expected == "true or false" and str(value).lower() in {"true", "false"}:
        return f"write {str(value).lower()} without quotes"
    if expected == "a list":
        return "put `- ` before its first key" if isinstance(value, Mapping) else f"write [{value}]"
    if expected == "a mapping" and isinstance(value, list):
        return "a mapping has no `- ` before its keys"
    return None


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(re.sub(r"[\r\n]", "", value), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
