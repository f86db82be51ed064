"""Pods that find no node."""

from __future__ import annotations

import re

from orbs.kubernetes.verdict.containers import template_of
from orbs.kubernetes.verdict.fields import Json, condition, items, mapping, name_of, text
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.model import Cause
from orbs.kubernetes.verdict.suspicion import NEVER, Suspicion
from pipeline.errors import excerpt

_INSUFFICIENT = re.compile(r"Insufficient ([\w./-]+[\w])")
_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')
_PLACEMENT = (
    ("node selector", re.compile(r"node selector|node affinity|node\(s\) didn't match")),
    ("taint", re.compile(r"taint")),
)


def scheduling_suspicion(pod: Json, grace: Grace) -> Suspicion | None:
    """Return why the Pod has no node, or None where it has one or was not looked at yet."""
    scheduled = condition(pod, "PodScheduled")
    if text(scheduled, "status") != "False":
        return None
    reason, message = text(scheduled, "reason"), text(scheduled, "message")
    if reason == "SchedulingGated":
        code, summary, hint, seconds = _gated()
    elif reason == "Unschedulable":
        code, summary, hint, seconds = _meaning(message, pod, grace)
    else:
        return None
    evidence = (f"Pod {name_of(pod)}: the scheduler says: {excerpt(message)}",)
    cause = Cause(code, summary, evidence if message else (), hint, pod=name_of(pod))
    return Suspicion((template_of(pod), "", "scheduling"), cause, seconds)


def _gated() -> tuple[str, str, str, float]:
    return (
        "scheduling-gated",
        "the Pod waits for somebody to remove its scheduling gates",
        "see spec.schedulingGates of the Pod, and the controller that should remove them",
        NEVER,
    )


def _meaning(message: str, pod: Json, grace: Grace) -> tuple[str, str, str, float]:
    claim = _CLAIM.search(message)
    if claim:
        return (
            "volume-claim-missing",
            f"the PersistentVolumeClaim {claim[1]!r}, which the Pod refers to, does not exist",
            "add it to the manifests, or correct its name in the Pod",
            grace.account_s,
        )
    if "PersistentVolumeClaim" in message or "volume" in message:
        return (
            "volume-not-bound",
            "no node has the volume that the Pod needs",
            "see `kubectl describe pvc`: the storage class, and the zone of an existing disk",
            grace.placement_s,
        )
    short = sorted(set(_INSUFFICIENT.findall(message)))
    if short:
        return (
            "no-resources",
            f"no node has enough free {' and '.join(short)} for the Pod, which asks for "
            f"{_requests(pod) or 'what its limits say'}",
            "lower resources.requests, or add nodes; Pods of the old version keep theirs until the "
            "new ones are ready",
            grace.resources_s,
        )
    for name, pattern in _PLACEMENT:
        if pattern.search(message):
            return (
                "no-node-allowed",
                f"no node may take the Pod: none fits its {name} rules",
                "compare nodeSelector, affinity and tolerations of the Pod with the labels and "
                "taints of the nodes (`kubectl get nodes --show-labels`)",
                grace.placement_s,
            )
    return (
        "unschedulable",
        "the Pod cannot be placed on any node",
        "look at the scheduler's message above",
        grace.resources_s,
    )


def _requests(pod: Json) -> str:
    asked = []
    for container in items(pod, "spec", "containers"):
        requests = mapping(container, "resources", "requests")
        asked += [f"{name} {amount}" for name, amount in requests.items()]
    return ", ".join(asked)
