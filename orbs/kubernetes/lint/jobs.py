"""job-restart-policy, job-backoff-limit."""

from __future__ import annotations

from collections.abc import Iterator

from orbs.kubernetes.lint.podspec import dig, pod_template
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["RULES"]


def _check_restart(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    template = pod_template(manifest.value)
    if manifest.kind not in {"Job", "CronJob"} or template is None:
        return
    path = (*template.spec_path, "restartPolicy")
    policy = template.spec.get("restartPolicy")
    if policy in (None, "Always"):
        found = "restartPolicy: Always" if policy else "no restartPolicy, which means Always"
        yield Said(
            path,
            f"{manifest.ref} has {found}: a Job that is restarted when it ends never ends",
            "write `restartPolicy: Never`",
        )
    elif policy == "OnFailure":
        yield Said(
            path,
            f"{manifest.ref} has restartPolicy: OnFailure: the logs of a failed attempt are lost "
            "with its container",
            "write `restartPolicy: Never`; `backoffLimit` says how often it is tried",
            "warning",
        )


def _check_backoff(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    if manifest.kind != "Job":
        return
    limit = dig(manifest.value, "spec").get("backoffLimit")
    if limit != 0:
        found = "no backoffLimit, which means 6" if limit is None else f"backoffLimit: {limit}"
        yield Said(
            ("spec", "backoffLimit"),
            f"{manifest.ref} has {found}: a migration that failed half-way is run again at once",
            "write `backoffLimit: 0`, so that a person looks first",
        )


RULES = (
    Rule(
        name="job-restart-policy",
        severity="error",
        summary="A Job has `restartPolicy: Always`, which is also what it has when nothing is said.",
        reason="The API server refuses it. `OnFailure` is a warning: Kubernetes restarts the "
        "container in the same Pod, and deletes the Pod with its logs when the Job gives up.",
        example="""\
kind: Job
spec:
  template:
    spec:
      restartPolicy: Never
""",
        check=_check_restart,
    ),
    Rule(
        name="job-backoff-limit",
        severity="warning",
        summary="A Job of the set is tried again when it fails.",
        reason="The Jobs of a deploy are its migrations. One that failed half-way can do harm when "
        "it is run again without a look.",
        example="""\
kind: Job
spec:
  backoffLimit: 0
""",
        check=_check_backoff,
    ),
)
