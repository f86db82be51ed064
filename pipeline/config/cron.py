"""Schedules: the POSIX crontab form, without what CircleCI leaves out.

Source: CircleCI's "schedule requirements and syntax": five fields, no steps (``*/5``), no ranges
inside of lists, no names.
"""

from __future__ import annotations

import re

__all__ = ["cron_problem"]

_FIELDS = (
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
    ("day of the week", 0, 7),
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


def cron_problem(text: str) -> str | None:
    """Return what is wrong with a schedule, or None.

    >>> cron_problem("*/5 * * * *")
    "minute: steps such as */5 are not supported; list the values, as 0,5,10"
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        return f"a schedule has five fields, found {len(parts)}"
    for part, (name, low, high) in zip(parts, _FIELDS, strict=True):
        if problem := _field_problem(part.lower(), low, high):
            return f"{name}: {problem}"
    return None


def _field_problem(part: str, low: int, high: int) -> str | None:
    if part == "*":
        return None
    if "/" in part:
        return f"steps such as {part} are not supported; list the values, as 0,5,10"
    items = part.split(",")
    if len(items) > 1 and any("-" in item for item in items):
        return f"a range inside of a list, as in {part}, is not supported"
    if high == 7 and re.fullmatch(r"[a-z]+-[a-z]+", part):
        return f"a range of days, as {part}, is not supported; list them, as 1,2,3,4,5"
    for item in items:
        ends = [_number(end, high) for end in item.split("-")]
        if len(ends) > 2 or None in ends:
            return f"{item} is not a number from {low} to {high}"
        numbers = [end for end in ends if end is not None]
        if any(not low <= number <= high for number in numbers):
            return f"{item} is not within {low} to {high}"
        if numbers != sorted(numbers):
            return f"the range {item} runs backwards"
    return None


def _number(text: str, high: int) -> int | None:
    if re.fullmatch(r"\d{1,2}", text):
        return int(text)
    if high == 12 and text in _MONTHS:
        return _MONTHS.index(text) + 1
    if high == 7 and text in _DAYS:
        return _DAYS.index(text)
    return None
