"""What the API server fills in where a manifest says nothing."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Mapping
from typing import Any

from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["select_job_pods", "with_defaults"]


def with_defaults(resource: str, obj: Json) -> Json:
    """Return a copy of an object of a resource (``deployments.apps``) with its defaults."""
    obj = copy.deepcopy(obj)
    fill = _FILLERS.get(resource)
    if fill is not None:
        fill(obj)
    return obj


def _fill(target: Json, defaults: Mapping[str, Any]) -> None:
    for name, value in defaults.items():
        target.setdefault(name, copy.deepcopy(value))


def _map(target: Json, name: str) -> Json:
    value = target.setdefault(name, {})
    return value if isinstance(value, dict) else {}


def _deployment(obj: Json) -> None:
    spec = _map(obj, "spec")
    _fill(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = _map(spec, "strategy")
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _fill(_map(strategy, "rollingUpdate"), {"maxSurge": "25%", "maxUnavailable": "25%"})
    _template(spec)


def _replicas(obj: Json) -> None:
    spec = _map(obj, "spec")
    spec.setdefault("replicas", 1)
    _template(spec)


def _daemon_set(obj: Json) -> None:
    _template(_map(obj, "spec"))


def _job(obj: Json) -> None:
    _job_spec(_map(obj, "spec"))


def _job_spec(spec: Json) -> None:
    _fill(spec, {"backoffLimit": 6, "suspend": False, "completionMode": "NonIndexed"})
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    _template(spec)


def select_job_pods(obj: Json) -> None:
    """Give a new Job, in place, the labels by which it will know its Pods."""
    spec, uid, name = obj["spec"], obj["metadata"]["uid"], obj["metadata"]["name"]
    if spec.get("manualSelector"):
        return
    labels = {"controller-uid": uid, "job-name": name}
    labels |= {f"batch.kubernetes.io/{key}": value for key, value in labels.items()}
    meta = _map(spec["template"], "metadata")
    meta["labels"] = dict(meta.get("labels") or {}) | labels
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}


def _cron_job(obj: Json) -> None:
    spec = _map(obj, "spec")
    _fill(
        spec,
        {
            "concurrencyPolicy": "Allow",
            "suspend": False,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 1,
        },
    )
    _template(_map(_map(spec, "jobTemplate"), "spec"))


def _template(spec: Json) -> None:
    template = _map(spec, "template")
    _map(template, "metadata").setdefault("creationTimestamp", None)
    pod_spec(_map(template, "spec"))


def pod_spec(spec: Json) -> None:
    """Fill in a Pod's ``spec`` in place."""
    _fill(
        spec,
        {
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
        },
    )
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for field in ("initContainers", "containers"):
        for container in spec.get(field) or ():
            _container(container)
    for volume in spec.get("volumes") or ():
        _volume(volume)


def _container(container: Json) -> None:
    image = str(container.get("image", ""))
    latest = ":" not in image.rpartition("/")[2] or image.endswith(":latest")
    _fill(
        container,
        {
            "imagePullPolicy": "Always" if latest else "IfNotPresent",
            "resources": {},
            "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        },
    )
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
    for item in container.get("env") or ():
        field = (item.get("valueFrom") or {}).get("fieldRef")
        if field is not None:
            field.setdefault("apiVersion", "v1")
    for probe in ("readinessProbe", "livenessProbe", "startupProbe"):
        if isinstance(container.get(probe), dict):
            _probe(container[probe])


def _probe(probe: Json) -> None:
    times = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    _fill(probe, times)
    if isinstance(probe.get("httpGet"), dict):
        _fill(probe["httpGet"], {"path": "/", "scheme": "HTTP"})


def _volume(volume: Json) -> None:
    for source in ("secret", "configMap", "projected", "downwardAPI"):
        if isinstance(volume.get(source), dict):
            volume[source].setdefault("defaultMode", 0o644)


def _pod(obj: Json) -> None:
    spec = _map(obj, "spec")
    pod_spec(spec)
    _fill(spec, {"enableServiceLinks": True, "serviceAccountName": "default"})
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    _map(obj, "status").setdefault("phase", "Pending")
    obj["status"].setdefault("qosClass", _quality(spec))


def _quality(spec: Json) -> str:
    asked = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(part.get("requests") or part.get("limits") for part in asked):
        return "BestEffort"
    same = all(
        part.get("limits")
        and part.get("requests", part["limits"]) == part["limits"]
        and {"cpu", "memory"} <= part["limits"].keys()
        for part in asked
    )
    return "Guaranteed" if same else "Burstable"


def _service(obj: Json) -> None:
    spec = _map(obj, "spec")
    _fill(spec, {"type": "ClusterIP", "sessionAffinity": "None"})
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    if spec["type"] != "ExternalName":
        _fill(spec, {"ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"})
        spec.setdefault("internalTrafficPolicy", "Cluster")
    _map(obj, "status").setdefault("loadBalancer", {})


def _secret(obj: Json) -> None:
    obj.setdefault("type", "Opaque")
    plain = obj.pop("stringData", None)
    for name, value in (plain or {}).items():
        _map(obj, "data")[name] = base64.b64encode(str(value).encode()).decode()


def _namespace(obj: Json) -> None:
    _map(obj, "spec").setdefault("finalizers", ["kubernetes"])
    _map(obj, "status").setdefault("phase", "Active")
    labels = _map(_map(obj, "metadata"), "labels")
    labels["kubernetes.io/metadata.name"] = obj["metadata"].get("name", "")


def _claim(obj: Json) -> None:
    _map(obj, "spec").setdefault("volumeMode", "Filesystem")
    # There is no storage to wait for: a claim is bound as soon as it is made.
    _map(obj, "status")["phase"] = "Bound"


_FILLERS: Mapping[str, Callable[[Json], None]] = {
    "deployments.apps": _deployment,
    "replicasets.apps": _replicas,
    "statefulsets.apps": _replicas,
    "daemonsets.apps": _daemon_set,
    "jobs.batch": _job,
    "cronjobs.batch": _cron_job,
    "pods": _pod,
    "services": _service,
    "secrets": _secret,
    "namespaces": _namespace,
    "persistentvolumeclaims": _claim,
}
