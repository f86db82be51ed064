"""The settings reference in Markdown, made from the definitions of the sections."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any, Literal, Union, get_args, get_origin

from pipeline.settings import field_key, field_type, parse_duration, type_name
from pipeline.sizes import format_size, parse_size
from pipeline.yamlfile import format_key

__all__ = ["reference"]


def reference(sections: Mapping[str, type]) -> str:
    """Return the settings reference in Markdown, made from the sections' definitions."""
    lines: list[str] = []
    for name, kind in sections.items():
        lines += [f"## `{name}`", "", (kind.__doc__ or "").strip(), ""]
        lines += _reference_rows(kind, (name,))
        lines.append("")
    return "\n".join(lines)


def _reference_rows(kind: type, path: tuple[str, ...]) -> list[str]:
    rows: list[str] = []
    for field in dataclasses.fields(kind):
        expected = field_type(kind, field)
        if field_key(field) == "*":
            nested = _nested(expected)
            rows += _reference_rows(nested, (*path, "NAME")) if nested else []
            continue
        full = (*path, field_key(field))
        rows.append(
            f"- **`{format_key(full)}`** — {_field_kind(field, expected)}; default: {_default(field)}."
        )
        rows.append(f"  {field.metadata.get('doc', '')}")
        if field.metadata.get("example") is not None:
            rows.append(f"  Example: `{field.metadata['example']}`")
        nested = _nested(expected)
        if nested:
            rows += [
                "  " + row for row in _reference_rows(nested, (*full, *_placeholder(expected)))
            ]
    return rows


def _nested(expected: Any) -> type | None:
    if dataclasses.is_dataclass(expected):
        return expected  # type: ignore[return-value]  # a class
    return next((found for part in get_args(expected) if (found := _nested(part))), None)


def _placeholder(expected: Any) -> tuple[str, ...]:
    origin = get_origin(expected)
    if origin is tuple:
        return ("N",)
    return ("NAME",) if isinstance(origin, type) and issubclass(origin, Mapping) else ()


def _kind_name(expected: Any) -> str:
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        return _kind_name(arguments[0])
    if origin is tuple:
        return f"list of {_kind_name(arguments[0])}"
    if origin is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in arguments)
    if dataclasses.is_dataclass(expected) or origin is not None:
        return "mapping"
    return type_name(expected)


def _field_kind(field: dataclasses.Field[Any], expected: Any) -> str:
    return "a size" if field.metadata.get("parse") is parse_size else _kind_name(expected)


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is MISSING:
        return "none" if field.default_factory is not MISSING else "has to be given"
    if field.default in (None, "", ()):
        return "none"
    if isinstance(field.default, tuple):
        return "`[" + ", ".join(map(str, field.default)) + "]`"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    if field.metadata.get("parse") is parse_duration:
        return f"`{field.default:g}` seconds"
    if field.metadata.get("parse") is parse_size:
        return f"`{format_size(field.default).replace(' ', '')}`"
    return f"`{field.default}`"
