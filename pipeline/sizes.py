"""Sizes in bytes, as people write and read them."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["format_size", "parse_size"]

_UNITS = ("B", "kB", "MB", "GB", "TB")
_FACTORS = {
    "": 1,
    "b": 1,
    **{unit.lower(): 1000**power for power, unit in enumerate(_UNITS) if power},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgt", 1)},
}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-zA-Z]*)")


def parse_size(value: Any) -> int:
    """Return bytes for ``20GB``, ``1.5 GiB``, ``500MB`` or ``1000``.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or found[2].lower() not in _FACTORS:
        raise ValueError(f"expected a size such as 20GB, 500MB or 1.5GiB, found {value!r}")
    return int(float(found[1]) * _FACTORS[found[2].lower()])


def format_size(size_bytes: int) -> str:
    """Return bytes in the unit that suits them.

    >>> format_size(1_530_000_000)
    '1.5 GB'
    """
    size, unit = float(size_bytes), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    digits = 1 if unit and size < 9.95 else 0
    text = f"{size:.{digits}f}"
    return f"{text.removesuffix('.0')} {_UNITS[unit]}"
