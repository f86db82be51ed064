"""Which Pods a selector means, as far as the set itself can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orbs.kubernetes.lint.podspec import dig, entries, pod_template
from orbs.kubernetes.lint.rule import Context
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["matches", "same_namespace", "selected_by", "services_of"]


def matches(selector: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    """Return whether a label selector (``matchLabels``, ``matchExpressions``) means these labels."""
    pairs = dig(selector, "matchLabels").items()
    if any(labels.get(key) != value for key, value in pairs):
        return False
    return all(_expression(item, labels) for _, item in entries(selector, "matchExpressions"))


def _expression(item: Mapping[str, Any], labels: Mapping[str, Any]) -> bool:
    key, values = str(item.get("key")), item.get("values")
    choices = values if isinstance(values, list) else []
    match item.get("operator"):
        case "In":
            return labels.get(key) in choices
        case "NotIn":
            return labels.get(key) not in choices
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return True  # Not an operator: the schema's matter.


def same_namespace(one: RenderedManifest, other: RenderedManifest) -> bool:
    """Return whether two objects of a set end up in one namespace."""
    return one.namespace == other.namespace


def selected_by(service: RenderedManifest, context: Context) -> list[RenderedManifest]:
    """Return the workloads of the set whose Pods the Service sends requests to."""
    selector = dig(service.value, "spec", "selector")
    if not selector:
        return []
    found = []
    for manifest in context.manifests:
        template = pod_template(manifest.value)
        if template is None or not same_namespace(manifest, service):
            continue
        labels = manifest.metadata.get("labels") if manifest.kind == "Pod" else template.labels
        if matches({"matchLabels": selector}, dig({"labels": labels}, "labels")):
            found.append(manifest)
    return found


def services_of(workload: RenderedManifest, context: Context) -> list[tuple[str, list[Any]]]:
    """Return the Services of the set that select a workload: name, and the ports that they aim at."""
    found = []
    for service in context.of_kind("Service"):
        if any(manifest is workload for manifest in selected_by(service, context)):
            ports = entries(dig(service.value, "spec"), "ports")
            targets = [port.get("targetPort", port.get("port")) for _, port in ports]
            found.append((service.name, targets))
    return found
