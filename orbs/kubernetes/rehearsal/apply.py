"""Server-side apply: who owns which field, what a new configuration changes, what it gives up."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orbs.kubernetes.rehearsal.errors import ApiError, Json
from orbs.kubernetes.rehearsal.fieldpaths import (
    MISSING,
    Path,
    field_set,
    from_fields_v1,
    is_atomic,
    is_set,
    item_step,
    list_keys,
    lookup,
    remove,
    show,
    to_fields_v1,
)

__all__ = ["apply_configuration", "record_update"]

_UNOWNED: tuple[Path, ...] = (
    ("f:apiVersion",),
    ("f:kind",),
    *(
        ("f:metadata", f"f:{name}")
        for name in (
            "creationTimestamp",
            "deletionGracePeriodSeconds",
            "deletionTimestamp",
            "generation",
            "managedFields",
            "name",
            "namespace",
            "resourceVersion",
            "selfLink",
            "uid",
        )
    ),
)
_STATUS: Path = ("f:status",)


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one manager owns through one kind of operation."""

    manager: str
    operation: str
    api_version: str
    time: str
    paths: frozenset[Path]


def apply_configuration(
    live: Json | None,
    applied: Json,
    *,
    manager: str,
    force: bool,
    time: str,
    has_status: bool,
) -> Json:
    """Return what ``live`` becomes when ``manager`` applies ``applied``.

    Fields the manager applied before and now leaves out go away, unless others own them too.

    Raises:
        ApiError: another manager owns a field that would change, and ``force`` is off (409).
    """
    entries = _read(live or {})
    skipped = (*_UNOWNED, _STATUS) if has_status else _UNOWNED
    wanted = field_set(applied, skipped)
    others = [entry for entry in entries if (entry.manager, entry.operation) != (manager, "Apply")]
    mine = [entry for entry in entries if (entry.manager, entry.operation) == (manager, "Apply")]
    if live is not None:
        others = _settle(others, _disputed(live, applied, wanted), force)
    merged: Json = merge_applied(copy.deepcopy(live) or {}, applied)
    owned = {path for entry in others for path in entry.paths}
    before = {path for entry in mine for path in entry.paths}
    for path in sorted(before - wanted - owned, key=len):
        # A list's item goes before its fields: they include the keys by which it is found.
        is_needed = any(other[: len(path)] == path for other in wanted | owned)
        if not is_needed and not _is_key(path) and lookup(merged, path) is not MISSING:
            remove(merged, path)
    same = bool(mine) and mine[0].paths == wanted
    when = mine[0].time if same and _without_fields(merged) == _without_fields(live) else time
    entry = _Entry(manager, "Apply", applied["apiVersion"], when, frozenset(wanted))
    _write(merged, [entry, *others])
    return merged


def record_update(
    old: Json | None, new: Json, *, manager: str, time: str, has_status: bool
) -> Json:
    """Return ``new`` with the fields that differ from ``old`` owned by ``manager``'s updates."""
    skipped = (*_UNOWNED, _STATUS) if has_status else _UNOWNED
    said = field_set(new, skipped)
    before = field_set(old, skipped) if old else set()
    changed = {path for path in said | before if _differs(old, new, path)}
    result = copy.deepcopy(new)
    result.setdefault("metadata", {}).pop("managedFields", None)
    entries = _read(old or {})
    if not changed:
        _write(result, entries)
        return result
    name = (manager, "Update")
    mine = [entry for entry in entries if (entry.manager, entry.operation) == name]
    kept = [entry for entry in entries if (entry.manager, entry.operation) != name]
    paths = {path for entry in mine for path in entry.paths if path in said} | (changed & said)
    kept = [replace(entry, paths=entry.paths - changed) for entry in kept]
    entry = _Entry(manager, "Update", str(new.get("apiVersion", "")), time, frozenset(paths))
    _write(result, [*kept, entry])
    return result


def merge_applied(live: Any, applied: Any, path: Path = ()) -> Any:
    """Lay an applied value over a live one: maps and keyed lists merge, all else is replaced."""
    if isinstance(applied, dict) and isinstance(live, dict) and not is_atomic(path, applied):
        for name, value in applied.items():
            inner = (*path, f"f:{name}")
            live[name] = merge_applied(live[name], value, inner) if name in live else _copy(value)
        return live
    if isinstance(applied, dict) and isinstance(live, dict) and not applied:
        return live
    if isinstance(applied, list) and isinstance(live, list) and not is_atomic(path, applied):
        return _merge_items(live, applied, path)
    return _copy(applied)


def _merge_items(live: list[Any], applied: list[Any], path: Path) -> list[Any]:
    """Applied items in their order, live-only ones where they stood among their neighbours."""
    if is_set(path):
        return [*live, *(item for item in applied if item not in live)]
    rest = {item_step(path, item): item for item in live}
    merged: list[Any] = []
    for item in applied:
        step = item_step(path, item)
        old = rest.pop(step, None)
        merged.append(_copy(item) if old is None else merge_applied(old, item, (*path, step)))
    for place, item in enumerate(live):
        if item_step(path, item) in rest:
            merged.insert(min(place, len(merged)), item)
    return merged


def _is_key(path: Path) -> bool:
    """Say whether a path leads to a key of a list's item, which it has as long as it is there."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1][2:] in list_keys(path[:-2])


def _copy(value: Any) -> Any:
    return copy.deepcopy(value)


def _differs(old: Json | None, new: Json, path: Path) -> bool:
    if old is None or not path[-1].startswith("f:"):
        return lookup(old or {}, path) is MISSING or lookup(new, path) is MISSING
    return bool(lookup(old, path) != lookup(new, path))


def _disputed(live: Json, applied: Json, wanted: Iterable[Path]) -> set[Path]:
    """The fields whose value would change; an item's mere presence is nobody's dispute."""
    return {
        path
        for path in wanted
        if path[-1].startswith("f:") and lookup(live, path) != lookup(applied, path)
    }


def _settle(others: list[_Entry], disputed: set[Path], force: bool) -> list[_Entry]:
    if force:
        return [replace(entry, paths=entry.paths - disputed) for entry in others]
    conflicts: dict[str, list[Path]] = defaultdict(list)
    for entry in others:
        if paths := sorted(disputed & entry.paths):
            using = f" using {entry.api_version}" if entry.operation == "Update" else ""
            conflicts[f'"{entry.manager}"{using}'] += paths
    if conflicts:
        raise _apply_conflict(conflicts)
    return others


def _apply_conflict(conflicts: Mapping[str, list[Path]]) -> ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": show(path)}
        for who, paths in conflicts.items()
        for path in paths
    ]
    parts = [
        f"conflict with {who}: {show(paths[0])}"
        if len(paths) == 1
        else f"conflicts with {who}:" + "".join(f"\n- {show(path)}" for path in paths)
        for who, paths in conflicts.items()
    ]
    count = f"{len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    message = f"Apply failed with {count}: " + "\n".join(parts)
    return ApiError(409, "Conflict", message, {"causes": causes})


def _read(obj: Mapping[str, Any]) -> list[_Entry]:
    rows = obj.get("metadata", {}).get("managedFields") or ()
    return [
        _Entry(
            row["manager"],
            row["operation"],
            row.get("apiVersion", ""),
            row.get("time", ""),
            frozenset(from_fields_v1(row.get("fieldsV1") or {})),
        )
        for row in rows
    ]


def _write(obj: Json, entries: Iterable[_Entry]) -> None:
    obj.setdefault("metadata", {})["managedFields"] = [
        {
            "manager": entry.manager,
            "operation": entry.operation,
            "apiVersion": entry.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(entry.paths),
        }
        for entry in entries
        if entry.paths
    ]


def _without_fields(obj: Json | None) -> Json:
    if obj is None:
        return {}
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return obj | {"metadata": meta}
