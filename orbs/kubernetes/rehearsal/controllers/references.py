"""ConfigMaps, Secrets and keys that a container needs and that are not there."""

from __future__ import annotations

from collections.abc import Iterator

from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["first_secret", "missing_config", "missing_volumes"]

_ENV_FROM = (("configMapRef", "configmaps", "configmap"), ("secretRef", "secrets", "secret"))
_VALUE_FROM = (
    ("configMapKeyRef", "configmaps", "configmap", "ConfigMap"),
    ("secretKeyRef", "secrets", "secret", "Secret"),
)
_VOLUMES = (("configMap", "name", "configmaps"), ("secret", "secretName", "secrets"))


def missing_config(cluster: Cluster, namespace: str, container: Json) -> str | None:
    """Return the kubelet's message for the first thing that the environment lacks."""
    return next(_config(cluster, namespace, container), None)


def _config(cluster: Cluster, namespace: str, container: Json) -> Iterator[str]:
    for source in container.get("envFrom") or ():
        for field, resource, word in _ENV_FROM:
            ref = source.get(field) or {}
            if not ref or ref.get("optional"):
                continue
            if cluster.store.get(resource, namespace, ref["name"]) is None:
                yield f'{word} "{ref["name"]}" not found'
    for item in container.get("env") or ():
        for field, resource, word, kind in _VALUE_FROM:
            ref = (item.get("valueFrom") or {}).get(field) or {}
            if not ref or ref.get("optional"):
                continue
            found = cluster.store.get(resource, namespace, ref["name"])
            if found is None:
                yield f'{word} "{ref["name"]}" not found'
            elif ref["key"] not in (found.get("data") or {}):
                yield f"couldn't find key {ref['key']} in {kind} {namespace}/{ref['name']}"


def missing_volumes(cluster: Cluster, pod: Json) -> str | None:
    """Return the kubelet's message for the first volume whose source is not there."""
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or ():
        for field, name_field, resource in _VOLUMES:
            source = volume.get(field) or {}
            if not source or source.get("optional"):
                continue
            name = str(source.get(name_field))
            if cluster.store.get(resource, namespace, name) is None:
                what = f'{resource.removesuffix("s")} "{name}" not found'
                return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {what}'
    return None


def first_secret(container: Json) -> str:
    """Return the Secret that a container takes its environment from, or a likely name for one."""
    for source in container.get("envFrom") or ():
        if source.get("secretRef"):
            return str(source["secretRef"]["name"])
    for item in container.get("env") or ():
        if ref := (item.get("valueFrom") or {}).get("secretKeyRef"):
            return str(ref["name"])
    return "app-secrets"
