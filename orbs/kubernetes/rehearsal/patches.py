"""The older kinds of patch: JSON patch, JSON merge patch, strategic merge patch."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from orbs.kubernetes.rehearsal.errors import ApiError, Json, bad_request
from orbs.kubernetes.rehearsal.fieldpaths import Path, is_set, list_keys

__all__ = ["json_patch", "merge_patch", "strategic_patch"]


def merge_patch(target: Any, patch: Any) -> Any:
    """Return ``target`` after a merge patch (RFC 7386): null removes, lists are replaced."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result: Json = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def strategic_patch(target: Any, patch: Any, path: Path = ()) -> Any:
    """Return ``target`` after a strategic merge patch: as a merge patch, but keyed lists merge."""
    if isinstance(patch, list) and isinstance(target, list) and (list_keys(path) or is_set(path)):
        return _strategic_list(target, patch, path)
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {name: value for name, value in patch.items() if name != "$patch"}
    result: Json = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            field = name.partition("/")[2]
            result[field] = [item for item in result.get(field) or () if item not in value]
        elif name.startswith("$"):
            continue
        elif value is None:
            result.pop(name, None)
        else:
            result[name] = strategic_patch(result.get(name), value, (*path, f"f:{name}"))
    return result


def _strategic_list(target: list[Any], patch: list[Any], path: Path) -> list[Any]:
    if is_set(path):
        return [*target, *(item for item in patch if item not in target)]
    # A patch is matched by the first key alone: kubectl leaves a port's protocol out.
    key = list_keys(path)[0]
    result = [copy.deepcopy(item) for item in target]
    added = 0
    for item in patch:
        if item == {"$patch": "replace"}:
            result = []
            continue
        place = next((i for i, old in enumerate(result) if old.get(key) == item.get(key)), None)
        if item.get("$patch") == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            # As the real server does: what a patch brings along stands before what was there.
            result.insert(added, strategic_patch({}, item, path))
            added += 1
        else:
            result[place] = strategic_patch(result[place], item, (*path, "k:"))
    return result


def json_patch(target: Json, operations: Sequence[Json]) -> Json:
    """Return ``target`` after a JSON patch (RFC 6902).

    Raises:
        ApiError: an operation's path is not there or its test fails (422).
    """
    document: Any = copy.deepcopy(target)
    for operation in operations:
        try:
            document = _operate(document, operation)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            what = f"{operation.get('op')} operation does not apply: doc is missing path"
            message = f'{what}: "{operation.get("path")}": missing value'
            raise ApiError(422, "Invalid", message, {}) from error
    return dict(document)


def _operate(document: Any, operation: Json) -> Any:
    op, steps = operation["op"], _pointer(operation["path"])
    if op in ("copy", "move"):
        source = _pointer(operation["from"])
        value = copy.deepcopy(_at(document, source))
        if op == "move":
            _drop(document, source)
        return _put(document, steps, value, insert=True)
    match op:
        case "add":
            return _put(document, steps, operation["value"], insert=True)
        case "replace":
            _at(document, steps)
            return _put(document, steps, operation["value"], insert=False)
        case "remove":
            _drop(document, steps)
        case "test":
            if _at(document, steps) != operation["value"]:
                message = f"testing value {operation['path']} failed"
                raise ApiError(422, "Invalid", message, {})
        case _:
            raise bad_request(f"Unexpected kind: {op}")
    return document


def _pointer(text: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]


def _at(document: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def _drop(document: Any, steps: Sequence[str]) -> None:
    holder = _at(document, steps[:-1])
    del holder[int(steps[-1]) if isinstance(holder, list) else steps[-1]]


def _put(document: Any, steps: Sequence[str], value: Any, *, insert: bool) -> Any:
    if not steps:
        return value
    holder, last = _at(document, steps[:-1]), steps[-1]
    if not isinstance(holder, list):
        holder[last] = value
    elif insert:
        holder.insert(len(holder) if last == "-" else int(last), value)
    else:
        holder[int(last)] = value
    return document
