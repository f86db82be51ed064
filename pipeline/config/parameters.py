"""Declarations of parameters, and the arguments of a call checked against them."""

from __future__ import annotations

import re
from collections.abc import Mapping as Map
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.config.findings import Report
from pipeline.config.nodes import Mapping, Node, Scalar, Sequence, to_data
from pipeline.config.values import same, show, type_name, yaml_type
from pipeline.errors import did_you_mean

if TYPE_CHECKING:
    from pipeline.config.scope import Scope

__all__ = [
    "ELEMENT_TYPES",
    "PIPELINE_TYPES",
    "RESERVED_NAMES",
    "Declaration",
    "ExecutorArgument",
    "StepsArgument",
    "mismatch",
    "read_declarations",
]

ELEMENT_TYPES = ("string", "boolean", "integer", "enum", "executor", "steps", "env_var_name")
PIPELINE_TYPES = ("string", "boolean", "integer", "enum")
RESERVED_NAMES = frozenset(
    [
        "name",
        "requires",
        "context",
        "type",
        "filters",
        "matrix",
        "pre-steps",
        "post-steps",
        "serial-group",
        "override-with",
    ]
)
"""Keys of a job's invocation, and so no names for a job's parameters."""

_NAME = re.compile(r"[A-Za-z][A-Za-z\d_-]*\Z")
"""The documentation asks for lower case; compiled configurations show that capitals are taken."""
_PIPELINE_NAME = re.compile(r"[A-Za-z][A-Za-z\d._-]*\Z")
_MOST_SHOWN = 30
"""Values of an enum that a message lists."""

_MOST_VALUES, _LONGEST_NAME, _LONGEST_VALUE = 100, 128, 512
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(slots=True, eq=False)
class StepsArgument:
    """Steps handed over as an argument: they mean what they mean where they were written."""

    node: Sequence
    scope: Scope


@dataclass(slots=True, eq=False)
class ExecutorArgument:
    """An executor handed over as an argument: a name, or a map with ``name``, and where it was written."""

    node: Node
    scope: Scope

    def data(self) -> Any:
        """Return what conditions and texts see of it: the name, or the map."""
        return to_data(self.node)


@dataclass(slots=True, eq=False)
class Declaration:
    """One declared parameter.

    Attributes:
        name: its name.
        type: one of :data:`ELEMENT_TYPES`.
        default: what stands there, or None where an argument is needed.
        choices: of an enum.
        node: the declaration.
    """

    name: str
    type: str
    default: Node | None
    choices: tuple[Any, ...]
    node: Mapping


def read_declarations(
    node: Node | None, report: Report, *, pipeline: bool = False, of: str = ""
) -> dict[str, Declaration]:
    """Read a ``parameters:`` mapping; what is wrong is reported and left out.

    Args:
        node: the mapping, or None.
        report: takes the findings.
        pipeline: whether these are pipeline parameters, which need a default and have fewer types.
        of: the element, as ``job 'build'``, for the messages.
    """
    if node is None or (type(node) is Scalar and node.value is None):
        return {}
    if type(node) is not Mapping:
        report.error("wrong-type", f"expected type: Mapping, found: {yaml_type(node)}", node)
        return {}
    found = {}
    for name, declared in node.entries.items():
        _check_name(node, name, report, pipeline, of)
        declaration = _read_declaration(name, declared, report, pipeline, of)
        if declaration is not None:
            found[name] = declaration
    return found


def _check_name(node: Mapping, name: str, report: Report, pipeline: bool, of: str) -> None:
    pattern = _PIPELINE_NAME if pipeline else _NAME
    if not pattern.match(name) or ".." in name:
        wants = (
            "letters, digits, dots, underscores and dashes"
            if pipeline
            else ("letters, digits, underscores and dashes")
        )
        report.error(
            "bad-name",
            f"{show(name)} cannot be the name of a parameter: it has to begin with a letter and hold"
            f" {wants} only",
            node,
            key=name,
        )
    elif of.startswith("job") and name in RESERVED_NAMES:
        report.error(
            "bad-name",
            f"{show(name)} cannot be the name of a job's parameter: workflows use that key",
            node,
            key=name,
        )


def _read_declaration(
    name: str, node: Node, report: Report, pipeline: bool, of: str
) -> Declaration | None:
    code = "parameter-declaration"
    if type(node) is not Mapping:
        report.error(
            code, f"parameter {name!r}: expected type: Mapping, found: {yaml_type(node)}", node
        )
        return None
    known = ("type", "default", "description", "enum")
    for key in node.entries:
        if key not in known:
            report.error(
                code,
                f"extraneous key [{key}] is not permitted in the declaration of {name!r}",
                node,
                key=key,
                hint=did_you_mean(key, known) or f"permitted keys: {', '.join(known)}",
            )
    kind_node = node.get("type")
    if kind_node is None:
        report.error(code, f"required key [type] not found in the declaration of {name!r}", node)
        return None
    kind = kind_node.value if type(kind_node) is Scalar else None
    types = PIPELINE_TYPES if pipeline else ELEMENT_TYPES
    if of.startswith("executor"):
        types = PIPELINE_TYPES
    if kind not in types:
        report.error(
            code,
            f"{show(to_data(kind_node))} is not a type of {'pipeline ' * pipeline}parameters"
            f"{' of executors' * of.startswith('executor')}; expected one of {', '.join(types)}",
            kind_node,
            hint=did_you_mean(str(kind), types),
        )
        return None
    choices = _read_choices(name, str(kind), node, report)
    if choices is None:
        return None
    declaration = Declaration(name, str(kind), node.get("default"), choices, node)
    if pipeline and declaration.default is None:
        report.error(
            code,
            f"required key [default] not found: the pipeline parameter {name!r} needs a default",
            node,
        )
        return None
    return declaration if _default_fits(declaration, report, of) else None


def _read_choices(name: str, kind: str, node: Mapping, report: Report) -> tuple[Any, ...] | None:
    listed = node.get("enum")
    code = "parameter-declaration"
    if kind != "enum":
        return ()  # Published orbs list values beside `type: string`: it is taken, and means nothing.
    if type(listed) is not Sequence or not listed.items:
        report.error(
            code,
            f"required key [enum] not found: the parameter {name!r} is an enum, and needs a list of values",
            node if listed is None else listed,
        )
        return None
    if not all(type(item) is Scalar for item in listed.items):
        report.error(code, f"the values of the enum {name!r} have to be scalars", listed)
        return None
    return tuple(to_data(item) for item in listed.items)


def _default_fits(declaration: Declaration, report: Report, of: str) -> bool:
    default = declaration.default
    if default is None or (type(default) is Scalar and default.dynamic):
        return True
    value: Any = to_data(default)
    wrong = mismatch(declaration, value)
    if wrong is None:
        return True
    if declaration.type == "enum":
        message = (
            f"Default value is not in enum: {show(value)} is not one of {_listed(declaration)}"
        )
    else:
        shown = show(value).strip('"')
        message = (
            f"Parameter error: default value of parameter '{declaration.name}' is '{shown}'"
            f" (type {type_name(value)}): expected type {wrong}"
        )
    if of:
        message = f"Error in definition of {of}: {message}"
    report.error("parameter-declaration", message, default, hint=_advice(declaration, value))
    return False


def mismatch(declaration: Declaration, value: Any) -> str | None:
    """Return the type that was expected where a value does not have it, else None.

    Args:
        declaration: what was declared.
        value: a scalar, a list (steps), a map (executor), or a handed-over argument.
    """
    kind = declaration.type
    if kind == "string":
        fits = isinstance(value, str)
    elif kind == "boolean":
        fits = isinstance(value, bool)
    elif kind == "integer":
        fits = isinstance(value, int) and not isinstance(value, bool)
    elif kind == "enum":
        fits = any(same(value, choice) for choice in declaration.choices)
        return None if fits else f"enum: {_listed(declaration)}"
    elif kind == "env_var_name":
        fits = isinstance(value, str) and bool(_VARIABLE.match(value))
        return None if fits else "env_var_name (letters, digits and underscores)"
    elif kind == "steps":
        fits = isinstance(value, list | StepsArgument)
    else:
        fits = isinstance(value, ExecutorArgument | str) or (
            isinstance(value, dict) and isinstance(value.get("name"), str)
        )
    return None if fits else kind


def type_error(declaration: Declaration, value: Any) -> tuple[str, str | None]:
    """Return the message and hint for an argument of the wrong type."""
    wrong = mismatch(declaration, value)
    return (
        f"Type error for argument {declaration.name}: expected type: {wrong},"
        f" actual value: {show(value)} (type {type_name(value)})",
        _advice(declaration, value),
    )


def check_values(declarations: Map[str, Declaration], given: Map[str, Any]) -> list[ValueProblem]:
    """Return what is wrong with the values given to pipeline parameters.

    The limits are those of CircleCI's API: 100 values, names of 128 and values of 512 characters.
    """
    wrong: list[ValueProblem] = []
    unexpected = [name for name in given if name not in declarations]
    if unexpected:
        hint = did_you_mean(unexpected[0], declarations)
        message = f"Unexpected argument(s): {', '.join(unexpected)}"
        wrong.append(ValueProblem("unexpected-argument", message, hint, unexpected[0]))
    if len(given) > _MOST_VALUES:
        message = f"{len(given)} pipeline parameters are given; the limit is {_MOST_VALUES}"
        wrong.append(ValueProblem("too-large", message))
    for name, value in given.items():
        if len(name) > _LONGEST_NAME or len(str(value)) > _LONGEST_VALUE:
            message = (
                f"the pipeline parameter {show(name)} is too long: a name has at most {_LONGEST_NAME}"
                f" characters, a value {_LONGEST_VALUE}"
            )
            wrong.append(ValueProblem("too-large", message, None, name))
        elif name in declarations and mismatch(declarations[name], value):
            message, hint = type_error(declarations[name], value)
            wrong.append(ValueProblem("type-mismatch", message, hint, name))
    return wrong


@dataclass(frozen=True, slots=True)
class ValueProblem:
    """What is wrong with a value given to a pipeline parameter."""

    code: str
    message: str
    hint: str | None = None
    name: str = ""


def _listed(declaration: Declaration) -> str:
    shown = ", ".join(show(choice) for choice in declaration.choices[:_MOST_SHOWN])
    return shown + ", …" * (len(declaration.choices) > _MOST_SHOWN)


def _advice(declaration: Declaration, value: Any) -> str | None:
    kind = declaration.type
    if kind in ("string", "enum", "env_var_name") and isinstance(value, bool | int | float):
        return f'put it in quotes: "{show(value)}"'
    if kind in ("integer", "boolean") and isinstance(value, str):
        return f"write it without quotes, as {'1' if kind == 'integer' else 'true'}"
    if kind == "steps":
        return "steps are a list, even if it is only one"
    if kind == "enum" and isinstance(value, str):
        return did_you_mean(value, map(str, declaration.choices))
    return None
