"""The expression language of ``<< … >>``, of ``filters:`` and of a workflow's ``when``.

Weakest to strongest, all left-associative: ``or``, ``and``, ``== !=``, ``starts-with matches``,
``>= > <= <``, ``not !``. ``and`` and ``or`` return one of their operands. Values of different types
are unequal; ``starts-with`` and ``matches`` take texts and the comparisons numbers, all else is an
error, but for an empty value on the left, with which they are false (a branch pipeline has no tag).

Source: CircleCI's "using expressions in your configuration". The place of ``matches`` in the order
and a missing value with it are our choice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.config.java_regex import BadRegex, full_match
from pipeline.config.values import is_truthy, same, show, type_name

__all__ = ["Expression", "ExpressionError", "Lookup", "evaluate", "parse_expression", "variables"]

Lookup = Callable[[str], Any]
"""Returns the value of a variable; raises what it likes where there is none."""

Match = Callable[[str, str], bool]
"""Returns whether the whole of a text, the second argument, matches a pattern."""

_DEEPEST = 100
_LONGEST = 5_000

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:[.-]+[A-Za-z0-9_]+)*)
    | (?P<number>-?\d+(?![\w.]))
    | (?P<string>"(?:[^"\\]|\\.)*")
    | (?P<operator>==|!=|>=|<=|>|<|!|\(|\))
    )""",
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"\s*/((?:[^/\\]|\\.)*)/", re.DOTALL)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*\Z")
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("or",),
    ("and",),
    ("==", "!="),
    ("starts-with", "matches"),
    (">=", ">", "<=", "<"),
)
_WORDS = frozenset({"or", "and", "not", "starts-with", "matches", "true", "false"})


class ExpressionError(Exception):
    """An expression cannot be read or worked out.

    Attributes:
        code: ``expression-syntax``, ``expression-type`` or ``bad-regex``.
    """

    def __init__(self, message: str, code: str = "expression-syntax") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, text or boolean."""

    value: Any


@dataclass(frozen=True, slots=True)
class Variable:
    """``pipeline.git.branch``."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    """``not x`` or ``!x``."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands and what is between them."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Matches:
    """``x matches /regex/``."""

    left: Expression
    pattern: str


Expression = Literal | Variable | Not | Binary | Matches


def parse_expression(text: str) -> Expression:
    """Read an expression.

    Raises:
        ExpressionError: it is not one.
    """
    if _NAME.match(text) and text not in _WORDS and ".." not in text:
        return Variable(text)
    if len(text) > _LONGEST:
        raise ExpressionError(f"an expression of more than {_LONGEST} characters")
    return _Parser(text).whole()


def variables(expression: Expression) -> Iterator[str]:
    """Yield the names of the variables in an expression."""
    first, chain = _chain(expression)
    if isinstance(first, Variable):
        yield first.name
    elif isinstance(first, Not):
        yield from variables(first.operand)
    for link in chain:
        if isinstance(link, Binary):
            yield from variables(link.right)


def evaluate(expression: Expression, lookup: Lookup, match: Match = full_match) -> Any:
    """Return the value of an expression.

    Args:
        expression: what to work out.
        lookup: gives the values of variables.
        match: tells whether the whole of a text matches a pattern; may raise BadRegex.

    Raises:
        ExpressionError: an operand has the wrong type, or a pattern is none.
    """
    first, chain = _chain(expression)
    if type(first) is Variable:
        value = lookup(first.name)
    elif type(first) is Literal:
        value = first.value
    else:
        assert type(first) is Not
        value = not is_truthy(evaluate(first.operand, lookup, match))
    for link in chain:
        if type(link) is Matches:
            value = _matches(value, link.pattern, match)
            continue
        assert type(link) is Binary
        if link.operator in ("and", "or"):
            if is_truthy(value) is (link.operator == "and"):
                value = evaluate(link.right, lookup, match)
        else:
            value = _apply(link.operator, value, evaluate(link.right, lookup, match))
    return value


def _chain(expression: Expression) -> tuple[Expression, list[Binary | Matches]]:
    """Return the first operand of ``a or b or c``, and what follows it; without recursion."""
    chain: list[Binary | Matches] = []
    while isinstance(expression, Binary | Matches):
        chain.append(expression)
        expression = expression.left
    chain.reverse()
    return expression, chain


def _apply(operator: str, left: Any, right: Any) -> bool:
    if operator == "==":
        return same(left, right)
    if operator == "!=":
        return not same(left, right)
    if operator == "starts-with":
        if left is None or left == "":
            return False
        if isinstance(left, str) and isinstance(right, str):
            return left.startswith(right)
        raise _type_error(operator, "strings", left, right)
    if not (_is_number(left) and _is_number(right)):
        raise _type_error(operator, "numbers", left, right)
    results = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
    return bool(results[operator])


def _matches(left: Any, pattern: str, match: Match) -> bool:
    if left is None or left == "":
        return False
    if not isinstance(left, str):
        raise _type_error("matches", "strings", left, pattern)
    try:
        return match(pattern, left)
    except BadRegex as error:
        raise ExpressionError(str(error), "bad-regex") from None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _type_error(operator: str, expected: str, left: Any, right: Any) -> ExpressionError:
    return ExpressionError(
        f"{operator} takes two {expected}, found {show(left)} (type {type_name(left)})"
        f" and {show(right)} (type {type_name(right)})",
        "expression-type",
    )


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._kind = ""
        self._token = ""
        self._advance()

    def whole(self) -> Expression:
        expression = self._level(0)
        if self._kind:
            raise self._unexpected()
        return expression

    def _advance(self) -> None:
        rest = self._text[self._at :]
        if not rest.strip():
            self._kind = self._token = ""
            return
        found = _TOKEN.match(self._text, self._at)
        if not found:
            raise ExpressionError(f"cannot read the expression at {show(rest.strip(), 30)}")
        self._kind = str(found.lastgroup)
        self._token = found[self._kind]
        self._at = found.end()

    def _unexpected(self) -> ExpressionError:
        if not self._kind:
            return ExpressionError("the expression ends where a value was expected")
        return ExpressionError(f"did not expect {self._token} there in the expression")

    def _operator(self, among: tuple[str, ...]) -> str | None:
        if self._kind in ("operator", "name") and self._token in among:
            return self._token
        return None

    def _level(self, level: int) -> Expression:
        if level == len(_LEVELS):
            return self._unary()
        left = self._level(level + 1)
        while operator := self._operator(_LEVELS[level]):
            if operator == "matches":
                left = Matches(left, self._pattern())
                continue
            self._advance()
            left = Binary(operator, left, self._level(level + 1))
        return left

    def _pattern(self) -> str:
        found = _REGEX.match(self._text, self._at)
        if not found:
            raise ExpressionError("matches takes a regular expression, as in `matches /^v.*/`")
        self._at = found.end()
        self._advance()
        return found[1].replace("\\/", "/")

    def _unary(self) -> Expression:
        if self._operator(("not", "!")):
            self._deeper()
            self._advance()
            operand = self._unary()
            self._depth -= 1
            return Not(operand)
        return self._primary()

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError("the expression is nested too deeply")

    def _primary(self) -> Expression:
        kind, token = self._kind, self._token
        if token == "(":
            return self._group()
        if not kind or kind == "operator" or (token in _WORDS and token not in ("true", "false")):
            raise self._unexpected()
        self._advance()
        if kind == "number":
            return Literal(int(token))
        if kind == "string":
            return Literal(re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL))
        if token in ("true", "false"):
            return Literal(token == "true")
        if ".." in token:
            raise ExpressionError(
                f"{token} is not the name of a variable: it has two dots in a row"
            )
        return Variable(token)

    def _group(self) -> Expression:
        self._deeper()
        self._advance()
        inner = self._level(0)
        if self._token != ")":
            raise self._unexpected() if self._kind else ExpressionError("a ( is not closed")
        self._advance()
        self._depth -= 1
        return inner
