"""Taking over objects that ``kubectl apply`` made.

kubectl's client-side apply owns fields as a manager that updates. As long as it is listed, a field
that is deleted from the manifest stays in the cluster, since that manager still wants it. So its
share is handed to ours once, and its copy of the last manifest (which holds the values of Secrets)
goes. This is what kubectl itself does when it changes over to server-side apply.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["ADOPTED_MANAGERS", "LAST_APPLIED", "adoption_patch", "without_forsaken"]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

ADOPTED_MANAGERS = frozenset({"kubectl-client-side-apply", "before-first-apply"})
"""Managers whose fields are taken over without asking: whoever used ``kubectl apply`` on the same
manifests now uses this instead. ``before-first-apply`` stands for objects that are older than
managed fields."""


def adoption_patch(live: Mapping[str, Any], manager: str) -> list[dict[str, Any]] | None:
    """Return the JSON patch that hands kubectl's fields to ``manager``, or None where it has none."""
    metadata = live.get("metadata") or {}
    entries = metadata.get("managedFields") or []
    handed = [entry for entry in entries if _is_handed_over(entry)]
    annotated = LAST_APPLIED in (metadata.get("annotations") or {})
    if not handed and not annotated:
        return None
    patch: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]}
    ]
    if handed:
        merged = _merged(entries, handed, manager)
        patch.append({"op": "replace", "path": "/metadata/managedFields", "value": merged})
    if annotated:
        name = LAST_APPLIED.replace("/", "~1")
        patch.append({"op": "remove", "path": f"/metadata/annotations/{name}"})
    return patch


def _is_handed_over(entry: Mapping[str, Any]) -> bool:
    return (
        entry.get("manager") in ADOPTED_MANAGERS
        and entry.get("operation") == "Update"
        and not entry.get("subresource")
    )


def _merged(
    entries: list[dict[str, Any]], handed: list[dict[str, Any]], manager: str
) -> list[dict[str, Any]]:
    ours = next(
        (item for item in entries if item["manager"] == manager and item["operation"] == "Apply"),
        None,
    )
    fields: dict[str, Any] = copy.deepcopy((ours or {}).get("fieldsV1") or {})
    for entry in handed:
        _union(fields, entry.get("fieldsV1") or {})
    annotations = fields.get("f:metadata", {}).get("f:annotations", {})
    annotations.pop(f"f:{LAST_APPLIED}", None)
    one = {**(ours or handed[0]), "manager": manager, "operation": "Apply", "fieldsV1": fields}
    return [one, *(entry for entry in entries if entry is not ours and entry not in handed)]


def _union(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        _union(into.setdefault(key, {}), value)


def without_forsaken(
    after: Mapping[str, Any], live: Mapping[str, Any] | None, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a dry run gave, less what will go with the adoption itself.

    A dry run can't hand kubectl's fields over first, and so keeps those that the last manifest of
    ``kubectl apply`` had and ours has not. Lists are left as they are: how their items are told
    apart is the server's to know.
    """
    result = copy.deepcopy(dict(after))
    annotations = ((live or {}).get("metadata") or {}).get("annotations") or {}
    try:
        last = json.loads(annotations.get(LAST_APPLIED, ""))
    except ValueError:
        return result
    # kubectl writes the namespace into its copy; the manifest may leave it to the context.
    metadata = {"namespace": None, **(body.get("metadata") or {})}
    _forsake(result, last, {**body, "metadata": metadata})
    return result


def _forsake(result: Any, last: Any, body: Any) -> None:
    if not (isinstance(result, dict) and isinstance(last, dict) and isinstance(body, Mapping)):
        return
    for key, value in last.items():
        if key not in body:
            if not isinstance(value, dict) or value:
                result.pop(key, None)
        else:
            _forsake(result.get(key), value, body[key])
