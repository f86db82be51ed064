"""Paths into objects as server-side apply counts them: fields, list items by key, set members.

A path is a tuple of steps in the notation of ``managedFields``: ``f:spec``, ``k:{"name":"app"}``,
``v:"finalizer"``. Which lists are merged by key, which are sets and what is replaced as a whole
follows the ``x-kubernetes-list-type`` and ``x-kubernetes-map-type`` marks of Kubernetes' own types.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["MISSING", "Path", "field_set", "from_fields_v1", "list_keys", "lookup"]
__all__ += ["is_atomic", "item_step", "remove", "show", "to_fields_v1"]

Path = tuple[str, ...]

MISSING: Final = object()
"""What :func:`lookup` answers for a path that leads nowhere."""

_KEYS: Mapping[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "secrets": ("name",),
    "hostAliases": ("ip",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "readinessGates": (),
}
_CONTAINERS = frozenset({"f:containers", "f:initContainers", "f:ephemeralContainers"})
_ATOMIC_MAPS = frozenset({"selector", "nodeSelector", "labelSelector", "namespaceSelector"})
_SETS = frozenset({"finalizers"})
_KEY_DEFAULTS: Mapping[str, str] = {"protocol": "TCP"}


def list_keys(path: Path) -> tuple[str, ...]:
    """Return the keys that tell a list's items apart; none for lists replaced as a whole."""
    name = path[-1].removeprefix("f:") if path else ""
    if name == "ports":
        if path == ("f:spec", "f:ports"):
            return ("port", "protocol")
        return ("containerPort", "protocol") if len(path) > 2 and path[-3] in _CONTAINERS else ()
    return _KEYS.get(name, ())


def is_atomic(path: Path, value: Any) -> bool:
    """Say whether the value at a path is one thing, with no owners of parts of it."""
    name = path[-1].removeprefix("f:") if path else ""
    if isinstance(value, dict):
        return not value or name in _ATOMIC_MAPS
    if isinstance(value, list):
        if not value or name in _SETS:
            return not value
        keys = list_keys(path)
        return not keys or not all(isinstance(item, dict) for item in value)
    return True


def is_set(path: Path) -> bool:
    """Say whether the list at a path is a set of plain values."""
    return bool(path) and path[-1].removeprefix("f:") in _SETS


def item_step(path: Path, item: Any) -> str:
    """Return the step that leads from a list to one of its items."""
    if is_set(path):
        return f"v:{json.dumps(item)}"
    keys = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in list_keys(path)}
    return "k:" + json.dumps(keys, separators=(",", ":"), sort_keys=True)


def field_set(obj: Mapping[str, Any], without: Iterable[Path] = ()) -> set[Path]:
    """Return the paths of everything that an object says, except below the paths ``without``."""
    skipped = set(without)
    found: set[Path] = set()

    def walk(value: Any, path: Path) -> None:
        if path in skipped:
            return
        if path and is_atomic(path, value):
            found.add(path)
        elif isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, (*path, f"f:{name}"))
        else:
            for item in value:
                here = (*path, item_step(path, item))
                found.add(here)
                if isinstance(item, dict):
                    for name, inner in item.items():
                        walk(inner, (*here, f"f:{name}"))

    walk(obj, ())
    return found


def lookup(obj: Any, path: Path) -> Any:
    """Return what stands at a path, or :data:`MISSING`."""
    value = obj
    for depth, step in enumerate(path):
        if step.startswith("f:"):
            if not isinstance(value, dict) or step[2:] not in value:
                return MISSING
            value = value[step[2:]]
            continue
        here = path[:depth]
        items = value if isinstance(value, list) else ()
        value = next((item for item in items if _is_item(here, item, step)), MISSING)
        if value is MISSING:
            return MISSING
    return value


def _is_item(path: Path, item: Any, step: str) -> bool:
    return (isinstance(item, dict) or is_set(path)) and item_step(path, item) == step


def remove(obj: Json, path: Path) -> None:
    """Take away what stands at a path, and the maps that this leaves empty."""
    holder = lookup(obj, path[:-1])
    step = path[-1]
    if isinstance(holder, dict):
        holder.pop(step[2:], None)
    elif isinstance(holder, list):
        holder[:] = [item for item in holder if not _is_item(path[:-1], item, step)]
    if holder is not MISSING and not holder and len(path) > 1 and path[-2].startswith("f:"):
        remove(obj, path[:-1])


def to_fields_v1(paths: Iterable[Path]) -> Json:
    """Write paths as ``fieldsV1``."""
    every = set(paths)
    tree: Json = {}
    for path in sorted(every):
        node = tree
        for step in path:
            node = node.setdefault(step, {})
    for path in every:
        node = tree
        for step in path:
            node = node[step]
        if node:
            node["."] = {}
    return tree


def from_fields_v1(tree: Mapping[str, Any]) -> set[Path]:
    """Read ``fieldsV1``."""
    found: set[Path] = set()

    def walk(node: Mapping[str, Any], path: Path) -> None:
        if path and (not node or "." in node):
            found.add(path)
        for step, inner in node.items():
            if step != ".":
                walk(inner, (*path, step))

    walk(tree, ())
    return found


def show(path: Path) -> str:
    """Write a path for people: ``.spec.template.spec.containers[name="app"].image``."""
    text = ""
    for step in path:
        mark, _, rest = step.partition(":")
        if mark == "f":
            text += f".{rest}"
        elif mark == "k":
            pairs = json.loads(rest).items()
            text += "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in pairs) + "]"
        else:
            text += f"[={rest}]"
    return text
