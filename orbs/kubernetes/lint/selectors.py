"""selector-mismatch, service-selects-nothing, service-selects-job, service-target-port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orbs.kubernetes.lint.podspec import containers, dig, entries, pod_template
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.lint.selecting import matches, selected_by
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["RULES"]

_SELECTING = ("DaemonSet", "Deployment", "ReplicaSet", "StatefulSet")


def _check_selector(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    template = pod_template(manifest.value)
    if manifest.kind not in _SELECTING or template is None:
        return
    spec = dig(manifest.value, "spec")
    selector, labels = dig(spec, "selector"), template.labels
    if not selector:
        if manifest.api_version == "apps/v1" and not spec.get("selector"):
            yield Said(
                ("spec", "selector"),
                f"{manifest.ref} lacks spec.selector, which is required",
                "write the labels of its Pods: " + _as_flow({"matchLabels": dict(labels)}),
            )
    elif not matches(selector, labels):
        yield Said(
            ("spec", "selector"),
            f"{manifest.ref}: the selector does not match the labels of its own Pods",
            f"the Pods have {_as_flow(labels)}; the selector wants {_as_flow(selector)}",
        )


def _as_flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_as_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_flow, value)) + "]"
    return str(value)


def _check_selects_nothing(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    selector = dig(manifest.value, "spec", "selector")
    if manifest.kind == "Service" and selector and not selected_by(manifest, context):
        yield Said(
            ("spec", "selector"),
            f"{manifest.ref} selects the Pods of nothing in this set: {_as_flow(selector)}",
            "compare it with spec.template.metadata.labels of the Deployment",
        )


def _check_selects_job(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    if manifest.kind != "Service":
        return
    for workload in selected_by(manifest, context):
        if workload.kind in {"Job", "CronJob"}:
            yield Said(
                ("spec", "selector"),
                f"{manifest.ref} also selects the Pods of {workload.ref}, and sends them requests "
                "while they run",
                f"give the Pods of {workload.ref} another label",
            )


def _check_target_port(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    if manifest.kind != "Service":
        return
    workloads = [
        found for found in selected_by(manifest, context) if found.kind not in {"Job", "CronJob"}
    ]
    if not workloads:
        return
    declared = [port for workload in workloads for port in _ports(workload)]
    names = {str(port["name"]) for port in declared if port.get("name")}
    numbers = [port.get("containerPort") for port in declared]
    for index, port in entries(dig(manifest.value, "spec"), "ports"):
        target = port.get("targetPort", port.get("port"))
        path = ("spec", "ports", index, "targetPort" if "targetPort" in port else "port")
        if isinstance(target, str) and not target.isdigit() and target not in names:
            known = f"named there: {', '.join(sorted(names))}" if names else None
            yield Said(
                path,
                f"{manifest.ref} sends to the port {target!r}, which no container of "
                f"{workloads[0].ref} names",
                known or "give the container's port that name, or write its number here",
            )
        elif isinstance(target, int) and declared and target not in numbers:
            yield Said(
                path,
                f"{manifest.ref} sends to the port {target}, which no container of "
                f"{workloads[0].ref} declares",
                "declared there: " + ", ".join(map(str, numbers)),
                "warning",
            )


def _ports(workload: RenderedManifest) -> Iterator[Any]:
    template = pod_template(workload.value)
    for container in containers(template) if template else ():
        yield from (port for _, port in entries(container.value, "ports"))


_SERVICE_EXAMPLE = """\
kind: Service
spec:
  selector:
    app: hoge-app       # a label of the Deployment's Pods, and of no Job's
  ports:
    - port: 80
      targetPort: http  # the name of a port of the container
"""

RULES = (
    Rule(
        name="selector-mismatch",
        severity="error",
        summary="A Deployment's selector does not match the labels of its own Pods, or is missing.",
        reason="The API server refuses it. The selector cannot be changed later, so it should name "
        "what never changes, such as the app's name.",
        example="""\
kind: Deployment
spec:
  selector:
    matchLabels:
      app: hoge-app
  template:
    metadata:
      labels:
        app: hoge-app
""",
        check=_check_selector,
    ),
    Rule(
        name="service-selects-nothing",
        severity="warning",
        summary="A Service selects no Pod that this set makes.",
        reason="Requests to it would be answered by nobody. It is no error, since the Pods may be "
        "deployed by another repository.",
        example=_SERVICE_EXAMPLE,
        check=_check_selects_nothing,
    ),
    Rule(
        name="service-selects-job",
        severity="warning",
        summary="A Service also selects the Pods of a Job.",
        reason="A Pod without a readinessProbe is ready when it starts: while the migration runs it "
        "gets a share of the requests, and answers none.",
        example=_SERVICE_EXAMPLE,
        check=_check_selects_job,
    ),
    Rule(
        name="service-target-port",
        severity="error",
        summary="A Service sends to a port that no container behind it has.",
        reason="A name that no port has leaves the Service without endpoints (error). A number that "
        "is not declared works if something listens there, and is mostly a slip (warning).",
        example=_SERVICE_EXAMPLE,
        check=_check_target_port,
    ),
)
