"""The configuration's shape as JSON Schema (draft 7), for editors; made of the compiler's own tables."""

from __future__ import annotations

from typing import Any

from pipeline.config.parameters import ELEMENT_TYPES, PIPELINE_TYPES
from pipeline.config.schema import EXECUTOR_FIELDS, FILTERS, JOB_FIELDS, NAMES, step_schema

__all__ = ["config_schema"]

_TEXT: dict[str, Any] = {"type": "string"}


def config_schema() -> dict[str, Any]:
    """Return the schema of ``.circleci/config.yml``."""
    parts = _document_parts()
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "CircleCI configuration",
        "type": "object",
        "required": ["version"],
        "properties": {
            "version": {"enum": [2, 2.1, "2", "2.0", "2.1"]},
            "setup": {"type": "boolean"},
            "parameters": _named(_ref("pipelineParameter")),
            "workflows": {
                "type": "object",
                "properties": {"version": {"enum": [2, "2", "2.0", "2.1"]}},
                "additionalProperties": _ref("workflow"),
            },
            "job-groups": _named(_ref("jobGroup")),
            **parts,
        },
        "definitions": _definitions() | {"orb": _orb(parts)},
    }


def _document_parts() -> dict[str, Any]:
    return {
        "orbs": _named({"anyOf": [_TEXT, _ref("orb")]}),
        "commands": _named({"anyOf": [_ref("command"), _TEXT]}, "^[a-z][a-z\\d_-]*$"),
        "executors": _named({"anyOf": [_ref("executor"), _TEXT]}, "^[a-z][a-z\\d_-]*$"),
        "jobs": _named({"anyOf": [_ref("job"), _TEXT]}, "^[A-Za-z][A-Za-z\\s\\d_-]*$"),
    }


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
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def _definitions() -> dict[str, Any]:
    fields = {key: spec.json_schema() for key, spec in JOB_FIELDS.items()}
    executor = {key: fields[key] for key in EXECUTOR_FIELDS}
    common = {"description": _TEXT, "parameters": _named(_ref("parameter"))}
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
        "jobGroup": _record({"description": _TEXT, "jobs": _jobs()}, "jobs"),
        "workflow": _record(
            {
                "jobs": _jobs(),
                "when": _ref("condition"),
                "unless": _ref("condition"),
                "triggers": {"type": "array"},
                "max_auto_reruns": {"type": "integer", "minimum": 1, "maximum": 5},
                "description": _TEXT,
            },
            "jobs",
        ),
    }


def _tag() -> dict[str, Any]:
    return {"type": "string", "pattern": "<<"}


def _step() -> dict[str, Any]:
    conditional = _record(
        {"condition": _ref("condition"), "steps": _ref("steps")}, "condition", "steps"
    )
    return {
        "anyOf": [
            _TEXT,
            {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {
                    **step_schema(),
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
        "additionalProperties": False,
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
            "description": _TEXT,
            "enum": {"type": "array", "minItems": 1},
        },
        *required,
    )


def _jobs() -> dict[str, Any]:
    options = {
        "type": ["object", "null"],
        "properties": {
            "name": _TEXT,
            "type": _TEXT,
            "requires": {"type": "array", "items": {"type": ["string", "object"]}},
            "context": NAMES.json_schema(),
            "filters": FILTERS.json_schema(),
            "matrix": {
                "type": "object",
                "required": ["parameters"],
                "properties": {
                    "parameters": {"type": "object"},
                    "exclude": {"type": "array", "items": {"type": "object"}},
                    "alias": _TEXT,
                },
                "additionalProperties": False,
            },
            "pre-steps": _ref("steps"),
            "post-steps": _ref("steps"),
            "override-with": _TEXT,
            "serial-group": _TEXT,
        },
    }
    invocation = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": options,
    }
    return {"type": "array", "minItems": 1, "items": {"anyOf": [_TEXT, invocation]}}
