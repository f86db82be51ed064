"""The configuration's shape as JSON Schema (draft 7), for editors; made of the compiler's own tables."""

from __future__ import annotations

from typing import Any

from pipeline.config.parameters import ELEMENT_TYPES, PIPELINE_TYPES
from pipeline.config.schema import (
    BARE_STEPS,
    EXECUTOR_FIELDS,
    FILTERS,
    JOB_FIELDS,
    NAMES,
    step_schema,
)
from pipeline.config.spec import or_null

__all__ = ["config_schema"]

_TEXT: dict[str, Any] = {"type": "string"}
_VERSION = {"enum": [2, 2.1, "2", "2.0", "2.1"]}
_ELEMENT_NAME = "^[a-z][a-z\\d_-]*$"
_JOB_NAME = "^[A-Za-z][A-Za-z\\s\\d_-]*$"


def config_schema() -> dict[str, Any]:
    """Return the schema of ``.circleci/config.yml``.

    It takes everything that the compiler takes, and more: that names are known, that arguments fit, and
    that conditions are no typing mistakes is for the compiler to say.
    """
    parts = _document_parts()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "CircleCI configuration",
        "type": "object",
        "required": ["version"],
        "properties": {
            "version": _VERSION,
            "setup": {"type": ["boolean", "null", "object", "array"]},
            "parameters": or_null(_named(_ref("pipelineParameter"))),
            "workflows": {
                "type": ["object", "null"],
                "properties": {"version": {}},
                "additionalProperties": _ref("workflow"),
            },
            "job-groups": or_null(_named(_ref("jobGroup"))),
            **parts,
        },
        "if": {"properties": {"version": {"enum": [2.1, "2.1"]}}},
        "then": {"properties": {"jobs": {"propertyNames": {"pattern": _JOB_NAME}}}},
        "definitions": _definitions() | {"orb": _orb(parts)},
    }


def _document_parts() -> dict[str, Any]:
    return {
        "orbs": or_null(_named({"anyOf": [_TEXT, _ref("orb")]})),
        "commands": or_null(_named(_element("command"), _ELEMENT_NAME)),
        "executors": or_null(_named(_element("executor"), _ELEMENT_NAME)),
        "jobs": or_null(_named(_element("job"))),
    }


def _element(kind: str) -> dict[str, Any]:
    """Return what stands below an element's name: its definition, an orb's element, or nothing."""
    return {"anyOf": [_ref(kind), _TEXT, {"type": "null"}]}


def _orb(parts: dict[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {key: {} for key in ("description", "display", "examples", "version")}
    return {"type": "object", "properties": parts | extra, "additionalProperties": False}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/definitions/{name}"}


def _named(value: dict[str, Any], pattern: str = "") -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "additionalProperties": value}
    if pattern:
        schema["propertyNames"] = {"pattern": pattern}
    return schema


def _record(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            key: schema if key in required else or_null(schema)
            for key, schema in properties.items()
        },
        "required": list(required),
        "additionalProperties": False,
    }


def _definitions() -> dict[str, Any]:
    fields = {key: spec.json_schema() for key, spec in JOB_FIELDS.items()}
    executor = {key: fields[key] for key in EXECUTOR_FIELDS}
    common = {"description": {}, "parameters": _named(_ref("parameter"))}
    called = {"anyOf": [_TEXT, {"type": "object", "required": ["name"]}]}
    return {
        "step": _step(),
        "steps": {"anyOf": [{"type": "array", "items": _ref("step")}, _tag()]},
        "condition": _condition(),
        "parameter": _parameter(ELEMENT_TYPES, "type"),
        "pipelineParameter": _parameter(PIPELINE_TYPES, "type", "default"),
        "command": _record({**common, "steps": _ref("steps")}, "steps"),
        "executor": _record({**common, **executor}),
        "job": _record({**common, **fields, "executor": called, "steps": _ref("steps")}),
        "jobGroup": _record({"description": {}, "jobs": _jobs()}, "jobs"),
        "workflow": _record(
            {
                "jobs": _jobs(),
                "when": _ref("condition"),
                "unless": _ref("condition"),
                "triggers": {"type": "array"},
                "max_auto_reruns": {"type": "integer", "minimum": 1, "maximum": 5},
                "description": {},
            },
            "jobs",
        ),
    }


def _tag() -> dict[str, Any]:
    return {"type": "string", "pattern": "<<"}


def _step() -> dict[str, Any]:
    conditional = _record(
        {
            "condition": _ref("condition"),
            "steps": or_null(_ref("steps")),
            "name": _TEXT,
            "description": {},
        },
        "condition",
        "steps",
    )
    built_in = {
        name: or_null(schema) if name in BARE_STEPS else schema
        for name, schema in step_schema().items()
    }
    # Many a configuration has a command of its own of this name, which then goes first.
    built_in["deploy"] = {}
    return {
        "anyOf": [
            _TEXT,
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {
                    **built_in,
                    "when": conditional,
                    "unless": conditional,
                    "steps": _ref("steps"),
                },
            },
        ]
    }


def _condition() -> dict[str, Any]:
    several = {"type": "array", "minItems": 1, "items": _ref("condition")}
    statement = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {
            "and": several,
            "or": several,
            "not": _ref("condition"),
            "equal": {"type": "array", "minItems": 1},
            "matches": _record({"pattern": _TEXT, "value": {}}, "pattern", "value"),
        },
    }
    return {"anyOf": [{"type": ["string", "boolean", "number", "null"]}, statement]}


def _parameter(types: tuple[str, ...], *required: str) -> dict[str, Any]:
    return _record(
        {
            "type": {"enum": list(types)},
            "default": {},
            "description": {},
            "enum": {"type": "array", "minItems": 1},
        },
        *required,
    )


def _jobs() -> dict[str, Any]:
    matrix = _record(
        {
            "parameters": {"type": "object"},
            "exclude": {"type": "array", "items": {"type": "object"}},
            "alias": _TEXT,
        },
        "parameters",
    )
    options = {
        "name": _TEXT,
        "type": _TEXT,
        "requires": {"type": "array", "items": {"type": ["string", "object"]}},
        "context": NAMES.json_schema(),
        "filters": FILTERS.json_schema(),
        "matrix": matrix,
        "pre-steps": _ref("steps"),
        "post-steps": _ref("steps"),
        "override-with": _TEXT,
        "serial-group": _TEXT,
    }
    invocation = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": {
            "type": ["object", "null"],
            "properties": {key: or_null(schema) for key, schema in options.items()},
        },
    }
    return {"type": "array", "minItems": 1, "items": {"anyOf": [_TEXT, invocation]}}
