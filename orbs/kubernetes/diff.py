"""What differs between an object as it is and as it would be, said as a person reads it."""

from __future__ import annotations

import copy
import difflib
from typing import Any

from orbs.kubernetes.names import WRITTEN_ANNOTATIONS
from pipeline.yamlfile import dump_yaml

__all__ = ["comparable", "diff_lines", "masked_pair", "masked_value"]

HIDDEN = "(hidden)"
"""What stands for a value of a Secret that is shown alone."""

_SERVER_FIELDS = (
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
_NOISE_ANNOTATIONS = frozenset(
    {
        *WRITTEN_ANNOTATIONS,
        "deployment.kubernetes.io/revision",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)
_SECRET_PARTS = ("data", "stringData")


def comparable(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what the server writes, and without what differs in every run."""
    shown = copy.deepcopy(value)
    shown.pop("status", None)
    metadata = shown.get("metadata") or {}
    for field in _SERVER_FIELDS:
        metadata.pop(field, None)
    annotations = metadata.get("annotations") or {}
    for name in _NOISE_ANNOTATIONS & set(annotations):
        del annotations[name]
    if not annotations:
        metadata.pop("annotations", None)
    return shown


def masked_value(value: dict[str, Any]) -> dict[str, Any]:
    """Return a Secret with its values hidden; any other object as it is."""
    return masked_pair(None, value)[1] or {}


def masked_pair(
    before: dict[str, Any] | None, after: dict[str, Any] | None
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return both with the values of Secrets replaced by words that only tell whether they differ."""
    if "Secret" not in ((before or {}).get("kind"), (after or {}).get("kind")):
        return before, after
    hidden_before, hidden_after = copy.deepcopy(before), copy.deepcopy(after)
    for part in _SECRET_PARTS:
        old = (before or {}).get(part) or {}
        new = (after or {}).get(part) or {}
        for name in {*old, *new}:
            same = name in old and name in new and old[name] == new[name]
            if hidden_before and name in old:
                hidden_before[part][name] = HIDDEN if same or not new else f"{HIDDEN[:-1]}: before)"
            if hidden_after and name in new:
                hidden_after[part][name] = HIDDEN if same or not old else f"{HIDDEN[:-1]}: changed)"
    return hidden_before, hidden_after


def diff_lines(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[str]:
    """Return the lines of a unified diff of two objects as YAML, without its file headings."""
    old, new = masked_pair(
        comparable(before) if before is not None else None,
        comparable(after) if after is not None else None,
    )
    lines = difflib.unified_diff(_lines(old), _lines(new), lineterm="", n=3)
    return [line for line in lines if not line.startswith(("---", "+++"))]


def _lines(value: dict[str, Any] | None) -> list[str]:
    return dump_yaml(_sorted(value)).splitlines() if value is not None else []


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value
