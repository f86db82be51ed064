"""Everything that can be wrong with Pods, the causes before their consequences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from orbs.kubernetes.verdict.configuration import configuration_suspicion, volume_suspicion
from orbs.kubernetes.verdict.containers import Container, containers_of
from orbs.kubernetes.verdict.crashes import crash_suspicion, start_suspicion
from orbs.kubernetes.verdict.fields import Json, holds, owned_by, text, uid_of
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.images import image_suspicion
from orbs.kubernetes.verdict.probes import readiness_suspicion
from orbs.kubernetes.verdict.scheduling import scheduling_suspicion
from orbs.kubernetes.verdict.suspicion import Suspicion

_OVER = frozenset({"Succeeded", "Failed"})


def pod_suspicions(
    pods: Iterable[Json], events: Sequence[Json], grace: Grace | None = None
) -> list[Suspicion]:
    """Return what is wrong with these Pods, one entry a Pod and cause.

    Pods that are being deleted are left out: how they end says nothing about the new ones. So are
    those that are over: evicted and refused Pods are replaced by their controller.
    """
    found: list[Suspicion] = []
    for pod in pods:
        if text(pod, "metadata", "deletionTimestamp") or text(pod, "status", "phase") in _OVER:
            continue
        found += _of_pod(pod, events, grace or Grace())
    return found


def healthy_pods(pods: Iterable[Json], owners: Iterable[Json]) -> list[Json]:
    """Return the Pods of these owners that are ready to serve and are not being deleted."""
    uids = [uid_of(owner) for owner in owners]
    return [
        pod
        for pod in pods
        if holds(pod, "Ready")
        and not text(pod, "metadata", "deletionTimestamp")
        and any(owned_by(pod, uid) for uid in uids)
    ]


def _of_pod(pod: Json, events: Sequence[Json], grace: Grace) -> Iterator[Suspicion]:
    containers = containers_of(pod)
    for found in (
        scheduling_suspicion(pod, grace),
        volume_suspicion(pod, containers, events, grace),
    ):
        if found:
            yield found
    for container in containers:
        cause = _of_container(container, events, grace)
        if cause:
            yield cause


def _of_container(container: Container, events: Sequence[Json], grace: Grace) -> Suspicion | None:
    return (
        image_suspicion(container, events, grace)
        or configuration_suspicion(container, grace)
        or start_suspicion(container, grace)
        or crash_suspicion(container, events, grace)
        or readiness_suspicion(container, events, grace)
    )
