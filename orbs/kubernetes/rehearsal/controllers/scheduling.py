"""Why the one node cannot take a Pod, as the scheduler words it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orbs.kubernetes.rehearsal.cluster import NODE, Cluster
from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["ALLOCATABLE", "node", "why_unschedulable"]

ALLOCATABLE: Mapping[str, str] = {
    "cpu": "8",
    "memory": "16Gi",
    "ephemeral-storage": "100Gi",
    "pods": "110",
}
"""What the node has to give; each Pod is measured alone, not against the others."""

_UNITS: Mapping[str, float] = {
    "": 1,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_QUANTITY = re.compile(r"^([0-9.]+(?:[eE][0-9]+)?)([a-zA-Z]*)$")


def quantity(text: str | float) -> float:
    """Return the number that a quantity such as ``500m`` or ``2Gi`` means."""
    found = _QUANTITY.match(str(text))
    if found is None:
        return 0.0
    return float(found[1]) * _UNITS.get(found[2], 1)


def node() -> Json:
    """Return the node object."""
    labels = {
        "kubernetes.io/hostname": NODE,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
    }
    return {
        "metadata": {"name": NODE, "labels": labels},
        "spec": {},
        "status": {
            "capacity": dict(ALLOCATABLE),
            "allocatable": dict(ALLOCATABLE),
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
            "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        },
    }


def why_unschedulable(cluster: Cluster, pod: Json, workload: str) -> str | None:
    """Return the scheduler's message when the Pod fits no node."""
    if cluster.is_hit("unschedulable", workload):
        return "0/1 nodes are available: 1 Insufficient cpu."
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if name and cluster.store.get("persistentvolumeclaims", namespace, name) is None:
            return f'persistentvolumeclaim "{name}" not found'
    short = [name for name in ALLOCATABLE if _asked(pod, name) > quantity(ALLOCATABLE[name])]
    if short:
        return "0/1 nodes are available: " + ", ".join(f"1 Insufficient {n}" for n in short) + "."
    labels = node()["metadata"]["labels"]
    wanted = pod["spec"].get("nodeSelector") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    return None


def _asked(pod: Json, resource: str) -> float:
    total = 0.0
    for container in pod["spec"]["containers"]:
        resources = container.get("resources") or {}
        asked = (resources.get("requests") or {}).get(resource)
        asked = asked if asked is not None else (resources.get("limits") or {}).get(resource, 0)
        total += quantity(asked)
    return total
