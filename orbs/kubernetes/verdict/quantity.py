"""Kubernetes quantities: ``200m``, ``1Gi``, ``3``."""

from __future__ import annotations

import re

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)([numkMGTPE]|[KMGTPE]i)?")
_UNITS = {"": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3} | {
    unit: 1000.0 ** (power + 2) for power, unit in enumerate("MGTPE")
}
_UNITS |= {f"{unit}i": 1024.0 ** (power + 1) for power, unit in enumerate("KMGTPE")}


def parse_quantity(written: str) -> float | None:
    """Return the amount, or None where it is not a quantity."""
    match = _QUANTITY.fullmatch(written.strip())
    return float(match[1]) * _UNITS[match[2] or ""] if match else None


def exceeds(asked: str, hard: str) -> bool:
    """Return whether one of ``name=amount,…`` alone is above the limit of that name."""
    limits = dict(_pairs(hard))
    for name, written in _pairs(asked):
        amount, limit = parse_quantity(written), parse_quantity(limits.get(name, ""))
        if amount is not None and limit is not None and amount > limit:
            return True
    return False


def _pairs(written: str) -> list[tuple[str, str]]:
    found = (part.partition("=") for part in written.split(","))
    return [(name.strip(), amount) for name, _, amount in found]
