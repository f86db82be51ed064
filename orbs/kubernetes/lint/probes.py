"""missing-readiness-probe, missing-liveness-probe, probe-port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orbs.kubernetes.lint.podspec import Container, containers, dig, entries, pod_template
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.lint.selecting import services_of
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["RULES"]

_LONG_RUNNING = ("DaemonSet", "Deployment", "StatefulSet")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def _main_containers(manifest: RenderedManifest) -> list[Container]:
    template = pod_template(manifest.value)
    return [found for found in containers(template) if not found.init] if template else []


def _check_readiness(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    if manifest.kind not in _LONG_RUNNING:
        return
    services = services_of(manifest, context)
    for container in _main_containers(manifest):
        if container.value.get("readinessProbe"):
            continue
        # A sidecar behind no port of a Service takes no requests, and needs no word on them.
        served = [name for name, ports in services if _serves(container, ports)]
        message = f"{manifest.ref}: the container {container.name} has no readinessProbe"
        hint = "add one that answers when the container can work, as in `httpGet: {path: /ready}`"
        if served:
            message += f", and the Service {served[0]} sends it requests as soon as it starts"
            yield Said(container.path, message, hint, "error")
        else:
            yield Said(container.path, message, hint)


def _serves(container: Container, targets: list[Any]) -> bool:
    ports = [port for _, port in entries(container.value, "ports")]
    if not ports:
        return True  # Ports need not be declared; it may be the one.
    own = [port.get(field) for port in ports for field in ("name", "containerPort")]
    return any(target in own for target in targets)


def _check_liveness(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    if manifest.kind not in _LONG_RUNNING:
        return
    for container in _main_containers(manifest):
        if not container.value.get("livenessProbe"):
            yield Said(
                container.path,
                f"{manifest.ref}: the container {container.name} has no livenessProbe",
                "add one that asks the process alone, not the database: `httpGet: {path: /live}`",
            )


def _check_port(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    template = pod_template(manifest.value)
    for container in containers(template) if template else ():
        declared = [port for _, port in entries(container.value, "ports")]
        names = sorted(str(port["name"]) for port in declared if port.get("name"))
        numbers = [port.get("containerPort") for port in declared]
        for probe in _PROBES:
            for handler in ("httpGet", "tcpSocket"):
                port = _port(container.value, probe, handler)
                path = (*container.path, probe, handler, "port")
                place = f"{manifest.ref}: the {probe} of the container {container.name}"
                if isinstance(port, str) and not port.isdigit() and port not in names:
                    known = f"its ports are named {', '.join(names)}" if names else None
                    yield Said(
                        path,
                        f"{place} asks the port {port!r}, which the container does not name",
                        known or "give the port that name in `ports`, or write its number here",
                        "error",
                    )
                elif isinstance(port, int) and declared and port not in numbers:
                    yield Said(
                        path,
                        f"{place} asks the port {port}, which is not among its ports",
                        "its ports are " + ", ".join(map(str, numbers)),
                    )


def _port(container: Mapping[str, Any], probe: str, handler: str) -> Any:
    return dig(container, probe, handler).get("port")


RULES = (
    Rule(
        name="missing-readiness-probe",
        severity="warning",
        summary="A container of a Deployment, StatefulSet or DaemonSet has no readinessProbe.",
        reason="A rollout waits for Pods to be ready. Without the probe a Pod counts as ready when "
        "its process starts: a version that cannot reach its database goes out as a success. It is "
        "an error where a Service of the set sends requests to the container.",
        example="""\
readinessProbe:
  httpGet:
    path: /ready   # asks what a request needs, the database too
    port: http
""",
        check=_check_readiness,
    ),
    Rule(
        name="missing-liveness-probe",
        severity="warning",
        summary="A container of a Deployment, StatefulSet or DaemonSet has no livenessProbe.",
        reason="A process that hangs is not restarted by anything else.",
        example="""\
livenessProbe:
  httpGet:
    path: /live   # asks the process alone: a restart mends no database
    port: http
""",
        check=_check_liveness,
    ),
    Rule(
        name="probe-port",
        severity="warning",
        summary="A probe asks a port that the container does not declare.",
        reason="A number that is not among the container's ports is mostly a slip (warning); a name "
        "that no port has can never be answered (error).",
        example="""\
ports:
  - name: http
    containerPort: 3000
readinessProbe:
  httpGet:
    path: /ready
    port: http
""",
        check=_check_port,
    ),
)
