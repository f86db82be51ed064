"""What an unquoted YAML value means to CircleCI, whose parser is SnakeYAML: YAML 1.1, with its own twists.

The patterns are those of SnakeYAML's resolver. Deviations from what other readers do:

==============  ======================  ==========  =====================
written         here, as SnakeYAML      PyYAML      kubectl (go-yaml)
==============  ======================  ==========  =====================
``y`` / ``n``   text                    text        true / false
``1e3``         number 1000.0           text        number 1000
``1:30``        number 90               number 90   text
``012``         number 10               number 10   number 10
``0o12``        text                    text        number 10
``2019-01-01``  text as written         date        text
==============  ======================  ==========  =====================

A date is kept as the text that was written, since that is what reaches a job's environment.
"""

from __future__ import annotations

import re
from typing import Any

from pipeline.config.nodes import Timestamp

__all__ = ["is_plain_text", "plain_value"]

_BOOLEANS = {
    form: value
    for value, words in ((True, "yes true on"), (False, "no false off"))
    for word in words.split()
    for form in (word, word.capitalize(), word.upper())
}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_FIRST = frozenset("0123456789+-.~yYnNtTfFoO")
"""What a plain value that is not text begins with; most texts are told by this alone."""

_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*(?::[0-5]?[0-9])*)\Z")
_FLOAT = re.compile(
    r"(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
    r"|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*"
    r"|[-+]?\.(?:inf|Inf|INF)"
    r"|\.(?:nan|NaN|NAN))\Z"
)
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?"
    r"(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?\Z"
)
_LONGEST_NUMBER = 400
"""Digits beyond which a number is taken as text: no number of a configuration is that long."""


def plain_value(text: str) -> Any:
    """Return what an unquoted scalar means: str, int, float, bool, None or :class:`Timestamp`."""
    if not text:
        return None
    if text[0] not in _FIRST:
        return text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text in _NULLS:
        return None
    if len(text) > _LONGEST_NUMBER:
        return text
    if _INTEGER.match(text):
        return _integer(text)
    if _FLOAT.match(text):
        return _float(text)
    return Timestamp(text) if _TIMESTAMP.match(text) else text


def is_plain_text(text: str) -> bool:
    """Return whether a text stays that text when it is written without quotes."""
    return text not in {"=", "<<"} and plain_value(text) is text


def _integer(text: str) -> int | str:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-").replace("_", "")
    if ":" in digits:
        return sign * int(_sexagesimal(digits))
    try:
        if digits[:2] in ("0b", "0x"):
            return sign * int(digits, 0)
        return sign * int(digits, 8 if digits[0] == "0" else 10)
    except (ValueError, IndexError):  # nothing but underscores after the prefix
        return text


def _float(text: str) -> float | str:
    number = text.replace("_", "")
    special = number.lower().lstrip("+-")
    if special == ".nan":
        return float("nan")
    if special == ".inf":
        return float("-inf" if number[0] == "-" else "inf")
    if ":" in number:
        sign = -1 if number[0] == "-" else 1
        return sign * _sexagesimal(number.lstrip("+-"))
    try:
        return float(number)
    except ValueError:
        return text


def _sexagesimal(digits: str) -> float:
    value: float = 0
    for part in digits.split(":"):
        value = value * 60 + (float(part) if "." in part else int(part))
    return value
