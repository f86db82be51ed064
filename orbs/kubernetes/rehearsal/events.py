"""Events: what controllers and the node have to say about an object, counted where repeated."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orbs.kubernetes.rehearsal.clock import ClusterClock, stamp_micro
from orbs.kubernetes.rehearsal.errors import ApiError, Json

if TYPE_CHECKING:
    from orbs.kubernetes.rehearsal.cluster import Cluster

__all__ = ["record"]

SCHEDULER = "default-scheduler"


def record(
    cluster: Cluster, obj: Json, type_: str, reason: str, message: str, component: str, field: str
) -> None:
    """Write an Event about an object, or count it up where it was written before.

    Args:
        cluster: where to write it.
        obj: what it is about.
        type_: ``Normal`` or ``Warning``.
        reason: one word.
        message: what happened.
        component: who reports it; ``kubelet`` reports for its node.
        field: the part of the object that it is about: ``spec.containers{app}``, or "".
    """
    meta = obj["metadata"]
    identity = "|".join((meta["uid"], field, component, type_, reason, message))
    name = f"{meta['name']}.{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    namespace = meta.get("namespace") or "default"
    old = cluster.store.get("events", namespace, name)
    if old is not None:
        cluster.change("events", old, lambda event: _count_up(event, cluster.clock))
        return
    event: Json = {"metadata": {"name": name, "namespace": namespace}}
    event |= {"involvedObject": _about(obj, field), "type": type_, "reason": reason}
    event |= {"message": message, **_origin(component, cluster)}
    try:
        cluster.create("events", event)
    except ApiError as error:
        # Nothing can be written any more into a namespace that is being deleted.
        if error.code not in (403, 404):
            raise


def _about(obj: Json, field: str) -> Json:
    meta = obj["metadata"]
    about: Json = {
        "kind": obj["kind"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": obj["apiVersion"],
        "resourceVersion": meta["resourceVersion"],
    }
    return about | {"fieldPath": field} if field else about


def _origin(component: str, cluster: Cluster) -> Json:
    if component == SCHEDULER:
        # The scheduler writes events.k8s.io Events: no count, no first and last time.
        times = {"eventTime": stamp_micro(cluster.clock.now()), "firstTimestamp": None}
        reporter = {"reportingComponent": component, "reportingInstance": component}
        return times | {"lastTimestamp": None, "source": {}} | reporter | {"action": "Binding"}
    source = {"component": component} | ({"host": cluster.node} if component == "kubelet" else {})
    now = cluster.clock.stamp()
    times = {"firstTimestamp": now, "lastTimestamp": now, "eventTime": None}
    reporter = {"reportingComponent": "", "reportingInstance": ""}
    return {"source": source, "count": 1} | times | reporter


def _count_up(event: Json, clock: ClusterClock) -> None:
    if "count" in event:
        event["count"] += 1
        event["lastTimestamp"] = clock.stamp()
