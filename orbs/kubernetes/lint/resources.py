"""resources-missing: what a container asks of its node."""

from __future__ import annotations

from collections.abc import Iterator

from orbs.kubernetes.lint.podspec import containers, dig, pod_template
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["RULES"]

_WANTED = (("requests", "cpu"), ("requests", "memory"), ("limits", "memory"))


def _check(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    template = pod_template(manifest.value)
    for container in containers(template) if template else ():
        resources = dig(container.value, "resources")
        missing = [
            f"{part}.{name}"
            for part, name in _WANTED
            # A limit without a request is taken for the request too.
            if name not in dig(resources, part) and name not in dig(resources, "limits")
        ]
        if missing:
            path = (*container.path, *(("resources",) if resources else ()))
            yield Said(
                path,
                f"{manifest.ref}: the container {container.name} has no {', '.join(missing)}",
                "as in resources: {requests: {cpu: 100m, memory: 256Mi}, limits: {memory: 512Mi}}",
            )


RULES = (
    Rule(
        name="resources-missing",
        severity="warning",
        summary="A container says nothing of the CPU and memory that it needs.",
        reason="Without requests the scheduler puts it on any node, however full, and a "
        "HorizontalPodAutoscaler on CPU has nothing to measure against. Without a memory limit a "
        "leak takes the node's other Pods with it. A CPU limit is not asked for: it slows requests "
        "down on an idle node.",
        example="""\
resources:
  requests:
    cpu: 100m
    memory: 256Mi
  limits:
    memory: 512Mi
""",
        check=_check,
    ),
)
