"""Deployments."""

from __future__ import annotations

import math
from collections.abc import Sequence

from orbs.kubernetes.verdict.creation import creation_suspicion
from orbs.kubernetes.verdict.fields import (
    Json,
    condition,
    count,
    dig,
    is_true,
    number,
    owned_by,
    text,
    uid_of,
)
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.identity import is_noticed, lost_cause, unnoticed_suspicion
from orbs.kubernetes.verdict.model import Cause, Failed, Memory, Observation, Verdict
from orbs.kubernetes.verdict.pods import pod_suspicions
from orbs.kubernetes.verdict.settling import settled, unsettled
from orbs.kubernetes.verdict.suspicion import Suspicion, decide

REVISION = "deployment.kubernetes.io/revision"
"""The Deployment controller's annotation on a Deployment and on its ReplicaSets."""


def judge_deployment(
    observation: Observation, memory: Memory | None = None, grace: Grace | None = None
) -> tuple[Verdict, Memory]:
    """Return what an observation of a Deployment means, and what to remember for the next look.

    Success is kubectl's rule (every wanted Pod is updated and available, no other is left), and
    that the status is about what was applied. Only Pods of the new ReplicaSet are blamed.
    """
    memory, grace = memory or Memory(), grace or Grace()
    lost = lost_cause(observation)
    found = observation.workload
    if lost or found is None:
        return Failed(lost or Cause("deleted", "it is gone")), memory
    if is_true(found, "spec", "paused"):
        return Failed(_paused()), memory
    if not is_noticed(observation):
        suspicions = [unnoticed_suspicion(observation, grace)]
        told = "waiting for the cluster to notice the change"
        return decide(suspicions, memory, grace, now_s=observation.taken_at_s, message=told)
    pods = new_pods(observation)
    if _is_complete(found):
        wanted = _wanted(found)
        told = f"{count(wanted, 'Pod')} ready" if wanted else "no Pods wanted (replicas: 0)"
        return settled(observation, pods, memory, grace, told)
    return decide(
        _suspicions(observation, found, pods, grace),
        unsettled(observation, memory),
        grace,
        now_s=observation.taken_at_s,
        message=_progress(found),
        tolerated=_tolerated(found),
    )


def new_replicaset(observation: Observation) -> Json | None:
    """Return the ReplicaSet of the newest template: ours by owner's UID, and of our revision."""
    revision = text(observation.workload, "metadata", "annotations", REVISION)
    uid = uid_of(observation.workload)
    for found in observation.replicasets:
        if owned_by(found, uid) and text(found, "metadata", "annotations", REVISION) == revision:
            return found
    return None


def new_pods(observation: Observation) -> list[Json]:
    """Return the Pods of the newest template."""
    uid = uid_of(new_replicaset(observation))
    return [pod for pod in observation.pods if owned_by(pod, uid)]


def _wanted(found: Json) -> int:
    return number(found, "spec", "replicas", default=1)


def _is_complete(found: Json) -> bool:
    wanted = _wanted(found)
    # The controller leaves out counts that are zero.
    counts = ("updatedReplicas", "availableReplicas", "replicas")
    return all(number(found, "status", name) == wanted for name in counts)


def _suspicions(
    observation: Observation, found: Json, pods: Sequence[Json], grace: Grace
) -> list[Suspicion]:
    suspicions = []
    created = number(found, "status", "updatedReplicas")
    if created < _wanted(found):
        owner = new_replicaset(observation)
        refused = creation_suspicion(found, observation.events, grace) or (
            creation_suspicion(owner, observation.events, grace) if owner else None
        )
        suspicions += [refused] if refused else []
    suspicions += pod_suspicions(pods, observation.events, grace)
    late = _deadline_suspicion(found, suspicions, grace)
    return [*suspicions, late] if late else suspicions


def _deadline_suspicion(
    found: Json, suspicions: Sequence[Suspicion], grace: Grace
) -> Suspicion | None:
    progress = condition(found, "Progressing")
    if text(progress, "reason") != "ProgressDeadlineExceeded":
        return None
    allowed = number(found, "spec", "progressDeadlineSeconds", default=600)
    summary = f"no progress for {allowed} seconds (progressDeadlineSeconds)"
    worst = suspicions[0].cause if suspicions else None
    cause = Cause(
        "progress-deadline",
        f"{summary}; what blocks it: {worst.summary}" if worst else summary,
        (*(worst.evidence if worst else ()), f"Kubernetes says: {text(progress, 'message')}"),
        worst.hint if worst else "look at the state of its Pods",
        worst.container if worst else "",
        worst.pod if worst else "",
    )
    return Suspicion((uid_of(found), "", "deadline"), cause, grace.deadline_s)


def _progress(found: Json) -> str:
    wanted = _wanted(found)
    available = number(found, "status", "availableReplicas")
    updated = number(found, "status", "updatedReplicas")
    total = number(found, "status", "replicas")
    if updated < wanted:
        return f"{updated} of {count(wanted, 'new Pod')} created"
    if total > updated:
        ready = min(available, updated)
        rest = count(total - updated, "old Pod")
        return f"{ready} of {count(wanted, 'Pod')} available, {rest} still to be stopped"
    seconds = number(found, "spec", "minReadySeconds")
    told = f"{min(available, wanted)} of {count(wanted, 'new Pod')} ready"
    if number(found, "status", "readyReplicas") >= wanted > available and seconds:
        told = f"all new Pods ready; they must stay so for {seconds} s (minReadySeconds)"
    return told


def _tolerated(found: Json) -> int:
    """How many Pods the rolling update itself would accept as missing (rounded down, as it does)."""
    written = dig(found, "spec", "strategy", "rollingUpdate", "maxUnavailable")
    if isinstance(written, int) and not isinstance(written, bool):
        return min(written, max(_wanted(found) - 1, 0))
    percent = str(written if written is not None else "25%").removesuffix("%")
    return math.floor(_wanted(found) * int(percent) / 100) if percent.isdigit() else 0


def _paused() -> Cause:
    return Cause(
        "paused",
        "it is paused (spec.paused), so nothing is rolled out",
        hint="remove `paused: true`, or run `kubectl rollout resume`, then deploy again",
    )
