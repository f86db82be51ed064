"""What is deleted along with something else, and what lingers until that is done."""

from __future__ import annotations

from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.errors import Json
from orbs.kubernetes.rehearsal.storage import Change

__all__ = ["GarbageCollector"]

_FINALIZER = "foregroundDeletion"


class GarbageCollector:
    """Deletes the dependents of what is gone, and finishes deletions that waited for them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        cluster.store.subscribe(self._notice)

    def _notice(self, change: Change) -> None:
        meta = change.new["metadata"]
        if change.type == "DELETED":
            self._drop_dependents(meta["uid"])
            self._finish_owners(change.new)
        elif "deletionTimestamp" in meta and _FINALIZER in (meta.get("finalizers") or ()):
            self._drop_dependents(meta["uid"])
            self._finish(change.resource, change.new)

    def _drop_dependents(self, uid: str) -> None:
        for resource, obj in self._cluster.dependents(uid):
            if "deletionTimestamp" not in obj["metadata"]:
                self._cluster.delete(resource, obj)

    def _finish_owners(self, obj: Json) -> None:
        for ref in obj["metadata"].get("ownerReferences") or ():
            for resource, owner in self._cluster.store.everything():
                if owner["metadata"]["uid"] == ref["uid"]:
                    self._finish(resource, owner)

    def _finish(self, resource: str, obj: Json) -> None:
        """Let go of an object whose deletion waited for its dependents, once they are gone."""
        meta = obj["metadata"]
        finalizers = meta.get("finalizers") or []
        if _FINALIZER not in finalizers or self._cluster.dependents(meta["uid"]):
            return
        rest = [name for name in finalizers if name != _FINALIZER]
        if rest:
            self._cluster.change(resource, obj, lambda new: new["metadata"].update(finalizers=rest))
        else:
            self._cluster.store.remove(resource, meta.get("namespace", ""), meta["name"])
