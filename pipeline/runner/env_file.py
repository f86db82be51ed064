r"""Variables that a user gives: ``--env NAME=value``, ``--env NAME`` and ``--env-file FILE``.

A file is read as dotenv files commonly are, and what ``docker --env-file`` reads as well means the same,
but for the rows with ``*``; a later line wins in both:

=====================  ==========================================================================
written                becomes
=====================  ==========================================================================
``A=b c`` *            ``b c``, without the spaces at its ends
``A=``                 an empty value
``A``                  the value of ``A`` in the caller's own environment; not set, where it is not
                       (``--env A`` is an error then: who names a variable for one run needs it)
``export A=b`` *       as ``A=b``
``# text``, nothing    nothing
``A=b # text`` *       ``b``; a ``#`` without a space before it belongs to the value
``A='b # c'`` *        ``b # c``, as it is, over several lines too
``A="b\n\"c\""`` *     with ``\n``, ``\r``, ``\t``, ``\"``, ``\\`` and ``\$`` read, over several lines too
=====================  ==========================================================================

A ``$`` is a dollar: a value never takes in another variable. Messages never show a value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.errors import InvalidInput, Location, Problem, did_you_mean

__all__ = ["check_name", "parse_env_option", "read_env_file"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_ENTRY = re.compile(r"[ \t]*(?:export[ \t]+)?(?P<name>[^=\n]*?)[ \t]*(?P<sign>=[ \t]*|(?=\n|\Z))")
_SKIPPED = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_QUOTED = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    "'": re.compile(r"'([^']*)'", re.DOTALL),
}
_COMMENT = re.compile(r"(?:^|[ \t])#.*")
_ESCAPE = re.compile(r'\\([nrt"\\$])')
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class _Wrong(Exception):
    """One line that cannot be read; the words for it, and what to do."""


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    value: str | None
    end: int


def read_env_file(
    text: str, name: str, *, caller: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the variables of a dotenv file; a later line wins.

    Args:
        text: what stands in it.
        name: the file's name, for messages.
        caller: where the value of a bare ``NAME`` is taken from (default: this process' environment).

    Raises:
        InvalidInput: with a problem for each line that cannot be read.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    variables: dict[str, str] = {}
    problems: list[Problem] = []
    position = 0
    while position < len(text):
        if skipped := _SKIPPED.match(text, position):
            position = skipped.end()
            continue
        try:
            entry = _read_entry(text, position)
        except _Wrong as wrong:
            line = text.count("\n", 0, position) + 1
            problems.append(Problem(wrong.args[0], Location(name, line), wrong.args[1]))
            position = _line_end(text, position) + 1
            continue
        variables |= _variable(entry, caller)
        position = entry.end + 1
    if problems:
        raise InvalidInput(f"{name}: not all of its lines are variables", problems=problems)
    return variables


def parse_env_option(text: str, *, caller: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variable of ``--env A=b=c``, or of ``--env A``.

    Args:
        text: the option's value; all after the first ``=`` is the value, quotes and spaces too.
        caller: where the value of a bare ``NAME`` is taken from (default: this process' environment).

    Raises:
        InvalidInput: the name is none, or that of a bare one is not set.
    """
    name, sign, value = text.partition("=")
    try:
        _check(name, value)
    except _Wrong as wrong:
        raise InvalidInput(f"--env: {wrong.args[0]}", hint=wrong.args[1]) from None
    given = os.environ if caller is None else caller
    if not sign and name not in given:
        raise InvalidInput(
            f"--env {name} passes on your own {name}, which is not in the environment",
            hint=did_you_mean(name, given)
            or f"`export {name}` first, or give --env {name}=VALUE, or --env {name}= for an empty one",
        )
    return {name: value if sign else given[name]}


def check_name(name: str, where: Location) -> None:
    """Refuse a name that no variable can have.

    Raises:
        InvalidInput: it has other characters.
    """
    try:
        _check(name, "")
    except _Wrong as wrong:
        raise InvalidInput(wrong.args[0], where=where, hint=wrong.args[1]) from None


def _variable(entry: _Entry, caller: Mapping[str, str] | None) -> dict[str, str]:
    given = os.environ.get if caller is None else caller.get
    value = given(entry.name) if entry.value is None else entry.value
    return {} if value is None else {entry.name: value}


def _read_entry(text: str, position: int) -> _Entry:
    found = _ENTRY.match(text, position)
    if not found:  # pragma: no cover - the pattern matches whatever stands there
        raise _Wrong("not a variable", "write NAME=value")
    name, start = found["name"], found.end()
    if not found["sign"]:
        _check(name, "")
        return _Entry(name, None, start)
    quoted = _QUOTED.get(text[start : start + 1])
    if quoted:
        value, end = _quoted(text, start, name, quoted)
    else:
        end = _line_end(text, start)
        value = _COMMENT.sub("", text[start:end]).strip()
    _check(name, value)
    return _Entry(name, value, end)


def _quoted(text: str, start: int, name: str, pattern: re.Pattern[str]) -> tuple[str, int]:
    found = pattern.match(text, start)
    if not found:
        raise _Wrong(f"the quote of {name} is not closed", "close it, or write the value without")
    end = _line_end(text, found.end())
    if _COMMENT.sub("", text[found.end() : end]).strip():
        raise _Wrong(
            f"text stands after the closing quote of {name}",
            "put all of the value into the quotes, or a space and a # before a comment",
        )
    value = found[1]
    if text[start] == '"':
        value = _ESCAPE.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), value)
    return value, end


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _check(name: str, value: str) -> None:
    if not name:
        raise _Wrong("a variable has no name", "write NAME=value")
    if not _NAME.match(name):
        shown = name if len(name) < 40 and not re.search(r"\s\S{12}", name) else f"{name[:8]}…"
        raise _Wrong(
            f"{shown!r} is not a variable's name",
            "a name has letters, digits and _ alone: NAME=value",
        )
    if "\0" in value:
        raise _Wrong(f"the value of {name} has a NUL character", "no variable can hold one")
