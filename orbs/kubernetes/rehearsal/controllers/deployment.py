"""Deployments: rolling from one ReplicaSet to the next, within surge and unavailability."""

from __future__ import annotations

import copy
import hashlib
import json

from orbs.kubernetes.rehearsal.cluster import Cluster, owner_of
from orbs.kubernetes.rehearsal.controllers.manager import Controller
from orbs.kubernetes.rehearsal.controllers.replicaset import owned_pods, owner_reference
from orbs.kubernetes.rehearsal.controllers.rollout import (
    Budget,
    budget_of,
    condition_of,
    rollout_status,
    with_condition,
)
from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["CONTROLLER", "REVISION", "template_hash"]

REVISION = "deployment.kubernetes.io/revision"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MOST = "deployment.kubernetes.io/max-replicas"
_HASH = "pod-template-hash"
_SAFE = "bcdfghjklmnpqrstvwxz2456789"

PROGRESS_DEADLINE_S = 10.0
"""The deadline, in the cluster's seconds, under the fault ``progress-deadline``."""


def template_hash(template: Json) -> str:
    """Return the text that tells the Pods of one template from those of another."""
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()
    return "".join(_SAFE[byte % len(_SAFE)] for byte in digest[:10])


def reconcile(cluster: Cluster, namespace: str, name: str) -> float | None:
    """Take the next step of a rollout, and write the status."""
    deployment = cluster.store.get("deployments.apps", namespace, name)
    if deployment is None or "deletionTimestamp" in deployment["metadata"]:
        return None
    old, new = _replica_sets(cluster, deployment)
    if not deployment["spec"].get("paused"):
        recreate = deployment["spec"]["strategy"]["type"] == "Recreate"
        if recreate and _stop_all(cluster, deployment, old):
            _write_status(cluster, deployment)
            return 1.0
        new = _new_replica_set(cluster, deployment, old, new)
        budget = budget_of(deployment)
        if recreate:
            _scale(cluster, deployment, new, budget.replicas)
        elif not _grow(cluster, deployment, budget, old, new):
            _shrink(cluster, deployment, budget, old, new)
        _clean_up(cluster, deployment)
    return _write_status(cluster, deployment)


def _replica_sets(cluster: Cluster, deployment: Json) -> tuple[list[Json], Json | None]:
    """Return the ReplicaSets of earlier templates, and that of the present one if there is one."""
    uid, namespace = deployment["metadata"]["uid"], deployment["metadata"]["namespace"]
    owned = [
        replica_set
        for replica_set in cluster.store.list("replicasets.apps", namespace)
        if (ref := owner_of(replica_set)) is not None and ref["uid"] == uid
    ]
    owned.sort(key=_revision)
    wanted = _plain(deployment["spec"]["template"])
    new = next((item for item in owned if _plain(item["spec"]["template"]) == wanted), None)
    return [item for item in owned if item is not new], new


def _plain(template: Json) -> Json:
    labels = dict((template.get("metadata") or {}).get("labels") or {})
    labels.pop(_HASH, None)
    return template | {"metadata": (template.get("metadata") or {}) | {"labels": labels}}


def _revision(replica_set: Json) -> int:
    return int((replica_set["metadata"].get("annotations") or {}).get(REVISION, 0))


def _new_replica_set(cluster: Cluster, deployment: Json, old: list[Json], new: Json | None) -> Json:
    revision = max((_revision(item) for item in old), default=0) + 1
    if new is not None:
        revision = max(revision, _revision(new))
        reason, text = "FoundNewReplicaSet", f'Found new replica set "{new["metadata"]["name"]}"'
        found = _annotated(cluster, deployment, new, revision)
        if condition_of(deployment, "Progressing") is None:
            _note_progress(cluster, deployment, reason, text)
    else:
        found = _create(cluster, deployment, old, revision)
        text = f'Created new replica set "{found["metadata"]["name"]}"'
        _note_progress(cluster, deployment, "NewReplicaSetCreated", text)

    def annotate(obj: Json) -> None:
        obj["metadata"].setdefault("annotations", {})[REVISION] = str(revision)

    cluster.change("deployments.apps", deployment, annotate)
    return found


def _annotated(cluster: Cluster, deployment: Json, replica_set: Json, revision: int) -> Json:
    budget = budget_of(deployment)
    notes = {
        REVISION: str(revision),
        _DESIRED: str(budget.replicas),
        _MOST: str(budget.replicas + budget.surge),
    }

    def annotate(obj: Json) -> None:
        obj["metadata"].setdefault("annotations", {}).update(notes)

    return cluster.change("replicasets.apps", replica_set, annotate) or replica_set


def _create(cluster: Cluster, deployment: Json, old: list[Json], revision: int) -> Json:
    spec, meta = deployment["spec"], deployment["metadata"]
    mark = template_hash(spec["template"])
    template = copy.deepcopy(spec["template"])
    template["metadata"].setdefault("labels", {})[_HASH] = mark
    selector = copy.deepcopy(spec["selector"])
    selector.setdefault("matchLabels", {})[_HASH] = mark
    budget = budget_of(deployment)
    given = meta.get("annotations") or {}
    notes = {key: value for key, value in given.items() if "last-applied" not in key}
    notes |= {REVISION: str(revision), _DESIRED: str(budget.replicas)}
    notes[_MOST] = str(budget.replicas + budget.surge)
    running = sum(item["spec"]["replicas"] for item in old)
    first = max(0, min(budget.replicas, budget.replicas + budget.surge - running))
    body: Json = {
        "metadata": {
            "name": f"{meta['name']}-{mark}",
            "namespace": meta["namespace"],
            "labels": dict(template["metadata"]["labels"]),
            "annotations": notes,
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {"replicas": first, "selector": selector, "template": template},
        "status": {"replicas": 0},
    }
    if "minReadySeconds" in spec:
        body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
    made = cluster.create("replicasets.apps", body)
    if first:
        _scaled(cluster, deployment, made, 0, first)
    return made


def _note_progress(cluster: Cluster, deployment: Json, reason: str, text: str) -> None:
    now = cluster.clock.stamp()

    def note(obj: Json) -> None:
        obj["status"] = with_condition(
            obj.get("status") or {}, "Progressing", "True", reason, text, now
        )

    cluster.moments[deployment["metadata"]["uid"], "progress"] = cluster.clock.elapsed()
    cluster.change("deployments.apps", deployment, note)


def _scale(cluster: Cluster, deployment: Json, replica_set: Json, count: int) -> bool:
    before = replica_set["spec"]["replicas"]
    if before == count:
        return False
    cluster.change("replicasets.apps", replica_set, lambda obj: obj["spec"].update(replicas=count))
    _scaled(cluster, deployment, replica_set, before, count)
    return True


def _scaled(cluster: Cluster, deployment: Json, replica_set: Json, before: int, count: int) -> None:
    way = "up" if count > before else "down"
    text = f"Scaled {way} replica set {replica_set['metadata']['name']} to {count}"
    component = "deployment-controller"
    cluster.event(deployment, "Normal", "ScalingReplicaSet", text, component=component)


def _stop_all(cluster: Cluster, deployment: Json, old: list[Json]) -> bool:
    """For ``Recreate``: scale the old away, and say whether one of their Pods is still there."""
    for item in old:
        _scale(cluster, deployment, item, 0)
    return any(owned_pods(cluster, item) for item in old)


def _grow(cluster: Cluster, deployment: Json, budget: Budget, old: list[Json], new: Json) -> bool:
    """Scale the new ReplicaSet as far as the surge allows."""
    have = new["spec"]["replicas"]
    if have >= budget.replicas:
        return _scale(cluster, deployment, new, budget.replicas)
    total = have + sum(item["spec"]["replicas"] for item in old)
    room = budget.replicas + budget.surge - total
    return _scale(cluster, deployment, new, min(budget.replicas, have + max(0, room)))


def _shrink(cluster: Cluster, deployment: Json, budget: Budget, old: list[Json], new: Json) -> None:
    """Scale old ReplicaSets down as far as enough Pods stay available; broken ones go first."""
    total = new["spec"]["replicas"] + sum(item["spec"]["replicas"] for item in old)
    missing = new["spec"]["replicas"] - _available(new)
    spare = total - budget.least - missing
    sizes = {item["metadata"]["name"]: item["spec"]["replicas"] for item in old}
    for item in old:
        broken = min(sizes[item["metadata"]["name"]] - _available(item), max(0, spare))
        if broken > 0:
            sizes[item["metadata"]["name"]] -= broken
            spare -= broken
    surplus = _available(new) + sum(_available(item) for item in old) - budget.least
    for item in old:
        name = item["metadata"]["name"]
        step = min(sizes[name], max(0, surplus), max(0, spare))
        sizes[name] -= step
        surplus -= step
        spare -= step
        _scale(cluster, deployment, item, sizes[name])


def _available(replica_set: Json) -> int:
    return int((replica_set.get("status") or {}).get("availableReplicas", 0))


def _clean_up(cluster: Cluster, deployment: Json) -> None:
    """Delete the oldest ReplicaSets beyond ``revisionHistoryLimit`` that have no Pods."""
    old, _ = _replica_sets(cluster, deployment)
    idle = [item for item in old if not item["spec"]["replicas"] and not item["status"]["replicas"]]
    surplus = len(old) - int(deployment["spec"].get("revisionHistoryLimit", 10))
    for item in idle[: max(0, surplus)]:
        cluster.delete("replicasets.apps", item)


def _write_status(cluster: Cluster, deployment: Json) -> float | None:
    meta = deployment["metadata"]
    live = cluster.store.get("deployments.apps", meta["namespace"], meta["name"])
    if live is None:
        return None
    old, new = _replica_sets(cluster, live)
    deadline = live["spec"].get("progressDeadlineSeconds")
    if cluster.is_hit("progress-deadline", "Deployment"):
        deadline = PROGRESS_DEADLINE_S
    left = None if deadline is None else deadline - cluster.since(meta["uid"], "progress")
    outcome = rollout_status(live, old, new, left, cluster.clock.stamp())
    if outcome.progressed:
        cluster.moments[meta["uid"], "progress"] = cluster.clock.elapsed()
        left = deadline
    cluster.set_status("deployments.apps", live, outcome.status)
    return None if outcome.settled or left is None else max(left, 0.0) + 0.1


CONTROLLER = Controller("deployments.apps", "Deployment", ("replicasets.apps",), reconcile)
