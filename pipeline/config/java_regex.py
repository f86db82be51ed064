r"""Java's regular expressions, which CircleCI matches against the whole of a name.

The ``regex`` library reads nearly all of Java's syntax (possessive and atomic groups, ``\p{…}``)
and, unlike ``re``, gives up after a time limit, so that no pattern can hang the compiler. Differences
that are made good here:

====================  ============================================
Java                  here
====================  ============================================
``\Q…\E``            escaped text
``\z``                ``\Z``
``\Z``                ``(?=\n?\Z)``
``\h``                horizontal white space, written out
``(?<name>…)``        the same
====================  ============================================
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

__all__ = ["BadRegex", "check_regex", "full_match"]

_TIME_LIMIT_S = 0.5
_LONGEST = 2_000
_LARGEST_REPEAT = 1_000
_SIMPLE = re.compile(r"[\w/@-]*\Z")


class BadRegex(Exception):
    """A pattern is not a regular expression, or takes too long."""


def full_match(pattern: str, text: str, limit_s: float = _TIME_LIMIT_S) -> bool:
    """Return whether the whole of a text matches.

    Args:
        pattern: in Java's syntax.
        text: what is to match.
        limit_s: seconds after which to give up, at most 0.5.

    Raises:
        BadRegex: the pattern cannot be read, or did not come to an end in time.
    """
    if _SIMPLE.match(pattern):
        return pattern == text
    limit_s = min(limit_s, _TIME_LIMIT_S)
    try:
        return _compiled(pattern).fullmatch(text, timeout=limit_s) is not None
    except TimeoutError:
        raise BadRegex(
            f"the regular expression /{_short(pattern)}/ takes too long to match"
        ) from None


def check_regex(pattern: str) -> None:
    """Raise BadRegex where a pattern cannot be read."""
    if _SIMPLE.match(pattern):
        return
    _refuse_hostile(pattern)
    try:
        re.compile(pattern)  # Nearly always enough, and spares loading the larger library.
    except (re.error, RecursionError, OverflowError):
        _compiled(pattern)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:
    import regex

    _refuse_hostile(pattern)
    try:
        return regex.compile(_translated(pattern), regex.VERSION1)
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise BadRegex(
            f"the regular expression /{_short(pattern)}/ cannot be read: {error}"
        ) from None


def _refuse_hostile(pattern: str) -> None:
    if len(pattern) > _LONGEST:
        raise BadRegex(
            f"a regular expression of {len(pattern)} characters; the limit is {_LONGEST}"
        )
    if _repeats(pattern) > _LARGEST_REPEAT:
        raise BadRegex(
            f"the regular expression /{_short(pattern)}/ repeats more than {_LARGEST_REPEAT} times"
        )


def _repeats(pattern: str) -> int:
    """Return the product of all counted repeats: an upper bound of what nesting can make of them."""
    product = 1
    for low, high in re.findall(r"\{(\d{1,9})(?:,(\d{0,9}))?\}", pattern):
        product *= max(int(high or low or 1), 1)
    return product


def _translated(pattern: str) -> str:
    pattern = re.sub(
        r"\\Q(.*?)(?:\\E|\Z)", lambda found: re.escape(found[1]), pattern, flags=re.DOTALL
    )
    return re.sub(
        r"\\(?:\\|[zZh])",
        lambda found: {
            "\\z": r"\Z",
            "\\Z": r"(?=\n?\Z)",
            "\\h": r"[ \t\xA0\u2000-\u200a\u3000]",
        }.get(found[0], found[0]),
        pattern,
    )


def _short(pattern: str) -> str:
    return pattern if len(pattern) <= 60 else pattern[:59] + "…"
