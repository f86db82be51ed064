"""Namespaces: what each has from the beginning, and their end together with all that is in them."""

from __future__ import annotations

from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.errors import Json
from orbs.kubernetes.rehearsal.storage import Change

__all__ = ["NamespaceController"]


class NamespaceController:
    """Gives each namespace its service account, and empties those that are being deleted."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        cluster.store.subscribe(self._notice)

    def _notice(self, change: Change) -> None:
        meta = change.new["metadata"]
        if change.resource == "namespaces":
            if change.type == "ADDED":
                account: Json = {"metadata": {"name": "default", "namespace": meta["name"]}}
                self._cluster.create("serviceaccounts", account)
            elif "deletionTimestamp" in meta and change.type == "MODIFIED":
                self._empty(meta["name"])
        elif change.type == "DELETED" and "namespace" in meta:
            self._finish(meta["namespace"])

    def _contents(self, namespace: str) -> list[tuple[str, Json]]:
        return [
            (resource, obj)
            for resource, obj in self._cluster.store.everything()
            if obj["metadata"].get("namespace") == namespace
        ]

    def _empty(self, namespace: str) -> None:
        for resource, obj in self._contents(namespace):
            if "deletionTimestamp" not in obj["metadata"]:
                self._cluster.delete(resource, obj)
        self._finish(namespace)

    def _finish(self, namespace: str) -> None:
        holder = self._cluster.store.get("namespaces", "", namespace)
        if holder is None or "deletionTimestamp" not in holder["metadata"]:
            return
        if not self._contents(namespace):
            self._cluster.store.remove("namespaces", "", namespace)
