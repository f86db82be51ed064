"""``circleci env subst``: variables put into a text, in the language of a8m/envsubst.

====================================  ======================================================
written                               becomes
====================================  ======================================================
``$var``, ``${var}``                  the value; nothing where it is not set
``${var-default}`` ``${var=default}``    the default where it is not set
``${var:-default}`` ``${var:=default}``  the default where it is not set or empty
``${var+other}`` ``${var:+other}``       the other where it is set (even to nothing)
``$$``                                ``$``
====================================  ======================================================

A default is a text, taken as it is, or begins with one variable. What else shells know (``${#var}``,
``${var:1:2}``, ``${var%x}``) is not part of the language: the first gives nothing, the others the value.
An expression stands on one line. One deviation: where envsubst garbles a default (a variable followed
by text, a variable in braces), the variable is put in and the rest kept.

Source: the table of https://github.com/a8m/envsubst, and how its releases treat what is not in there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.errors import InvalidInput

__all__ = ["substitute"]

_VARIABLE = re.compile(r"\w+")
_BRACED = re.compile(r"(?P<name>\w+|[^\w+\-=:}\r\n]\w+)(?P<operator>:[-=+]|[-=+])?")
_INNER = re.compile(r"\$(?:(?P<plain>\w+)|\{(?P<braced>\w+))")
_DEEPEST = 50
_END_OF_LINE = re.compile(r"[\r\n]")


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Return ``text`` with the variables put in.

    Raises:
        InvalidInput: a ``${`` is not closed on its line.
    """
    done: list[str] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        done.append(text[position:dollar])
        piece, position = _expression(text, dollar, variables)
        done.append(piece)
    return "".join([*done, text[position:]])


def _expression(text: str, dollar: int, variables: Mapping[str, str]) -> tuple[str, int]:
    after = text[dollar + 1 : dollar + 2]
    if after == "$":
        return "$", dollar + 2
    if after == "{":
        return _braced(text, dollar, variables)
    name = _VARIABLE.match(text, dollar + 1)
    if not name or name[0] == "_":
        return text[dollar : dollar + 1], dollar + 1
    return variables.get(name[0], ""), name.end()


def _braced(
    text: str, dollar: int, variables: Mapping[str, str], depth: int = 0
) -> tuple[str, int]:
    if depth > _DEEPEST:
        raise InvalidInput(f"defaults stand more than {_DEEPEST} deep in each other")
    found = _BRACED.match(text, dollar + 2)
    rest = found.end() if found else dollar + 2
    if not found or found["name"] == "_":
        _closing(text, rest)
        return "${", dollar + 2
    name, operator = found["name"], found["operator"]
    value = variables.get(name, "")
    default, end = _default(text, rest, variables, depth)
    if not default or not operator:
        return value, end
    return _choose(operator, name in variables, value, default[0]), end


def _choose(operator: str, is_set: bool, value: str, word: str) -> str:
    if operator in ("+", ":+"):
        return word if is_set else ""
    if operator in (":-", ":="):
        return value or word
    return value if is_set else word


def _default(
    text: str, start: int, variables: Mapping[str, str], depth: int
) -> tuple[tuple[str] | None, int]:
    inner = _INNER.match(text, start)
    value, rest = "", start
    if inner and inner["braced"]:
        value, rest = _braced(text, start, variables, depth + 1)
    elif inner and inner["plain"] != "_":
        value, rest = variables.get(inner["plain"], ""), inner.end()
    end = _closing(text, rest)
    if rest == end and not inner:
        return None, end + 1
    return (value + text[rest:end].replace("$$", "$"),), end + 1


def _closing(text: str, start: int) -> int:
    """Return where the brace closes that is open at ``start``."""
    end = text.find("}", start)
    line_end = _END_OF_LINE.search(text, start, end if end >= 0 else len(text))
    if end < 0 or line_end:
        line = text.count("\n", 0, start) + 1
        raise InvalidInput(
            f"line {line}: closing brace expected",
            hint="close the ${ on its line, or write $${ for a plain ${",
        )
    return end
