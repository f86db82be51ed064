"""What is deleted along with something else, and what lingers until that is done."""

from __future__ import annotations

from orbs.kubernetes.rehearsal.cluster import FINALIZERS, Cluster
from orbs.kubernetes.rehearsal.errors import Json
from orbs.kubernetes.rehearsal.storage import Change

__all__ = ["GarbageCollector"]

_FOREGROUND, _ORPHAN = FINALIZERS["Foreground"], FINALIZERS["Orphan"]


class GarbageCollector:
    """Deletes the dependents of what is gone, or lets them go, and ends deletions that waited."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        cluster.store.subscribe(self._notice)

    def _notice(self, change: Change) -> None:
        meta = change.new["metadata"]
        finalizers = meta.get("finalizers") or ()
        if change.type == "DELETED":
            self._drop_dependents(meta["uid"])
            self._finish_owners(change.new)
        elif "deletionTimestamp" not in meta:
            return
        elif _ORPHAN in finalizers:
            self._free_dependents(meta["uid"])
            self._let_go(change.resource, change.new, _ORPHAN)
        elif _FOREGROUND in finalizers:
            self._drop_dependents(meta["uid"], wait=True)
            self._finish(change.resource, change.new)

    def _drop_dependents(self, uid: str, *, wait: bool = False) -> None:
        for resource, obj in self._cluster.dependents(uid):
            if "deletionTimestamp" not in obj["metadata"]:
                has_own = bool(self._cluster.dependents(obj["metadata"]["uid"]))
                policy = "Foreground" if wait and has_own else "Background"
                self._cluster.delete(resource, obj, policy=policy)

    def _free_dependents(self, uid: str) -> None:
        for resource, obj in self._cluster.dependents(uid):
            self._cluster.change(resource, obj, lambda new: _disown(new, uid))

    def _finish_owners(self, obj: Json) -> None:
        for ref in obj["metadata"].get("ownerReferences") or ():
            for resource, owner in self._cluster.store.everything():
                if owner["metadata"]["uid"] == ref["uid"]:
                    self._finish(resource, owner)

    def _finish(self, resource: str, obj: Json) -> None:
        """End a deletion that waited for the dependents, once they are gone."""
        waits = _FOREGROUND in (obj["metadata"].get("finalizers") or ())
        if waits and not self._cluster.dependents(obj["metadata"]["uid"]):
            self._let_go(resource, obj, _FOREGROUND)

    def _let_go(self, resource: str, obj: Json, finalizer: str) -> None:
        meta = obj["metadata"]
        rest = [name for name in meta["finalizers"] if name != finalizer]
        if rest:
            self._cluster.change(resource, obj, lambda new: new["metadata"].update(finalizers=rest))
        else:
            self._cluster.store.remove(resource, meta.get("namespace", ""), meta["name"])


def _disown(obj: Json, uid: str) -> None:
    refs = [ref for ref in obj["metadata"]["ownerReferences"] if ref["uid"] != uid]
    obj["metadata"]["ownerReferences"] = refs
    if not refs:
        del obj["metadata"]["ownerReferences"]
