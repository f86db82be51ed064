"""Small objects for the tests, as a user would write them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

MAPS = "api/v1/{ns}/configmaps"
SECRETS = "api/v1/{ns}/secrets"
PODS = "api/v1/{ns}/pods"
EVENTS = "api/v1/{ns}/events"
DEPLOYMENTS = "apis/apps/v1/{ns}/deployments"
REPLICA_SETS = "apis/apps/v1/{ns}/replicasets"
JOBS = "apis/batch/v1/{ns}/jobs"

MERGE = "application/merge-patch+json"


def config_map(name: str, **data: Any) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def container(image: str = "registry/app:1", **more: Any) -> Json:
    return {"name": "app", "image": image, **more}


def deployment(image: str = "registry/app:1", *, replicas: int = 1, **more: Any) -> Json:
    """A Deployment ``web``; ``more`` goes to its spec, ``box`` to its container."""
    box = more.pop("box", {})
    pod = {"containers": [container(image, **box)], **more.pop("pod", {})}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, **more}
    meta = {"name": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {**spec, "template": template},
    }


def job(name: str = "migrate", *, policy: str = "Never", **more: Any) -> Json:
    pod = {"restartPolicy": policy, "containers": [container()]}
    spec = {"backoffLimit": 0, "template": {"spec": pod}, **more}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def condition(obj: Json, kind: str) -> Json:
    rows = obj.get("status", {}).get("conditions") or ()
    return next((row for row in rows if row["type"] == kind), {})


def is_complete(web: Json) -> bool:
    status, wanted = web.get("status", {}), web["spec"]["replicas"]
    numbers = ("replicas", "updatedReplicas", "availableReplicas")
    observed = status.get("observedGeneration") == web["metadata"]["generation"]
    return observed and all(status.get(number, 0) == wanted for number in numbers)


def has_ended(work: Json) -> bool:
    return bool(condition(work, "Complete") or condition(work, "Failed"))


def waits_for(reason: str) -> Any:
    """A test of a list of Pods: the first container of one of them waits for this reason."""

    def look(pods: Json) -> bool:
        rows = [row for pod in pods["items"] for row in pod["status"].get("containerStatuses", ())]
        return any(row["state"].get("waiting", {}).get("reason") == reason for row in rows)

    return look
