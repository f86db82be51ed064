"""API versions that Kubernetes has removed, and what to write today.

Source: the "Deprecated API Migration Guide" and the release notes of Kubernetes 1.16 to 1.32.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["REMOVED", "Removal"]


@dataclass(frozen=True, slots=True)
class Removal:
    """An API version of a kind that is gone.

    Attributes:
        since: the Kubernetes version without it, ``1.16``.
        replacement: the API version to write; "" where the kind itself is gone.
        available: the first Kubernetes version with the replacement.
        changes: what else has to be changed in the manifest.
    """

    since: str
    replacement: str
    available: str = ""
    changes: str = ""


_SELECTOR = "spec.selector is required there, and must match the labels of the Pods"
_INGRESS = (
    "each path needs a pathType (Prefix, Exact or ImplementationSpecific); backend becomes "
    "service: {name: …, port: {number: …}}; spec.backend becomes spec.defaultBackend; the "
    "annotation kubernetes.io/ingress.class becomes spec.ingressClassName"
)
_HPA = (
    "each metric has a target: {type: Utilization, averageUtilization: …} in place of "
    "targetAverageUtilization"
)
_CRD = "each of spec.versions needs a schema, in place of spec.validation"
_WEBHOOK = "each webhook needs sideEffects and admissionReviewVersions"
_WORKLOADS = ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")
_RBAC = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")


def _same(
    api_version: str, kinds: tuple[str, ...], removal: Removal
) -> dict[tuple[str, str], Removal]:
    return {(api_version, kind): removal for kind in kinds}


REMOVED: Mapping[tuple[str, str], Removal] = {
    **_same(
        "extensions/v1beta1",
        ("DaemonSet", "Deployment", "ReplicaSet"),
        Removal("1.16", "apps/v1", "1.9", _SELECTOR),
    ),
    **_same("apps/v1beta1", _WORKLOADS, Removal("1.16", "apps/v1", "1.9", _SELECTOR)),
    **_same("apps/v1beta2", _WORKLOADS, Removal("1.16", "apps/v1", "1.9", _SELECTOR)),
    ("extensions/v1beta1", "NetworkPolicy"): Removal("1.16", "networking.k8s.io/v1", "1.8"),
    ("extensions/v1beta1", "PodSecurityPolicy"): Removal(
        "1.16", "", changes="Pod Security Admission takes its place (labels of the Namespace)"
    ),
    ("policy/v1beta1", "PodSecurityPolicy"): Removal(
        "1.25", "", changes="Pod Security Admission takes its place (labels of the Namespace)"
    ),
    ("extensions/v1beta1", "Ingress"): Removal("1.22", "networking.k8s.io/v1", "1.19", _INGRESS),
    ("networking.k8s.io/v1beta1", "Ingress"): Removal(
        "1.22", "networking.k8s.io/v1", "1.19", _INGRESS
    ),
    ("networking.k8s.io/v1beta1", "IngressClass"): Removal("1.22", "networking.k8s.io/v1", "1.19"),
    ("batch/v2alpha1", "CronJob"): Removal("1.21", "batch/v1", "1.21"),
    ("batch/v1beta1", "CronJob"): Removal("1.25", "batch/v1", "1.21"),
    ("policy/v1beta1", "PodDisruptionBudget"): Removal(
        "1.25", "policy/v1", "1.21", "an empty selector means every Pod there, not none"
    ),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): Removal(
        "1.25", "autoscaling/v2", "1.23", _HPA
    ),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): Removal("1.26", "autoscaling/v2", "1.23"),
    **_same(
        "rbac.authorization.k8s.io/v1alpha1",
        _RBAC,
        Removal("1.22", "rbac.authorization.k8s.io/v1", "1.8"),
    ),
    **_same(
        "rbac.authorization.k8s.io/v1beta1",
        _RBAC,
        Removal("1.22", "rbac.authorization.k8s.io/v1", "1.8"),
    ),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): Removal(
        "1.22", "apiextensions.k8s.io/v1", "1.16", _CRD
    ),
    **_same(
        "admissionregistration.k8s.io/v1beta1",
        ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"),
        Removal("1.22", "admissionregistration.k8s.io/v1", "1.16", _WEBHOOK),
    ),
    ("apiregistration.k8s.io/v1beta1", "APIService"): Removal(
        "1.22", "apiregistration.k8s.io/v1", "1.10"
    ),
    ("certificates.k8s.io/v1beta1", "CertificateSigningRequest"): Removal(
        "1.22", "certificates.k8s.io/v1", "1.19", "spec.signerName and spec.usages are required"
    ),
    ("coordination.k8s.io/v1beta1", "Lease"): Removal("1.22", "coordination.k8s.io/v1", "1.14"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"): Removal("1.22", "scheduling.k8s.io/v1", "1.14"),
    **_same(
        "storage.k8s.io/v1beta1",
        ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"),
        Removal("1.22", "storage.k8s.io/v1", "1.19"),
    ),
    ("storage.k8s.io/v1beta1", "CSIStorageCapacity"): Removal("1.27", "storage.k8s.io/v1", "1.24"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): Removal("1.25", "discovery.k8s.io/v1", "1.21"),
    ("events.k8s.io/v1beta1", "Event"): Removal("1.25", "events.k8s.io/v1", "1.19"),
    ("node.k8s.io/v1beta1", "RuntimeClass"): Removal("1.25", "node.k8s.io/v1", "1.20"),
    **{
        (f"flowcontrol.apiserver.k8s.io/{version}", kind): Removal(
            since, "flowcontrol.apiserver.k8s.io/v1", "1.29"
        )
        for version, since in (("v1beta1", "1.26"), ("v1beta2", "1.29"), ("v1beta3", "1.32"))
        for kind in ("FlowSchema", "PriorityLevelConfiguration")
    },
}
"""By API version and kind, as a manifest names them."""
