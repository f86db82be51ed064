"""The rehearsed cluster as its own parts see it: objects, events, logs, time and faults."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from orbs.kubernetes.rehearsal.admission import admit
from orbs.kubernetes.rehearsal.clock import ClusterClock, stamp
from orbs.kubernetes.rehearsal.errors import Json
from orbs.kubernetes.rehearsal.events import record
from orbs.kubernetes.rehearsal.faults import Fault, is_hit
from orbs.kubernetes.rehearsal.logs import Logs
from orbs.kubernetes.rehearsal.resources import Catalog
from orbs.kubernetes.rehearsal.storage import HISTORY_LIMIT, Store

__all__ = ["FINALIZERS", "NODE", "Cluster", "owner_of"]

NODE = "rehearsal-node"
"""The one node, on which every Pod runs."""

_SAFE = "bcdfghjklmnpqrstvwxz2456789"

FINALIZERS: Mapping[str, str] = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}
"""What keeps an object until its dependents are deleted, or let go, by propagation policy."""


def owner_of(obj: Json) -> Json | None:
    """Return the owner reference of the controller of an object, if it has one."""
    refs = obj["metadata"].get("ownerReferences") or ()
    return next((ref for ref in refs if ref.get("controller")), None)


class Cluster:
    """Everything that the API and the controllers share. Use it from one thread only.

    Attributes:
        node: the name of the one node.
        faults: what goes wrong from now on.
        images: what the node has pulled already.
        moments: when something happened (``clock.elapsed()``), by uid of the object and what it was.
    """

    def __init__(
        self,
        catalog: Catalog,
        clock: ClusterClock,
        faults: Sequence[Fault] = (),
        history: int = HISTORY_LIMIT,
    ) -> None:
        self.node = NODE
        self.catalog = catalog
        self.clock = clock
        self.faults = tuple(faults)
        self.store = Store(clock, history)
        self.logs = Logs(clock)
        self.images: set[str] = set()
        self.moments: dict[tuple[str, str], float] = {}
        self._suffixes = 0
        self._addresses = {"pods": 1, "services": 1}

    def is_hit(self, fault: str, workload: str = "") -> bool:
        """Say whether a fault is on for Pods of workloads of this kind."""
        return is_hit(self.faults, fault, workload)

    def since(self, uid: str, what: str) -> float:
        """Return the cluster's seconds since something happened; now, where it is news."""
        now = self.clock.elapsed()
        return now - self.moments.setdefault((uid, what), now)

    def suffix(self) -> str:
        """Return five letters that make a generated name unique, as the API server adds them."""
        self._suffixes += 1
        digest = hashlib.sha256(str(self._suffixes).encode()).digest()
        return "".join(_SAFE[byte % len(_SAFE)] for byte in digest[:5])

    def address(self, of: str) -> str:
        """Return the next free address of ``pods`` (10.244/16) or ``services`` (10.96/16)."""
        self._addresses[of] += 1
        high, low = divmod(self._addresses[of], 250)
        return f"10.{244 if of == 'pods' else 96}.{high}.{low + 1}"

    def create(self, resource: str, obj: Json) -> Json:
        """Store a new object on behalf of a controller.

        Raises:
            ApiError: it is refused.
        """
        kind = self.catalog.by_key[resource]
        head = {"apiVersion": kind.api_version(), "kind": kind.kind}
        return self.store.create(resource, admit(self, kind, head | obj, None))

    def change(self, resource: str, obj: Json, edit: Callable[[Json], None]) -> Json | None:
        """Let ``edit`` change a copy of the object's present state, and store that.

        Nothing happens, and None comes back, when the object is gone or is another one by now.
        """
        meta = obj["metadata"]
        old = self.store.get(resource, meta.get("namespace", ""), meta["name"])
        if old is None or old["metadata"]["uid"] != meta["uid"]:
            return None
        new = copy.deepcopy(old)
        edit(new)
        kind = self.catalog.by_key[resource]
        if kind.has_generation and new.get("spec") != old.get("spec"):
            new["metadata"]["generation"] = old["metadata"].get("generation", 1) + 1
        return self.store.replace(resource, new)

    def set_status(self, resource: str, obj: Json, status: Json) -> Json | None:
        """Store a new status of an object."""
        return self.change(resource, obj, lambda new: new.update(status=status))

    def delete(
        self, resource: str, obj: Json, *, policy: str = "Background", grace_s: int | None = None
    ) -> Json | None:
        """Delete an object, or begin to: a running Pod is given its time, a namespace is emptied.

        Returns:
            The object as it goes on existing for a while, or None when it is gone at once.
        """
        lingers = policy in FINALIZERS or resource == "namespaces" or self._is_running(obj)
        if grace_s == 0 and resource == "pods":
            lingers = False
        if not lingers and not obj["metadata"].get("finalizers"):
            meta = obj["metadata"]
            self.store.remove(resource, meta.get("namespace", ""), meta["name"])
            return None
        if "deletionTimestamp" in obj["metadata"]:
            return obj
        grace = grace_s
        if grace is None:
            grace = obj["spec"]["terminationGracePeriodSeconds"] if resource == "pods" else 0
        return self.change(resource, obj, lambda new: self._mark(resource, new, policy, grace))

    def _is_running(self, obj: Json) -> bool:
        phase = (obj.get("status") or {}).get("phase")
        scheduled = bool((obj.get("spec") or {}).get("nodeName"))
        return obj.get("kind") == "Pod" and scheduled and phase not in ("Succeeded", "Failed")

    def _mark(self, resource: str, obj: Json, policy: str, grace_s: int) -> None:
        meta = obj["metadata"]
        meta["deletionTimestamp"] = stamp(self.clock.now() + timedelta(seconds=grace_s))
        meta["deletionGracePeriodSeconds"] = grace_s
        if resource == "namespaces":
            obj["status"]["phase"] = "Terminating"
        elif policy in FINALIZERS:
            meta["finalizers"] = [*(meta.get("finalizers") or ()), FINALIZERS[policy]]
        if "generation" in meta:
            meta["generation"] += 1

    def dependents(self, uid: str) -> list[tuple[str, Json]]:
        """Return the objects that name the object of this uid as an owner."""
        return [
            (resource, obj)
            for resource, obj in self.store.everything()
            if any(ref["uid"] == uid for ref in obj["metadata"].get("ownerReferences") or ())
        ]

    def event(
        self,
        obj: Json,
        type_: str,
        reason: str,
        message: str,
        *,
        component: str = "kubelet",
        field: str = "",
    ) -> None:
        """Write an Event about an object; see :func:`record`."""
        record(self, obj, type_, reason, message, component, field)
