"""The workloads of a set of manifests, found in the cluster with the Pods that are theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orbs.kubernetes.cluster import Cluster
from orbs.kubernetes.kinds import DAEMONSET, DEPLOYMENT, JOB, POD, STATEFULSET, ResourceKind
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.names import JOB_LABEL

__all__ = ["WORKLOAD_KINDS", "last_job", "pods_of", "selector_text", "workload_kind"]

WORKLOAD_KINDS = {"Deployment": DEPLOYMENT, "StatefulSet": STATEFULSET, "DaemonSet": DAEMONSET}
"""The kinds that are rolled out and waited for."""


def workload_kind(manifest: RenderedManifest) -> ResourceKind | None:
    """Return how a workload's kind is addressed, or None for what is no workload."""
    return WORKLOAD_KINDS.get(manifest.kind)


def selector_text(selector: dict[str, Any]) -> str:
    """Return a label selector as the API's URLs take it: ``app=web,tier in (a,b)``."""
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for rule in selector.get("matchExpressions") or ():
        values = ",".join(sorted(rule.get("values") or ()))
        parts.append(
            {
                "In": f"{rule['key']} in ({values})",
                "NotIn": f"{rule['key']} notin ({values})",
                "Exists": rule["key"],
                "DoesNotExist": f"!{rule['key']}",
            }[rule["operator"]]
        )
    return ",".join(parts)


def pods_of(cluster: Cluster, workload: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the Pods that a workload's selector finds, by name."""
    labels = selector_text((workload.get("spec") or {}).get("selector") or {})
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
