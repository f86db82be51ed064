"""In which order things are applied: what others need comes first, and the workloads last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.names import MIGRATION_ANNOTATION

__all__ = ["Phases", "is_job", "is_migration", "phases"]

_BEFORE = (
    "Namespace",
    "CustomResourceDefinition",
    "PriorityClass",
    "ResourceQuota",
    "LimitRange",
    "NetworkPolicy",
    "ServiceAccount",
    "ClusterRole",
    "Role",
    "ClusterRoleBinding",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Service",
    "Endpoints",
    "PodDisruptionBudget",
    "IngressClass",
    "Ingress",
)
"""Kinds that are needed by others, in the order of need. Kinds that aren't listed come after them:
custom resources that a workload may read, and can't be known here."""

_WORKLOADS = (
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Deployment",
    "Pod",
    "CronJob",
    "HorizontalPodAutoscaler",
)
"""Kinds that run the new image, and so wait for the migration; an autoscaler after what it scales."""


@dataclass(frozen=True, slots=True)
class Phases:
    """The manifests of a deploy in the order in which they are applied.

    Attributes:
        before: what has to be there first.
        migrations: Jobs, each run to its end before the next; in the order of their files' names,
            the migrations first.
        workloads: what runs the app.
    """

    before: tuple[RenderedManifest, ...]
    migrations: tuple[RenderedManifest, ...]
    workloads: tuple[RenderedManifest, ...]

    @property
    def all(self) -> tuple[RenderedManifest, ...]:
        """Everything, in order."""
        return self.before + self.migrations + self.workloads


def phases(manifests: Sequence[RenderedManifest]) -> Phases:
    """Sort manifests into the phases of a deploy; equal ones keep their order.

    Every Job runs before the workloads, anew in each deploy: a Job that should run at times is a
    CronJob.
    """
    jobs = [manifest for manifest in manifests if is_job(manifest)]
    workloads = [item for item in manifests if item.kind in _WORKLOADS]
    before = [item for item in manifests if item.kind not in _WORKLOADS and item not in jobs]
    return Phases(
        tuple(sorted(before, key=lambda item: _rank(_BEFORE, item.kind))),
        tuple(sorted(jobs, key=lambda job: not is_migration(job))),
        tuple(sorted(workloads, key=lambda item: _rank(_WORKLOADS, item.kind))),
    )


def is_job(manifest: RenderedManifest) -> bool:
    """Return whether a manifest is a Job."""
    return manifest.kind == "Job" and manifest.api_version.startswith("batch/")


def is_migration(manifest: RenderedManifest) -> bool:
    """Return whether a Job migrates: its name says so (``migrat``), or its annotation."""
    if not is_job(manifest):
        return False
    annotations = manifest.metadata.get("annotations") or {}
    marked = str(annotations.get(MIGRATION_ANNOTATION, "")).lower()
    return marked == "true" or (marked != "false" and "migrat" in manifest.name.lower())


def _rank(order: Sequence[str], kind: str) -> int:
    return order.index(kind) if kind in order else len(order)
