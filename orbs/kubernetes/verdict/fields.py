"""Reading objects that may lack any field, or have an odd value in it."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
Step = str | int

_EMPTY: Json = {}
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z")


def dig(value: Any, *path: Step) -> Any:
    """Return what stands under ``path``, or None."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(value, Sequence) or isinstance(value, str) or step >= len(value):
                return None
            value = value[step]
        elif isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def mapping(value: Any, *path: Step) -> Json:
    """Return the mapping under ``path``; an empty one where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, Mapping) else _EMPTY


def items(value: Any, *path: Step) -> list[Json]:
    """Return the mappings of the list under ``path``."""
    found = dig(value, *path)
    if not isinstance(found, Sequence) or isinstance(found, str):
        return []
    return [item for item in found if isinstance(item, Mapping)]


def words(value: Any, *path: Step) -> list[str]:
    """Return the strings of the list under ``path``."""
    found = dig(value, *path)
    if not isinstance(found, Sequence) or isinstance(found, str):
        return []
    return [item for item in found if isinstance(item, str)]


def text(value: Any, *path: Step) -> str:
    """Return the string under ``path``; an empty one where there is none."""
    found = dig(value, *path)
    return found if isinstance(found, str) else ""


def number(value: Any, *path: Step, default: int = 0) -> int:
    """Return the whole number under ``path``."""
    found = dig(value, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else default


def is_true(value: Any, *path: Step) -> bool:
    """Return whether ``true`` stands under ``path``."""
    return dig(value, *path) is True


def uid_of(obj: Any) -> str:
    """Return ``metadata.uid``."""
    return text(obj, "metadata", "uid")


def name_of(obj: Any) -> str:
    """Return ``metadata.name``."""
    return text(obj, "metadata", "name")


def owned_by(obj: Any, uid: str) -> bool:
    """Return whether ``uid`` is an owner of the object."""
    owners = items(obj, "metadata", "ownerReferences")
    return bool(uid) and any(text(owner, "uid") == uid for owner in owners)


def condition(obj: Any, kind: str) -> Json:
    """Return the status condition of this type; an empty mapping where there is none."""
    for found in items(obj, "status", "conditions"):
        if text(found, "type") == kind:
            return found
    return _EMPTY


def holds(obj: Any, kind: str) -> bool:
    """Return whether the status condition of this type is ``"True"``."""
    return text(condition(obj, kind), "status") == "True"


def seconds_of(stamp: str) -> float | None:
    """Return an RFC 3339 time stamp in UTC as seconds since 1970, or None where it is none."""
    match = _TIME.fullmatch(stamp)
    if not match:
        return None
    try:
        whole = calendar.timegm(time.strptime(match[1], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None
    return whole + float(match[2] or 0)


def count(amount: int, noun: str) -> str:
    """Return ``1 Pod`` or ``3 Pods``."""
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"
