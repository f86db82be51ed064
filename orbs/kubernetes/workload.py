"""The workloads of a set of manifests, found in the cluster with the Pods that are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orbs.kubernetes.cluster import Cluster
from orbs.kubernetes.kinds import DAEMONSET, DEPLOYMENT, JOB, POD, STATEFULSET, ResourceKind
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.names import JOB_LABEL
from orbs.kubernetes.observe import selector_text

__all__ = ["WORKLOAD_KINDS", "last_job", "pods_of", "workload_kind"]

WORKLOAD_KINDS = {"Deployment": DEPLOYMENT, "StatefulSet": STATEFULSET, "DaemonSet": DAEMONSET}
"""The kinds that are rolled out and waited for."""


def workload_kind(manifest: RenderedManifest) -> ResourceKind | None:
    """Return how a workload's kind is addressed, or None for what is no workload."""
    return WORKLOAD_KINDS.get(manifest.kind)


def pods_of(cluster: Cluster, workload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the Pods that a workload's selector finds, by name."""
    labels = selector_text(workload)
    pods, _ = cluster.list(POD, namespace=workload["metadata"].get("namespace"), labels=labels)
    return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))


def last_job(cluster: Cluster, manifests: Sequence[RenderedManifest]) -> dict[str, Any] | None:
    """Return the newest Job that was made from one of these Job manifests, or None."""
    found: list[dict[str, Any]] = []
    for manifest in manifests:
        if manifest.kind == "Job":
            labels = f"{JOB_LABEL}={manifest.name}"
            found += cluster.list(JOB, namespace=manifest.namespace, labels=labels)[0]
    return max(found, key=lambda job: str(job["metadata"]["creationTimestamp"]), default=None)
