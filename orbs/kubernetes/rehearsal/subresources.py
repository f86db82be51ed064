"""Parts of objects with an address of their own: ``scale`` and a Pod's ``log``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from orbs.kubernetes.rehearsal import logs
from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.errors import ApiError, Json, bad_request

__all__ = ["pod_log", "scale_of"]


def scale_of(obj: Json) -> Json:
    """Return the ``Scale`` of a workload."""
    meta = {
        name: obj["metadata"][name]
        for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    }
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    replicas = (obj.get("status") or {}).get("replicas", 0)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": meta,
        "spec": {"replicas": obj["spec"].get("replicas", 1)},
        "status": {"replicas": replicas, "selector": selector},
    }


def pod_log(cluster: Cluster, pod: Json, params: Mapping[str, str]) -> AsyncIterator[bytes]:
    """Return the lines of a container's log that ``params`` ask for.

    Raises:
        ApiError: there is no such container, or it has printed nothing yet (400).
    """
    name = _container(pod, params.get("container", ""))
    previous = _flag(params, "previous")
    run = cluster.logs.find(pod["metadata"]["uid"], name, previous)
    if previous and run is None:
        where = f'container "{name}" in pod "{pod["metadata"]["name"]}"'
        raise bad_request(f"previous terminated {where} not found")
    if run is None:
        if pod["spec"].get("nodeName"):
            raise _not_started(pod, name)
        run = logs.Run(closed=True)
    return logs.read(run, _query(params, cluster.clock.now()))


def _query(params: Mapping[str, str], now: datetime) -> logs.LogQuery:
    try:
        return logs.LogQuery(
            follow=_flag(params, "follow"),
            timestamps=_flag(params, "timestamps"),
            tail_lines=int(params["tailLines"]) if params.get("tailLines") else None,
            limit_bytes=int(params["limitBytes"]) if params.get("limitBytes") else None,
            since=logs.parse_since(
                params.get("sinceTime", ""), params.get("sinceSeconds", ""), now
            ),
        )
    except ValueError as error:
        raise bad_request(f"unable to decode PodLogOptions: {error}") from error


def _flag(params: Mapping[str, str], name: str) -> bool:
    return params.get(name, "").lower() in ("1", "true")


def _container(pod: Json, wanted: str) -> str:
    meta, spec = pod["metadata"], pod["spec"]
    plain = [container["name"] for container in spec["containers"]]
    first = [container["name"] for container in spec.get("initContainers") or ()]
    if wanted:
        if wanted not in plain + first:
            raise bad_request(f"container {wanted} is not valid for pod {meta['name']}")
        return wanted
    if len(plain) == 1:
        return str(plain[0])
    choice = f"choose one of: [{' '.join(plain)}]"
    choice += f" or one of the init containers: [{' '.join(first)}]" if first else ""
    raise bad_request(f"a container name must be specified for pod {meta['name']}, {choice}")


def _not_started(pod: Json, name: str) -> ApiError:
    status = pod.get("status") or {}
    rows = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    state: Json = next((row["state"] for row in rows if row["name"] == name), {})
    reason = (state.get("waiting") or {}).get("reason") or "ContainerCreating"
    if reason in ("ErrImagePull", "ImagePullBackOff"):
        reason = "trying and failing to pull image"
    where = f'container "{name}" in pod "{pod["metadata"]["name"]}"'
    return bad_request(f"{where} is waiting to start: {reason}")
