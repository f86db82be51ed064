"""What happens to an object before it is stored: names, defaults, rules, the place it goes to."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from orbs.kubernetes.rehearsal.defaults import select_job_pods, with_defaults
from orbs.kubernetes.rehearsal.errors import (
    Json,
    already_exists,
    forbidden,
    invalid,
    not_found,
)
from orbs.kubernetes.rehearsal.resources import ResourceKind
from orbs.kubernetes.rehearsal.validation import check_types, find_causes

if TYPE_CHECKING:
    from orbs.kubernetes.rehearsal.cluster import Cluster

__all__ = ["admit"]


def admit(cluster: Cluster, kind: ResourceKind, new: Json, old: Json | None) -> Json:
    """Return an object as it will be stored: named, defaulted, checked, its generation set.

    Raises:
        ApiError: it is refused (403, 404, 422).
    """
    check_types(new)
    obj = copy.deepcopy(new)
    meta = obj.setdefault("metadata", {})
    if old is None and not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"] + cluster.suffix()
    obj = with_defaults(kind.key, obj)
    meta = obj["metadata"]
    causes = find_causes(kind.key, obj, old)
    if causes:
        raise invalid(kind.kind, kind.group, meta.get("name", ""), causes)
    if old is None:
        _admit_new(cluster, kind, obj)
    if kind.has_generation:
        before = old["metadata"].get("generation", 1) if old else 0
        meta["generation"] = before if old and _asks_the_same(old, obj) else before + 1
    return obj


def _admit_new(cluster: Cluster, kind: ResourceKind, obj: Json) -> None:
    meta = obj["metadata"]
    meta["uid"] = cluster.store.new_uid()
    if kind.namespaced:
        _check_namespace(cluster, kind, meta)
    if cluster.store.get(kind.key, meta.get("namespace", ""), meta["name"]):
        raise already_exists(kind.plural, kind.group, meta["name"])
    if kind.key == "pods":
        _check_account(cluster, obj)
    if kind.key == "jobs.batch":
        select_job_pods(obj)
    if kind.key == "services" and obj["spec"]["type"] != "ExternalName":
        address = obj["spec"].setdefault("clusterIP", cluster.address("services"))
        obj["spec"].setdefault("clusterIPs", [address])


def _check_namespace(cluster: Cluster, kind: ResourceKind, meta: Json) -> None:
    namespace = cluster.store.get("namespaces", "", meta["namespace"])
    if namespace is None:
        raise not_found("namespaces", "", meta["namespace"])
    if namespace["status"]["phase"] == "Terminating":
        why = (
            f"unable to create new content in namespace {meta['namespace']} because it is "
            "being terminated"
        )
        raise forbidden(kind.plural, kind.group, meta["name"], why)


def _check_account(cluster: Cluster, pod: Json) -> None:
    name, namespace = pod["spec"]["serviceAccountName"], pod["metadata"]["namespace"]
    if cluster.store.get("serviceaccounts", namespace, name) is None:
        why = (
            f'error looking up service account {namespace}/{name}: serviceaccount "{name}" '
            "not found"
        )
        shown = pod["metadata"].get("generateName") or pod["metadata"]["name"]
        raise forbidden("pods", "", shown, why)


def _asks_the_same(old: Json, new: Json) -> bool:
    """Say whether a write leaves the generation as it is; Deployments count annotations too."""
    if new["kind"] == "Deployment":
        notes = [obj["metadata"].get("annotations") or {} for obj in (old, new)]
        return bool(notes[0] == notes[1] and old.get("spec") == new.get("spec"))
    return bool(old.get("spec") == new.get("spec"))
