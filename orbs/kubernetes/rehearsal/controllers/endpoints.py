"""Endpoints: the addresses of the ready Pods that a Service selects."""

from __future__ import annotations

import contextlib

from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.controllers.replicaset import is_active, is_ready
from orbs.kubernetes.rehearsal.errors import ApiError, Json
from orbs.kubernetes.rehearsal.storage import Change

__all__ = ["EndpointsController"]


class EndpointsController:
    """Keeps ``Endpoints`` and one ``EndpointSlice`` beside each Service that selects Pods."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        cluster.store.subscribe(self._notice)

    def _notice(self, change: Change) -> None:
        meta = change.new["metadata"]
        if change.resource == "services":
            if change.type == "DELETED":
                self._cluster.store.remove("endpoints", meta["namespace"], meta["name"])
            else:
                self._refresh(change.new)
        elif change.resource == "pods":
            for service in self._cluster.store.list("services", meta["namespace"]):
                if _selects(service, change.new):
                    self._refresh(service)

    def _refresh(self, service: Json) -> None:
        if not service["spec"].get("selector"):
            return
        pods = self._cluster.store.list("pods", service["metadata"]["namespace"])
        chosen = [
            pod
            for pod in pods
            if _selects(service, pod) and is_active(pod) and pod["status"].get("podIP")
        ]
        ready = [_address(pod) for pod in chosen if is_ready(pod)]
        waiting = [_address(pod) for pod in chosen if not is_ready(pod)]
        subset: Json = {"addresses": ready} if ready else {}
        subset |= {"notReadyAddresses": waiting} if waiting else {}
        pod = chosen[0] if chosen else None
        ports = [_port(port, pod) for port in service["spec"].get("ports") or ()]
        subsets = [subset | {"ports": ports}] if subset else []
        self._put("endpoints", service, service["metadata"]["name"], {"subsets": subsets})
        self._put(
            "endpointslices.discovery.k8s.io",
            service,
            f"{service['metadata']['name']}-slice",
            {
                "addressType": "IPv4",
                "endpoints": [_endpoint(pod) for pod in chosen],
                "ports": ports,
            },
        )

    def _put(self, resource: str, service: Json, name: str, content: Json) -> None:
        namespace = service["metadata"]["namespace"]
        old = self._cluster.store.get(resource, namespace, name)
        if old is not None:
            self._cluster.change(resource, old, lambda new: new.update(content))
            return
        labels = {"kubernetes.io/service-name": service["metadata"]["name"]}
        owner = {
            "apiVersion": "v1",
            "kind": "Service",
            "name": service["metadata"]["name"],
            "uid": service["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        meta: Json = {"name": name, "namespace": namespace}
        if resource != "endpoints":
            meta |= {"labels": labels, "ownerReferences": [owner]}
        # Refused in a namespace that is being deleted, where nobody will miss it.
        with contextlib.suppress(ApiError):
            self._cluster.create(resource, {"metadata": meta} | content)


def _selects(service: Json, pod: Json) -> bool:
    selector = service["spec"].get("selector") or {}
    labels = pod["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _target(pod: Json) -> Json:
    meta = pod["metadata"]
    return {
        "kind": "Pod",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
    }


def _address(pod: Json) -> Json:
    node = pod["spec"]["nodeName"]
    return {"ip": pod["status"]["podIP"], "nodeName": node, "targetRef": _target(pod)}


def _endpoint(pod: Json) -> Json:
    ready = is_ready(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": _target(pod),
    }


def _port(port: Json, pod: Json | None) -> Json:
    number = port["targetPort"]
    if isinstance(number, str):
        containers = pod["spec"]["containers"] if pod else ()
        named = {
            item.get("name"): item["containerPort"]
            for container in containers
            for item in container.get("ports") or ()
        }
        number = named.get(number, port["port"])
    row = {"port": number, "protocol": port["protocol"]}
    return {"name": port["name"]} | row if "name" in port else row
