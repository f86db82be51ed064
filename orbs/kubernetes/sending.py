"""What is sent to the API server for a manifest, where that differs from what is written."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.cluster import Cluster
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["autoscaled_refs", "body_to_send"]

_CONTAINER_LISTS = frozenset({"containers", "initContainers"})
_SCALED = frozenset({"Deployment", "StatefulSet", "ReplicaSet"})


def body_to_send(
    manifest: RenderedManifest, live: Mapping[str, Any] | None, *, autoscaled: bool
) -> dict[str, Any]:
    """Return the object to apply.

    * ``stringData`` of a Secret becomes ``data``: the server merges the former into the latter and
      then forgets who wanted it, so that a key that is deleted from the manifest would stay.
    * A port without a protocol gets TCP, the API's own default: protocol is a part of the key of the
      lists of ports, and API servers before 1.22 refuse a key that isn't whole.
    * ``replicas`` of what an autoscaler scales are those there are: any other number would throw the
      running Pods away, and none would mean one.
    """
    body = dict(manifest.value)
    if manifest.kind == "Secret" and "stringData" in body:
        plain = body.pop("stringData") or {}
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in plain.items()}
        body["data"] = {**(body.get("data") or {}), **encoded}
    if autoscaled and live is not None and manifest.kind in _SCALED:
        replicas = (live.get("spec") or {}).get("replicas")
        if replicas is not None:
            body["spec"] = {**(body.get("spec") or {}), "replicas": replicas}
    filled: dict[str, Any] = _with_protocols(body, in_service=manifest.kind == "Service")
    return filled


def _with_protocols(value: Any, *, in_service: bool = False, in_containers: bool = False) -> Any:
    if isinstance(value, list):
        return [_with_protocols(item, in_containers=in_containers) for item in value]
    if not isinstance(value, dict):
        return value
    filled: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "spec" and in_service and isinstance(inner, dict):
            filled[key] = _with_tcp(inner)
        elif key in _CONTAINER_LISTS:
            filled[key] = _with_protocols(inner, in_containers=True)
        else:
            filled[key] = _with_protocols(inner)
    return _with_tcp(filled) if in_containers else filled


def _with_tcp(owner: dict[str, Any]) -> dict[str, Any]:
    ports = owner.get("ports")
    if not isinstance(ports, list):
        return owner
    return {
        **owner,
        "ports": [{"protocol": "TCP", **p} if isinstance(p, dict) else p for p in ports],
    }


def autoscaled_refs(cluster: Cluster, manifests: Sequence[RenderedManifest]) -> frozenset[str]:
    """Return what a HorizontalPodAutoscaler scales, of the manifests or of the cluster."""
    if not any(manifest.kind in _SCALED for manifest in manifests):
        return frozenset()
    scalers: list[Mapping[str, Any]] = [
        item.value for item in manifests if item.kind == "HorizontalPodAutoscaler"
    ]
    return frozenset(_targets([*scalers, *_live_scalers(cluster)]))


def _live_scalers(cluster: Cluster) -> list[dict[str, Any]]:
    for version in ("autoscaling/v2", "autoscaling/v1"):
        kind = cluster.find_kind(version, "HorizontalPodAutoscaler")
        if kind is not None:
            try:
                return cluster.list(kind)[0]
            except ApiError as error:
                if error.status == 403:
                    return []  # Those of the manifests are known all the same.
                raise
    return []


def _targets(scalers: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for scaler in scalers:
        target = (scaler.get("spec") or {}).get("scaleTargetRef") or {}
        if target.get("kind") and target.get("name"):
            yield f"{target['kind']}/{target['name']}"
