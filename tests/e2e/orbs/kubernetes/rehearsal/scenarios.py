"""Small things that go well or wrong, run on a real cluster and in a rehearsal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Scenario:
    """``wait`` says of the workload and its Pods whether they have come to what is compared.

    ``fault`` is what makes it happen in a rehearsal; in a cluster it is the manifest that does.
    """

    name: str
    manifest: Json
    wait: Callable[[Json, list[Json]], bool]
    fault: str = ""


def container(image: str, command: str = "sleep 3600", **more: Any) -> Json:
    return {"name": "app", "image": image, "command": ["sh", "-c", command], **more}


def deployment(name: str, box: Json, *, volumes: list[Json] | None = None, **spec: Any) -> Json:
    pod: Json = {"containers": [box], "terminationGracePeriodSeconds": 1}
    pod |= {"volumes": volumes} if volumes else {}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"scenario": name}},
            "template": {"metadata": {"labels": {"scenario": name}}, "spec": pod},
            **spec,
        },
    }


def job(name: str, box: Json, **spec: Any) -> Json:
    pod = {"restartPolicy": "Never", "containers": [box]}
    template = {"metadata": {"labels": {"scenario": name}}, "spec": pod}
    meta = {"name": name}
    body = {"backoffLimit": 0, "template": template, **spec}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": body}


def waiting(reason: str, restarts: int = 0) -> Callable[[Json, list[Json]], bool]:
    def look(_workload: Json, pods: list[Json]) -> bool:
        rows = [row for pod in pods for row in pod["status"].get("containerStatuses") or ()]
        return any(
            row["state"].get("waiting", {}).get("reason") == reason
            and row["restartCount"] >= restarts
            for row in rows
        )

    return look


def condition(kind: str, status: str, reason: str = "") -> Callable[[Json, list[Json]], bool]:
    def look(workload: Json, _pods: list[Json]) -> bool:
        rows = workload.get("status", {}).get("conditions") or ()
        return any(
            (row["type"], row["status"]) == (kind, status)
            and (not reason or row.get("reason") == reason)
            for row in rows
        )

    return look


def unscheduled(_workload: Json, pods: list[Json]) -> bool:
    rows = [row for pod in pods for row in pod["status"].get("conditions") or ()]
    return any(row.get("reason") == "Unschedulable" for row in rows)


def being_created(_workload: Json, pods: list[Json]) -> bool:
    return waiting("ContainerCreating")(_workload, pods)


def scenarios(image: str) -> list[Scenario]:
    missing = image.rpartition(":")[0] + ":no-such-tag"
    probe = {"exec": {"command": ["true"]}, "periodSeconds": 1}
    never = {"exec": {"command": ["false"]}, "periodSeconds": 1}
    greedy = {"requests": {"cpu": "500"}}
    volume = [{"name": "v", "secret": {"secretName": "absent"}}]
    mount = [{"name": "v", "mountPath": "/v"}]
    key = {"secretKeyRef": {"name": "present", "key": "absent"}}
    done = "NewReplicaSetAvailable"
    late = "ProgressDeadlineExceeded"
    return [
        Scenario(
            "ready",
            deployment("ready", container(image, readinessProbe=probe)),
            condition("Progressing", "True", done),
        ),
        Scenario(
            "image-unknown",
            deployment("image-unknown", container(missing)),
            waiting("ImagePullBackOff"),
            "image-pull",
        ),
        Scenario(
            "image-name-invalid",
            deployment("image-name-invalid", container("APP_IMAGE")),
            waiting("InvalidImageName"),
        ),
        Scenario(
            "crashing",
            deployment("crashing", container(image, "echo no; exit 1")),
            waiting("CrashLoopBackOff", restarts=2),
            "crash-loop",
        ),
        Scenario(
            "late",
            deployment("late", container(image, readinessProbe=never), progressDeadlineSeconds=5),
            condition("Progressing", "False", late),
            "never-ready",
        ),
        Scenario(
            "too-big",
            deployment("too-big", container(image, resources=greedy)),
            unscheduled,
        ),
        Scenario(
            "secret-missing",
            deployment(
                "secret-missing", container(image, envFrom=[{"secretRef": {"name": "absent"}}])
            ),
            waiting("CreateContainerConfigError"),
        ),
        Scenario(
            "config-map-missing",
            deployment(
                "config-map-missing",
                container(image, envFrom=[{"configMapRef": {"name": "absent"}}]),
            ),
            waiting("CreateContainerConfigError"),
        ),
        Scenario(
            "key-missing",
            deployment("key-missing", container(image, env=[{"name": "A", "valueFrom": key}])),
            waiting("CreateContainerConfigError"),
        ),
        Scenario(
            "volume-missing",
            deployment("volume-missing", container(image, volumeMounts=mount), volumes=volume),
            being_created,
        ),
        Scenario(
            "account-missing",
            _without_account(deployment("account-missing", container(image))),
            condition("ReplicaFailure", "True"),
        ),
        Scenario("done", job("done", container(image, "echo 1")), condition("Complete", "True")),
        Scenario(
            "failed",
            job("failed", container(image, "echo 1; exit 1")),
            condition("Failed", "True"),
            "migration-fails",
        ),
    ]


def _without_account(manifest: Json) -> Json:
    manifest["spec"]["template"]["spec"]["serviceAccountName"] = "absent"
    return manifest
