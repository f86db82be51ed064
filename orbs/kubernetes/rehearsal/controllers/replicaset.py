"""ReplicaSets: as many Pods as asked for, and the count of those that work."""

from __future__ import annotations

import copy

from orbs.kubernetes.rehearsal.cluster import Cluster, owner_of
from orbs.kubernetes.rehearsal.controllers.manager import Controller
from orbs.kubernetes.rehearsal.errors import ApiError, Json

__all__ = ["CONTROLLER", "is_active", "is_ready", "owned_pods", "owner_reference", "pod_of"]


def owner_reference(owner: Json) -> Json:
    """Return the reference that makes ``owner`` the controller of a new object."""
    meta = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned_pods(cluster: Cluster, owner: Json) -> list[Json]:
    """Return the Pods that ``owner`` controls, the oldest first."""
    uid, namespace = owner["metadata"]["uid"], owner["metadata"]["namespace"]
    pods = [
        pod
        for pod in cluster.store.list("pods", namespace)
        if (ref := owner_of(pod)) is not None and ref["uid"] == uid
    ]
    return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))


def pod_of(owner: Json, template: Json) -> Json:
    """Return the Pod that a template describes, owned by ``owner``."""
    meta = copy.deepcopy(template.get("metadata") or {})
    meta.pop("creationTimestamp", None)
    meta |= {
        "generateName": f"{owner['metadata']['name']}-",
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [owner_reference(owner)],
    }
    return {"metadata": meta, "spec": copy.deepcopy(template["spec"])}


def is_active(pod: Json) -> bool:
    """Say whether a Pod counts: it is neither done nor about to go."""
    done = pod["status"]["phase"] in ("Succeeded", "Failed")
    return not done and "deletionTimestamp" not in pod["metadata"]


def is_ready(pod: Json) -> bool:
    """Say whether a Pod is ready."""
    rows = pod["status"].get("conditions") or ()
    return any(row["type"] == "Ready" and row["status"] == "True" for row in rows)


def reconcile(cluster: Cluster, namespace: str, name: str) -> float | None:
    """Create or delete Pods, and write the status."""
    replica_set = cluster.store.get("replicasets.apps", namespace, name)
    if replica_set is None or "deletionTimestamp" in replica_set["metadata"]:
        return None
    pods = [pod for pod in owned_pods(cluster, replica_set) if is_active(pod)]
    wanted = replica_set["spec"]["replicas"]
    failure = None
    if len(pods) < wanted:
        failure = _create(cluster, replica_set, wanted - len(pods))
    elif len(pods) > wanted:
        _delete(cluster, replica_set, pods, len(pods) - wanted)
    pods = [pod for pod in owned_pods(cluster, replica_set) if is_active(pod)]
    wait = _write_status(cluster, replica_set, pods, failure)
    return 5.0 if failure else wait


def _create(cluster: Cluster, replica_set: Json, count: int) -> str | None:
    """Create Pods; the answer says why that is refused."""
    for _ in range(count):
        try:
            pod = cluster.create("pods", pod_of(replica_set, replica_set["spec"]["template"]))
        except ApiError as error:
            text = f"Error creating: {error.message}"
            _event(cluster, replica_set, "Warning", "FailedCreate", text)
            return error.message
        text = f"Created pod: {pod['metadata']['name']}"
        _event(cluster, replica_set, "Normal", "SuccessfulCreate", text)
    return None


def _delete(cluster: Cluster, replica_set: Json, pods: list[Json], count: int) -> None:
    # Those that serve nobody go first, and the youngest before the old.
    youngest_first = pods[::-1]
    for pod in sorted(youngest_first, key=is_ready)[:count]:
        cluster.delete("pods", pod)
        text = f"Deleted pod: {pod['metadata']['name']}"
        _event(cluster, replica_set, "Normal", "SuccessfulDelete", text)


def _event(cluster: Cluster, replica_set: Json, type_: str, reason: str, text: str) -> None:
    component = "replicaset-controller"
    cluster.event(replica_set, type_, reason, text, component=component)


def _write_status(
    cluster: Cluster, replica_set: Json, pods: list[Json], failure: str | None
) -> float | None:
    ready = [pod for pod in pods if is_ready(pod)]
    waits = [_until_available(cluster, replica_set, pod) for pod in ready]
    counts = {
        "fullyLabeledReplicas": len(pods),
        "readyReplicas": len(ready),
        "availableReplicas": sum(wait <= 0 for wait in waits),
    }
    status: Json = {"replicas": len(pods)}
    status |= {field: count for field, count in counts.items() if count}
    status["observedGeneration"] = replica_set["metadata"]["generation"]
    if failure:
        condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}
        condition |= {"message": failure, "lastTransitionTime": cluster.clock.stamp()}
        status["conditions"] = [condition]
    cluster.set_status("replicasets.apps", replica_set, status)
    return min((wait for wait in waits if wait > 0), default=None)


def _until_available(cluster: Cluster, replica_set: Json, pod: Json) -> float:
    """In how many of the cluster's seconds a ready Pod has been ready for ``minReadySeconds``."""
    least = replica_set["spec"].get("minReadySeconds", 0)
    return float(least) - cluster.since(pod["metadata"]["uid"], "ready")


CONTROLLER = Controller("replicasets.apps", "ReplicaSet", ("pods",), reconcile)
