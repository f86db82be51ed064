"""Jobs: Pods until enough have succeeded, or too many have failed."""

from __future__ import annotations

import copy
from dataclasses import dataclass

from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.controllers.manager import Controller
from orbs.kubernetes.rehearsal.controllers.replicaset import is_active, owned_pods, pod_of
from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["BACK_OFF_S", "CONTROLLER"]

BACK_OFF_S = 10.0
"""The cluster's seconds before a failed Pod is replaced; doubled after each further failure."""


@dataclass(frozen=True, slots=True)
class _Count:
    active: list[Json]
    succeeded: int
    failed: int


def reconcile(cluster: Cluster, namespace: str, name: str) -> float | None:
    """Create the next Pod, or end the Job, and write the status."""
    job = cluster.store.get("jobs.batch", namespace, name)
    if job is None or "deletionTimestamp" in job["metadata"]:
        return None
    if finished := _finished(job):
        return _expire(cluster, job, finished)
    if job["spec"].get("suspend"):
        return None
    status = dict(job.get("status") or {})
    status.setdefault("startTime", cluster.clock.stamp())
    passed = cluster.since(job["metadata"]["uid"], "started")
    count = _count(owned_pods(cluster, job))
    wait = _next_pod(cluster, job, count) if not _verdict(job, count, passed) else None
    count = _count(owned_pods(cluster, job))
    verdict = _verdict(job, count, passed)
    status = _numbers(status, count)
    if verdict is not None:
        status = _end(cluster, job, count, status, verdict)
    cluster.set_status("jobs.batch", job, status)
    deadline = job["spec"].get("activeDeadlineSeconds")
    waits = [wait, None if deadline is None else max(0.0, deadline - passed) + 0.1]
    return min((item for item in waits if item is not None and verdict is None), default=None)


def _count(pods: list[Json]) -> _Count:
    phases = [pod["status"]["phase"] for pod in pods]
    active = [pod for pod in pods if is_active(pod)]
    return _Count(active, phases.count("Succeeded"), phases.count("Failed"))


def _numbers(status: Json, count: _Count) -> Json:
    numbers = {"active": len(count.active), "succeeded": count.succeeded, "failed": count.failed}
    rest = {key: value for key, value in status.items() if key not in numbers}
    return rest | {key: number for key, number in numbers.items() if number}


def _verdict(job: Json, count: _Count, passed_s: float) -> tuple[str, str, str] | None:
    """Return condition type, reason and message once the Job has ended."""
    spec = job["spec"]
    limit, deadline = spec["backoffLimit"], spec.get("activeDeadlineSeconds")
    if count.succeeded >= spec.get("completions", 1):
        return ("Complete", "", "")
    if count.failed > limit or _restarted_too_often(count.active, limit):
        text = "Job has reached the specified backoff limit"
        return ("Failed", "BackoffLimitExceeded", text)
    if deadline is not None and passed_s >= deadline:
        return ("Failed", "DeadlineExceeded", "Job was active longer than specified deadline")
    return None


def _restarted_too_often(active: list[Json], limit: int) -> bool:
    """With ``OnFailure`` it is the restarts inside Pods that count."""
    restarts = sum(
        row["restartCount"]
        for pod in active
        if pod["spec"]["restartPolicy"] == "OnFailure"
        for row in pod["status"].get("containerStatuses") or ()
    )
    return bool(restarts > 0 if limit == 0 else restarts >= limit)


def _next_pod(cluster: Cluster, job: Json, count: _Count) -> float | None:
    """Create Pods that are missing, after a pause that grows with the failures."""
    spec = job["spec"]
    wanted = min(spec["parallelism"], spec.get("completions", 1) - count.succeeded)
    missing = wanted - len(count.active)
    if missing <= 0:
        return None
    if count.failed:
        pause = BACK_OFF_S * 2.0 ** (count.failed - 1)
        left = pause - cluster.since(job["metadata"]["uid"], f"failed {count.failed} times")
        if left > 0:
            return left
    template = copy.deepcopy(spec["template"])
    for _ in range(missing):
        pod = cluster.create("pods", pod_of(job, template))
        _event(
            cluster, job, "Normal", "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}"
        )
    return None


def _event(cluster: Cluster, job: Json, type_: str, reason: str, text: str) -> None:
    cluster.event(job, type_, reason, text, component="job-controller")


def _end(
    cluster: Cluster, job: Json, count: _Count, status: Json, verdict: tuple[str, str, str]
) -> Json:
    kind, reason, message = verdict
    now = cluster.clock.stamp()
    condition = {"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
    condition |= {"reason": reason, "message": message} if reason else {}
    if kind == "Complete":
        status = status | {"completionTime": now}
        _event(cluster, job, "Normal", "Completed", "Job completed")
    else:
        for pod in count.active:
            cluster.delete("pods", pod)
            text = f"Deleted pod: {pod['metadata']['name']}"
            _event(cluster, job, "Normal", "SuccessfulDelete", text)
        status = status | {"failed": count.failed + len(count.active)}
        _event(cluster, job, "Warning", reason, message)
    status = {key: value for key, value in status.items() if key != "active"}
    return status | {"conditions": [condition]}


def _finished(job: Json) -> str:
    for row in (job.get("status") or {}).get("conditions") or ():
        if row["type"] in ("Complete", "Failed") and row["status"] == "True":
            return str(row["type"])
    return ""


def _expire(cluster: Cluster, job: Json, finished: str) -> float | None:
    """Delete a Job whose ``ttlSecondsAfterFinished`` have passed."""
    keep = job["spec"].get("ttlSecondsAfterFinished")
    if keep is None:
        return None
    left = float(keep) - cluster.since(job["metadata"]["uid"], finished)
    if left > 0:
        return left + 0.1
    cluster.delete("jobs.batch", job, policy="Background")
    return None


CONTROLLER = Controller("jobs.batch", "Job", ("pods",), reconcile)
