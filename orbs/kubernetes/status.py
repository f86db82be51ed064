"""What runs in an environment: workloads, their Pods, what is wrong with them, the last migration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from orbs.kubernetes.cluster import Cluster
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.names import (
    DEPLOYED_AT_ANNOTATION,
    DEPLOYED_BY_ANNOTATION,
    REVISION_ANNOTATION,
)
from orbs.kubernetes.observe import Target, observe
from orbs.kubernetes.verdict import Failed, Progressing, judge
from orbs.kubernetes.verdict.fields import dig, holds, items, number, text
from orbs.kubernetes.workload import last_job, pods_of, workload_kind
from pipeline.output import Console, format_duration, table_lines

__all__ = ["PodStatus", "StatusReport", "WorkloadStatus", "print_status", "read_status"]


@dataclass(frozen=True, slots=True)
class PodStatus:
    """A Pod in a word or two.

    Attributes:
        name: its name.
        state: what kubectl's STATUS column would say.
        ready: ready containers of all, ``1/1``.
        restarts: of all its containers.
        age_s: seconds since it was made.
    """

    name: str
    state: str
    ready: str
    restarts: int
    age_s: float


@dataclass(frozen=True, slots=True)
class WorkloadStatus:
    """A workload as it is.

    Attributes:
        ref: ``Deployment/hoge-app``.
        found: whether it is there at all.
        verdict: ``running``, ``progressing`` or ``failing``.
        message: where it stands, or why it fails.
        ready: ready Pods of those wanted, ``2/2``.
        images: of its containers.
        revision: the source revision it was deployed from; "" where it does not say.
        deployed_by: who deployed it.
        deployed_at: when, in UTC.
        hints: what to do about what is wrong.
        pods: its Pods.
    """

    ref: str
    found: bool
    verdict: str = "missing"
    message: str = ""
    ready: str = ""
    images: tuple[str, ...] = ()
    revision: str = ""
    deployed_by: str = ""
    deployed_at: str = ""
    hints: tuple[str, ...] = ()
    pods: tuple[PodStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What runs, and the last migration (name and outcome, "" where there was none)."""

    namespace: str
    server: str
    workloads: tuple[WorkloadStatus, ...]
    migration: str = ""


def read_status(
    cluster: Cluster, manifests: Sequence[RenderedManifest], *, now: datetime | None = None
) -> StatusReport:
    """Look at the workloads of the manifests once.

    Raises:
        OrbyardError: the cluster does not answer, or does not let us look.
    """
    moment = now or datetime.now(UTC)
    workloads = [
        _workload(cluster, manifest, moment) for manifest in manifests if workload_kind(manifest)
    ]
    job = last_job(cluster, manifests)
    return StatusReport(
        cluster.namespace, cluster.server, tuple(workloads), _outcome(job) if job else ""
    )


def _workload(cluster: Cluster, manifest: RenderedManifest, now: datetime) -> WorkloadStatus:
    kind = workload_kind(manifest)
    assert kind is not None
    live = cluster.get(kind, manifest.name, manifest.namespace)
    if live is None:
        return WorkloadStatus(manifest.ref, found=False, message="it was never deployed here")
    pods = pods_of(cluster, live)
    verdict, message, hints = _judged(cluster, kind.kind, live)
    wanted = number(live, "spec", "replicas", default=1)
    if kind.kind == "DaemonSet":
        wanted = number(live, "status", "desiredNumberScheduled")
    ready = number(live, "status", "readyReplicas") or number(live, "status", "numberReady")
    return WorkloadStatus(
        ref=manifest.ref,
        found=True,
        verdict=verdict,
        message=message,
        ready=f"{ready}/{wanted}",
        images=tuple(
            text(container, "image")
            for container in items(live, "spec", "template", "spec", "containers")
        ),
        revision=text(live, "metadata", "annotations", REVISION_ANNOTATION),
        deployed_by=text(live, "metadata", "annotations", DEPLOYED_BY_ANNOTATION),
        deployed_at=text(live, "metadata", "annotations", DEPLOYED_AT_ANNOTATION),
        hints=hints,
        pods=tuple(_pod(pod, now) for pod in pods),
    )


def _judged(cluster: Cluster, kind: str, live: dict[str, Any]) -> tuple[str, str, tuple[str, ...]]:
    target = Target.of(live, cluster.namespace)
    assert target is not None
    found, _ = judge(kind, observe(cluster, target, now_s=0.0))
    if isinstance(found, Failed):
        return "failing", found.cause.summary, (found.cause.hint,)
    if isinstance(found, Progressing):
        if found.suspects:
            first = found.suspects[0]
            return "failing", first.summary, (first.hint,)
        return "progressing", found.message, ()
    return "running", found.message, ()


def _pod(pod: dict[str, Any], now: datetime) -> PodStatus:
    containers = items(pod, "status", "containerStatuses")
    ready = sum(container.get("ready") is True for container in containers)
    return PodStatus(
        name=text(pod, "metadata", "name"),
        state=_state(pod),
        ready=f"{ready}/{len(items(pod, 'spec', 'containers'))}",
        restarts=sum(number(container, "restartCount") for container in containers),
        age_s=_age_s(text(pod, "metadata", "creationTimestamp"), now),
    )


def _state(pod: dict[str, Any]) -> str:
    if text(pod, "metadata", "deletionTimestamp"):
        return "Terminating"
    statuses = items(pod, "status", "initContainerStatuses") + items(
        pod, "status", "containerStatuses"
    )
    for status in statuses:
        reason = text(status, "state", "waiting", "reason") or text(
            status, "state", "terminated", "reason"
        )
        if reason and reason not in ("Completed", "PodInitializing"):
            return reason
    return text(pod, "status", "reason") or text(pod, "status", "phase")


def _age_s(written: str, now: datetime) -> float:
    try:
        return (now - datetime.fromisoformat(written)).total_seconds()
    except ValueError:
        return 0.0


def _outcome(job: dict[str, Any]) -> str:
    name = text(job, "metadata", "name")
    if holds(job, "Complete"):
        return f"{name}: complete"
    if holds(job, "Failed"):
        return f"{name}: failed"
    return f"{name}: {'running' if dig(job, 'status', 'active') else 'not started'}"


def print_status(report: StatusReport, console: Console, *, as_json: bool) -> None:
    """Print a report to standard output, for people or as JSON."""
    if as_json:
        console.result(json.dumps(asdict(report), indent=2))
        return
    colours = {"running": "green", "progressing": "yellow", "failing": "red", "missing": "yellow"}
    console.result(f"namespace {report.namespace} of {report.server}")
    for workload in report.workloads:
        verdict = console.style(workload.verdict, colours[workload.verdict], "bold")
        console.result(
            f"\n{workload.ref}  {workload.ready}  {verdict}  {workload.message}".rstrip()
        )
        for hint in filter(None, workload.hints):
            console.result(f"  what to do: {hint}")
        if workload.found:
            _print_workload(workload, console)
    console.result(f"\nlast migration: {report.migration or 'none'}")


def _print_workload(workload: WorkloadStatus, console: Console) -> None:
    for image in workload.images:
        console.result(f"  image     {image}")
    deployed = [
        f"{word} {value}"
        for word, value in (("at", workload.deployed_at), ("by", workload.deployed_by))
        if value
    ]
    if workload.revision or deployed:
        console.result(f"  revision  {' '.join([workload.revision or 'unknown', *deployed])}")
    rows = [
        (pod.name, pod.ready, pod.state, str(pod.restarts), format_duration(pod.age_s))
        for pod in workload.pods
    ]
    for line in table_lines(rows, heading=("POD", "READY", "STATE", "RESTARTS", "AGE")):
        console.result(f"  {line}")
