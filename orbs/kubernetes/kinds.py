"""How kinds are addressed in the API's URLs, and those that every cluster has."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = [
    "CONFIGMAP",
    "DAEMONSET",
    "DEPLOYMENT",
    "ENDPOINTS",
    "EVENT",
    "JOB",
    "NAMESPACE",
    "NODE",
    "POD",
    "REPLICASET",
    "SECRET",
    "SERVICE",
    "STATEFULSET",
    "ResourceKind",
]


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind of one API version.

    Attributes:
        group: the API group; "" is the core group.
        version: ``v1``.
        kind: ``Deployment``.
        plural: ``deployments``, its name in URLs.
        namespaced: whether its objects live in namespaces.
        verbs: what can be done with it, where that is known.
    """

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    verbs: tuple[str, ...] = field(default=(), compare=False)

    @property
    def api_version(self) -> str:
        """``apps/v1``, or ``v1`` in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def root(self) -> str:
        """The path of the API version: ``/apis/apps/v1``."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    def __str__(self) -> str:
        return self.kind


POD = ResourceKind("", "v1", "Pod", "pods")
EVENT = ResourceKind("", "v1", "Event", "events")
CONFIGMAP = ResourceKind("", "v1", "ConfigMap", "configmaps")
SECRET = ResourceKind("", "v1", "Secret", "secrets")
SERVICE = ResourceKind("", "v1", "Service", "services")
ENDPOINTS = ResourceKind("", "v1", "Endpoints", "endpoints")
NAMESPACE = ResourceKind("", "v1", "Namespace", "namespaces", namespaced=False)
NODE = ResourceKind("", "v1", "Node", "nodes", namespaced=False)
DEPLOYMENT = ResourceKind("apps", "v1", "Deployment", "deployments")
REPLICASET = ResourceKind("apps", "v1", "ReplicaSet", "replicasets")
STATEFULSET = ResourceKind("apps", "v1", "StatefulSet", "statefulsets")
DAEMONSET = ResourceKind("apps", "v1", "DaemonSet", "daemonsets")
JOB = ResourceKind("batch", "v1", "Job", "jobs")
