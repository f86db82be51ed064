"""orbyard.yml, environment variables and flags, turned into typed settings; the later wins.

A section is a frozen dataclass whose fields are made by :func:`setting`: meaning, unit and default
stand where the attribute is defined, and the reference in ``docs/settings.md`` is made from them.
Each orb lists its sections in ``settings.py`` as ``SECTIONS``.

A key of ``orbyard.yml`` has the field's name; its environment variable is ``ORBYARD_`` with section
and key in capitals (``image.repository`` is ``ORBYARD_IMAGE_REPOSITORY``). Lists are separated by
commas there; mappings can only be written in the file.
"""

from __future__ import annotations

import dataclasses
import os
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from pipeline.errors import InvalidInput, Location, Problem, did_you_mean
from pipeline.yamlfile import Document, KeyPath, parse_documents

__all__ = ["SETTINGS_FILE", "Settings", "load_settings", "parse_duration", "setting"]

SETTINGS_FILE = "orbyard.yml"

S = TypeVar("S")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")


def setting(
    default: Any = MISSING,
    *,
    doc: str,
    factory: Callable[[], Any] | Any = MISSING,
    key: str | None = None,
    parse: Callable[[Any], Any] | None = None,
    example: Any = None,
) -> Any:
    """Define one key of a section.

    Args:
        default: its value when nobody says otherwise.
        doc: what it means, with unit, and why the default is what it is.
        factory: makes the default, for mappings.
        key: its name in the file, where that differs from the attribute's; ``*`` takes the whole
            section, whose keys are then names that the user chooses.
        parse: turns the written value into the attribute's; raises ValueError with the reason.
        example: a value for the reference, where the default shows nothing.
    """
    metadata = {"doc": doc, "key": key, "parse": parse, "example": example}
    if factory is not MISSING:
        return dataclasses.field(default_factory=factory, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def parse_duration(value: Any) -> float:
    """Return seconds for ``90``, ``90s``, ``15m`` or ``1h30m``.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, bool):
        raise ValueError("expected a duration such as 90s, 15m or 1h30m")
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if text and _DURATION.sub("", text) == "":
        return sum(float(amount) * _UNITS[unit] for amount, unit in _DURATION.findall(text))
    raise ValueError(f"expected a duration such as 90s, 15m or 1h30m, found {text!r}")


@dataclass(frozen=True, slots=True)
class Settings:
    """All sections of a run, by their type."""

    sections: Mapping[type, Any]

    def get(self, section: type[S]) -> S:
        """Return the section of that type."""
        found: S = self.sections[section]
        return found


def load_settings(
    root: Path,
    sections: Mapping[str, type],
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    others: bool = False,
) -> Settings:
    """Read ``orbyard.yml`` of a project, the environment and the flags.

    Args:
        root: the project's folder; the file may be missing.
        sections: every known section's name in the file, and its dataclass.
        environ: environment variables, default this process's.
        others: whether the file may have sections that are not known, since not all were loaded.
        flags: values from the command line by ``section.key``; None values are left out.

    Raises:
        InvalidInput: with every mistake found, each with file, line and key.
    """
    problems: list[Problem] = []
    document = _read_file(root)
    value = document.value
    if not isinstance(value, dict):
        raise InvalidInput(
            "expected a mapping of sections", where=document.where(), hint="see `orbyard settings`"
        )
    for name in value:
        if name not in sections and not others:
            problems.append(_unknown(name, sections, document, (name,)))
    overrides = _overrides(sections, os.environ if environ is None else environ, flags or {})
    loaded = {}
    for name, kind in sections.items():
        reader = _SectionReader(document, problems)
        raw = value.get(name)
        loaded[kind] = reader.section(
            kind, {} if raw is None else raw, (name,), overrides.get(name, {})
        )
    if problems:
        problems.sort(
            key=lambda problem: (
                (problem.where.line, problem.where.column) if problem.where else (0, 0)
            )
        )
        count = f"{len(problems)} mistakes" if len(problems) > 1 else "a mistake"
        raise InvalidInput(f"{count} in the settings", problems=problems)
    return Settings(loaded)


def _read_file(root: Path) -> Document:
    path = root / SETTINGS_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Document({}, SETTINGS_FILE)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot be read: {error}", where=Location(SETTINGS_FILE)) from error
    documents = parse_documents(text, SETTINGS_FILE)
    if len(documents) > 1:
        raise InvalidInput("expected one YAML document", where=documents[1].where())
    return documents[0] if documents else Document({}, SETTINGS_FILE)


@dataclass(frozen=True, slots=True)
class _Override:
    value: Any
    source: str


def _overrides(
    sections: Mapping[str, type],
    environ: Mapping[str, str],
    flags: Mapping[str, Any],
) -> dict[str, dict[str, _Override]]:
    found: dict[str, dict[str, _Override]] = {}
    for name, kind in sections.items():
        for field in dataclasses.fields(kind):
            variable = f"ORBYARD_{name}_{field_key(field)}".upper()
            if variable in environ and _from_text_allowed(field_type(kind, field)):
                found.setdefault(name, {})[field_key(field)] = _Override(
                    environ[variable], variable
                )
    for flag, value in flags.items():
        if value is None:
            continue
        section, _, key = flag.partition(".")
        found.setdefault(section, {})[key] = _Override(value, f"--{key.replace('_', '-')}")
    return found


def field_key(field: dataclasses.Field[Any]) -> str:
    """Return the field's name in the file."""
    key: str = field.metadata.get("key") or field.name
    return key


def field_type(kind: type, field: dataclasses.Field[Any]) -> Any:
    """Return the declared type of a section's field."""
    return get_type_hints(kind)[field.name]


def _from_text_allowed(kind: Any) -> bool:
    origin = get_origin(kind)
    return not (
        dataclasses.is_dataclass(kind)
        or origin in (dict, Mapping)
        or origin is types.MappingProxyType
        or (isinstance(origin, type) and issubclass(origin, Mapping))
    )


def _unknown(name: str, known: Mapping[str, Any], document: Document, path: KeyPath) -> Problem:
    hint = did_you_mean(name, known) or f"known here: {', '.join(sorted(known))}"
    return Problem(f"the key {name!r} is not known", document.where(path), hint)


class _SectionReader:
    """Turns raw values into dataclasses, and collects every mistake."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self._document = document
        self._problems = problems

    def section(
        self, kind: type, raw: Any, path: KeyPath, overrides: Mapping[str, _Override]
    ) -> Any:
        if not isinstance(raw, dict):
            self._wrong(path, "a mapping", raw)
            raw = {}
        fields = {field_key(field): field for field in dataclasses.fields(kind)}
        if "*" in fields:
            field = fields["*"]
            return kind(**{field.name: self._value(field_type(kind, field), raw, path)})
        for key in raw:
            if key not in fields:
                self._problems.append(_unknown(key, fields, self._document, (*path, key)))
        values: dict[str, Any] = {}
        for key, field in fields.items():
            expected = field_type(kind, field)
            if key in overrides:
                self._take_override(values, field, expected, overrides[key])
            elif raw.get(key) is not None:
                value = self._field(field, expected, raw[key], (*path, key))
                if value is not MISSING:
                    values[field.name] = value
        missing = [
            key
            for key, field in fields.items()
            if field.name not in values
            and field.default is MISSING
            and field.default_factory is MISSING
        ]
        for key in missing:
            if raw.get(key) is None:
                self._problems.append(
                    Problem(f"the key {key!r} is missing", self._document.where(path))
                )
        if missing:
            return None
        return kind(**values)

    def _take_override(
        self, values: dict[str, Any], field: dataclasses.Field[Any], expected: Any, over: _Override
    ) -> None:
        try:
            values[field.name] = _from_override(field, expected, over.value)
        except ValueError as error:
            self._problems.append(Problem(f"{over.source}: {error}"))

    def _field(self, field: dataclasses.Field[Any], expected: Any, raw: Any, path: KeyPath) -> Any:
        parse = field.metadata.get("parse")
        if parse is None:
            return self._value(expected, raw, path)
        try:
            return parse(raw)
        except ValueError as error:
            self._problems.append(Problem(str(error), self._document.where(path)))
            return MISSING

    def _value(self, expected: Any, raw: Any, path: KeyPath) -> Any:
        origin, arguments = get_origin(expected), get_args(expected)
        if origin in (Union, types.UnionType):
            inner = [choice for choice in arguments if choice is not type(None)]
            return self._value(inner[0], raw, path)
        if dataclasses.is_dataclass(expected):
            return self.section(expected, raw, path, {})  # type: ignore[arg-type]  # a class
        if origin is tuple:
            return self._items(arguments[0], raw, path)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return self._mapping(arguments[1], raw, path)
        if origin is Literal:
            if raw in arguments:
                return raw
            return self._wrong(path, "one of " + ", ".join(map(str, arguments)), raw)
        return self._scalar(expected, raw, path)

    def _items(self, expected: Any, raw: Any, path: KeyPath) -> Any:
        if not isinstance(raw, list):
            if dataclasses.is_dataclass(expected):
                return self._wrong(path, "a list", raw)
            raw = [raw]
        items = [self._value(expected, item, (*path, i)) for i, item in enumerate(raw)]
        return MISSING if any(item is MISSING for item in items) else tuple(items)

    def _mapping(self, expected: Any, raw: Any, path: KeyPath) -> Any:
        if not isinstance(raw, dict):
            return self._wrong(path, "a mapping", raw)
        if expected is Any:
            return dict(raw)
        values = {key: self._value(expected, value, (*path, key)) for key, value in raw.items()}
        return {key: value for key, value in values.items() if value is not MISSING}

    def _scalar(self, expected: Any, raw: Any, path: KeyPath) -> Any:
        if expected is Any:
            return raw
        if expected is str and isinstance(raw, int | float) and not isinstance(raw, bool):
            return str(raw)
        if expected is float and isinstance(raw, int) and not isinstance(raw, bool):
            return float(raw)
        if isinstance(raw, expected) and not (expected is not bool and isinstance(raw, bool)):
            return raw
        return self._wrong(path, type_name(expected), raw)

    def _wrong(self, path: KeyPath, expected: str, raw: Any) -> Any:
        shown = (
            "a mapping"
            if isinstance(raw, dict)
            else "a list"
            if isinstance(raw, list)
            else repr(raw)
        )
        self._problems.append(
            Problem(f"expected {expected}, found {shown}", self._document.where(path))
        )
        return MISSING


def type_name(kind: Any) -> str:
    """Return how a scalar type is called in messages."""
    return _NAMES.get(kind, "any value")


_NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _from_override(field: dataclasses.Field[Any], expected: Any, value: Any) -> Any:
    parse = field.metadata.get("parse")
    if parse is not None:
        return parse(value)
    origin, arguments = get_origin(expected), get_args(expected)
    if origin in (Union, types.UnionType):
        expected = next(choice for choice in arguments if choice is not type(None))
        origin, arguments = get_origin(expected), get_args(expected)
    if origin is tuple:
        parts = value.split(",") if isinstance(value, str) else list(value)
        return tuple(part.strip() for part in parts if part.strip())
    if origin is Literal:
        if value in arguments:
            return value
        raise ValueError(f"expected one of {', '.join(map(str, arguments))}, found {value!r}")
    if isinstance(expected, type) and isinstance(value, expected):
        return value
    return _from_text(expected, str(value))


def _from_text(expected: Any, text: str) -> Any:
    if expected is bool:
        if text.lower() in {"1", "true", "yes", "on"}:
            return True
        if text.lower() in {"0", "false", "no", "off", ""}:
            return False
        raise ValueError(f"expected true or false, found {text!r}")
    try:
        return expected(text)
    except (TypeError, ValueError):
        raise ValueError(f"expected {type_name(expected)}, found {text!r}") from None
