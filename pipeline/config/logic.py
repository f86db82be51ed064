"""Conditions of ``when`` and ``unless``: literals and logic statements.

Source: CircleCI's "logic statement syntax". A value that is missing makes ``matches`` false.
"""

from __future__ import annotations

from typing import Any

from pipeline.config.findings import Poisoned
from pipeline.config.java_regex import BadRegex
from pipeline.config.nodes import Mapping, Node, Scalar, Sequence, to_data
from pipeline.config.parameters import ExecutorArgument, StepsArgument
from pipeline.config.scope import Compilation, Scope
from pipeline.config.spec import Checker
from pipeline.config.values import is_truthy, same, show, yaml_type
from pipeline.errors import did_you_mean

__all__ = ["OPERATORS", "check_condition", "condition_holds"]

_DEEPEST = 100
OPERATORS = ("and", "or", "not", "equal", "matches")


def check_condition(node: Node, checker: Checker, depth: int = 0) -> bool:
    """Report what is wrong with the shape of a condition; every level of it."""
    if type(node) is Scalar:
        return True
    if depth > _DEEPEST:
        return checker.error(
            "bad-condition", f"logic statements are nested more than {_DEEPEST} deep", node
        )
    if type(node) is Sequence:
        return checker.error(
            "bad-condition",
            "a condition is a value or a logic statement, found a list",
            node,
            hint="put the list below `and:` or `or:`",
        )
    assert type(node) is Mapping
    if len(node.entries) != 1:
        return checker.error(
            "bad-condition",
            f"a logic statement has exactly one key, found {len(node.entries)}",
            node,
            hint="join several with `and:` and a list",
        )
    operator, operand = next(iter(node.entries.items()))
    if operator == "condition":
        return checker.error(
            "bad-condition",
            "`condition` belongs to a step's `when`; here the condition itself is expected",
            node,
            operator,
            "leave out `condition:`, and indent what is below it less",
        )
    if operator not in OPERATORS:
        checker.report.warn(
            "always-true",
            f"{operator!r} is not a logic operator, and a mapping as such is always true",
            node,
            key=operator,
            hint=did_you_mean(operator, OPERATORS) or f"known here: {', '.join(OPERATORS)}",
        )
        return True
    if operator == "not":
        return check_condition(operand, checker, depth + 1)
    if operator == "matches":
        return _check_matches(operand, checker)
    return _check_operands(operator, operand, checker, depth + 1)


def _check_operands(operator: str, operand: Node, checker: Checker, depth: int) -> bool:
    if type(operand) is not Sequence:
        return checker.error(
            "bad-condition", f"{operator} takes a list, found: {yaml_type(operand)}", operand
        )
    if not operand.items:
        return checker.error("bad-condition", f"{operator} takes at least one operand", operand)
    if operator == "equal":
        return all(
            check_condition(item, checker, depth) for item in operand.items if _is_statement(item)
        )
    results = [check_condition(item, checker, depth) for item in operand.items]
    return all(results)


def _check_matches(operand: Node, checker: Checker) -> bool:
    if type(operand) is not Mapping or set(operand.entries) != {"pattern", "value"}:
        return checker.error(
            "bad-condition",
            f"matches takes a mapping with `pattern` and `value`, found {_keys(operand)}",
            operand,
        )
    return True


def _keys(node: Node) -> str:
    return ", ".join(node.entries) if type(node) is Mapping else yaml_type(node)


def _is_statement(node: Node) -> bool:
    return (
        type(node) is Mapping and len(node.entries) == 1 and next(iter(node.entries)) in OPERATORS
    )


def condition_holds(node: Node, scope: Scope, compilation: Compilation) -> bool:
    """Return whether a condition, whose shape was checked, is true.

    Raises:
        Poisoned: a value in it cannot be had; reported.
    """
    if type(node) is Mapping and _is_statement(node):
        operator, operand = next(iter(node.entries.items()))
        if operator == "not":
            return not condition_holds(operand, scope, compilation)
        if operator == "matches":
            return _matches(operand, scope, compilation)
        if type(operand) is not Sequence or not operand.items:
            raise Poisoned  # Reported by check_condition.
        compilation.count(node.mark, scope.frame, len(operand.items))
        if operator == "and":
            return all(condition_holds(item, scope, compilation) for item in operand.items)
        if operator == "or":
            return any(condition_holds(item, scope, compilation) for item in operand.items)
        values = [_operand(item, scope, compilation) for item in operand.items]
        return all(same(values[0], value) for value in values[1:])
    return is_truthy(_operand(node, scope, compilation))


def _operand(node: Node, scope: Scope, compilation: Compilation) -> Any:
    if _is_statement(node):
        return condition_holds(node, scope, compilation)
    value = compilation.resolve(node, scope)
    if isinstance(value, ExecutorArgument):
        return value.data()
    if isinstance(value, StepsArgument):
        return to_data(value.node)
    return to_data(value)


def _matches(operand: Node, scope: Scope, compilation: Compilation) -> bool:
    if type(operand) is not Mapping or not {"pattern", "value"} <= operand.entries.keys():
        raise Poisoned  # Reported by check_condition.
    pattern = _operand(operand.entries["pattern"], scope, compilation)
    value = _operand(operand.entries["value"], scope, compilation)
    if not isinstance(pattern, str):
        raise compilation.report.error(
            "bad-condition",
            f"the pattern of matches has to be a text, found {show(pattern)}",
            operand,
            key="pattern",
            hint="put it in quotes",
            frame=scope.frame,
        )
    if not isinstance(value, str):
        return False
    try:
        return compilation.matches(pattern, value)
    except BadRegex as error:
        raise compilation.report.error(
            "bad-regex", str(error), operand, key="pattern", frame=scope.frame
        ) from None
