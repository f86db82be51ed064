"""What differs between an object as it is and as it would be, said as a person reads it."""

from __future__ import annotations

import copy
import difflib
import itertools
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
_NOTHING: Any = object()


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


def masked_value(value: dict[str, Any], *, sensitive: bool = False) -> dict[str, Any]:
    """Return a Secret, or anything from an encrypted file, with its values hidden; else as it is."""
    return masked_pair(None, value, sensitive=sensitive)[1] or {}


def masked_pair(
    before: dict[str, Any] | None, after: dict[str, Any] | None, *, sensitive: bool = False
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return both with the values of Secrets replaced by words that only tell whether they differ.

    Args:
        before: the object as it is, or None.
        after: the object as it would be, or None.
        sensitive: hide the values of any kind, as it comes from an encrypted file.
    """
    if sensitive:
        parts = {*(before or {}), *(after or {})} - {"apiVersion", "kind", "metadata", "type"}
    elif "Secret" in ((before or {}).get("kind"), (after or {}).get("kind")):
        parts = set(_SECRET_PARTS)
    else:
        return before, after
    shown_before, shown_after = copy.copy(before), copy.copy(after)
    for part in parts:
        old, new = (before or {}).get(part, _NOTHING), (after or {}).get(part, _NOTHING)
        hidden_old, hidden_new = _hidden(old, new)
        if shown_before is not None and old is not _NOTHING:
            shown_before[part] = hidden_old
        if shown_after is not None and new is not _NOTHING:
            shown_after[part] = hidden_new
    return shown_before, shown_after


def _hidden(old: Any, new: Any) -> tuple[Any, Any]:
    """Hide the values in two structures; keys and the lengths of lists stay."""
    if isinstance(old, dict) or isinstance(new, dict):
        olds, news = _as_dict(old), _as_dict(new)
        pairs = {
            key: _hidden(olds.get(key, _NOTHING), news.get(key, _NOTHING))
            for key in {**olds, **news}
        }
        return {key: pairs[key][0] for key in olds}, {key: pairs[key][1] for key in news}
    if isinstance(old, list) or isinstance(new, list):
        rows = list(itertools.zip_longest(_as_list(old), _as_list(new), fillvalue=_NOTHING))
        hidden = [_hidden(*row) for row in rows]
        return (
            [pair[0] for pair, row in zip(hidden, rows, strict=True) if row[0] is not _NOTHING],
            [pair[1] for pair, row in zip(hidden, rows, strict=True) if row[1] is not _NOTHING],
        )
    if old is _NOTHING or new is _NOTHING or old == new:
        return HIDDEN, HIDDEN
    return f"{HIDDEN[:-1]}: before)", f"{HIDDEN[:-1]}: changed)"


def _as_dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def diff_lines(
    before: dict[str, Any] | None, after: dict[str, Any] | None, *, sensitive: bool = False
) -> list[str]:
    """Return the lines of a unified diff of two objects as YAML, without its file headings."""
    old, new = masked_pair(
        comparable(before) if before is not None else None,
        comparable(after) if after is not None else None,
        sensitive=sensitive,
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
