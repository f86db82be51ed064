"""Durations as Go writes them, as CircleCI's keys and messages have them: ``1h30m``, ``10m0s``."""

from __future__ import annotations

import re
from fractions import Fraction

from pipeline.errors import InvalidInput, Location

__all__ = ["format_go_duration", "parse_duration"]

_UNITS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),  # the micro sign
    "μs": Fraction(1, 10**6),  # the Greek letter
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_LONGEST = 64
"""Characters beyond which a text is no duration."""


def parse_duration(value: object, *, key: str = "duration", where: Location | None = None) -> float:
    """Return the seconds of ``20m``, ``1.25h``, ``5s`` or ``1h30m`` (Go's ``time.ParseDuration``).

    Args:
        value: what is written; a number without a unit is an error, but for zero.
        key: the key it is written at, for the message.
        where: the place it is written at.

    Raises:
        InvalidInput: it is not a duration, or a negative one.
    """
    text = value.strip() if isinstance(value, str) else str(value)
    if text == "0" and not isinstance(value, bool):
        return 0.0
    seconds = Fraction(0)
    position = 0
    while position < len(text) <= _LONGEST and (part := _PART.match(text, position)):
        seconds += Fraction(part[1].rstrip(".")) * _UNITS[part[2]]
        position = part.end()
    if not text or position != len(text):
        raise InvalidInput(
            f"{key}: {text[:_LONGEST]!r} is not a duration", hint=_hint(text), where=where
        )
    return float(seconds)


def _hint(text: str) -> str:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return f"add the unit: {text}s, {text}m or {text}h"
    if text.startswith("-"):
        return "a duration is not negative"
    return 'write a number and its unit: "30s", "20m", "1.25h" or "1h30m"'


def format_go_duration(seconds: float) -> str:
    """Return seconds as Go prints a ``time.Duration``: ``10m0s``, ``1h15m0s``, ``1.5s``, ``250ms``."""
    sign = "-" if seconds < 0 else ""
    nanoseconds = round(abs(Fraction(seconds)) * 10**9)
    if nanoseconds == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 10**3), ("ms", 10**6)):
        if nanoseconds < size * 1000:
            return f"{sign}{_decimal(nanoseconds, size)}{unit}"
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    text = f"{_decimal(rest, 10**9)}s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
    return sign + text


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    digits = str(rest).rjust(len(str(size)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
