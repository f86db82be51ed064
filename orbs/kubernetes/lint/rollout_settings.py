"""progress-deadline, replicas-with-autoscaler: settings that work against the rollout."""

from __future__ import annotations

from collections.abc import Iterator

from orbs.kubernetes.lint.podspec import dig
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.lint.selecting import same_namespace
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["RULES"]

_DEFAULT_DEADLINE_S = 600
"""``progressDeadlineSeconds`` of a Deployment that says nothing."""


def _check_deadline(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    if manifest.kind != "Deployment":
        return
    spec = dig(manifest.value, "spec")
    minimum = spec.get("minReadySeconds") or 0
    deadline = spec.get("progressDeadlineSeconds", _DEFAULT_DEADLINE_S)
    if isinstance(minimum, int) and isinstance(deadline, int) and deadline <= minimum:
        field = (
            "progressDeadlineSeconds" if "progressDeadlineSeconds" in spec else "minReadySeconds"
        )
        yield Said(
            ("spec", field),
            f"{manifest.ref}: progressDeadlineSeconds ({deadline}) must be more than "
            f"minReadySeconds ({minimum})",
            f"write progressDeadlineSeconds: {minimum + _DEFAULT_DEADLINE_S}",
        )


def _check_replicas(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    if "replicas" not in dig(manifest.value, "spec"):
        return
    for scaler in context.of_kind("HorizontalPodAutoscaler"):
        target = dig(scaler.value, "spec", "scaleTargetRef")
        named = (target.get("kind"), target.get("name"))
        if named == (manifest.kind, manifest.name) and same_namespace(scaler, manifest):
            yield Said(
                ("spec", "replicas"),
                f"{manifest.ref} has replicas, and {scaler.ref} decides on them too",
                "remove spec.replicas: each deploy would undo what the autoscaler has done",
            )


RULES = (
    Rule(
        name="progress-deadline",
        severity="error",
        summary="progressDeadlineSeconds of a Deployment is not more than its minReadySeconds.",
        reason="The API server refuses it: such a rollout could never succeed in time.",
        example="""\
kind: Deployment
spec:
  minReadySeconds: 30
  progressDeadlineSeconds: 600
""",
        check=_check_deadline,
    ),
    Rule(
        name="replicas-with-autoscaler",
        severity="warning",
        summary="A workload that a HorizontalPodAutoscaler scales has `spec.replicas`.",
        reason="Every deploy would set the number back, and take capacity away in the middle of the "
        "day.",
        example="""\
kind: Deployment
spec:
  selector: …   # and no replicas
""",
        check=_check_replicas,
    ),
)
