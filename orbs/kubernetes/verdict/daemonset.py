"""DaemonSets."""

from __future__ import annotations

from orbs.kubernetes.verdict.creation import creation_suspicion
from orbs.kubernetes.verdict.fields import Json, count, number, owned_by, text, uid_of
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.identity import is_noticed, lost_cause, unnoticed_suspicion
from orbs.kubernetes.verdict.model import Cause, Failed, Memory, Observation, Succeeded, Verdict
from orbs.kubernetes.verdict.pods import pod_suspicions
from orbs.kubernetes.verdict.settling import settled, unsettled
from orbs.kubernetes.verdict.suspicion import decide

GENERATION = "deprecated.daemonset.template.generation"
"""The annotation that counts a DaemonSet's templates; its Pods carry the count as a label. Called
deprecated since 1.9 and still written by every version."""


def judge_daemonset(
    observation: Observation, memory: Memory | None = None, grace: Grace | None = None
) -> tuple[Verdict, Memory]:
    """Return what an observation of a DaemonSet means, and what to remember for the next look."""
    memory, grace = memory or Memory(), grace or Grace()
    lost = lost_cause(observation)
    found = observation.workload
    if lost or found is None:
        return Failed(lost or Cause("deleted", "it is gone")), memory
    if not is_noticed(observation):
        suspicions = [unnoticed_suspicion(observation, grace)]
        told = "waiting for the cluster to notice the change"
        return decide(suspicions, memory, grace, now_s=observation.taken_at_s, message=told)
    if text(found, "spec", "updateStrategy", "type") == "OnDelete":
        told = "changed; its Pods are updated when somebody deletes them (OnDelete)"
        return Succeeded(told), memory
    pods = new_pods(observation)
    wanted = number(found, "status", "desiredNumberScheduled")
    updated = number(found, "status", "updatedNumberScheduled")
    available = number(found, "status", "numberAvailable")
    if updated >= wanted and available >= wanted:
        told = f"a Pod ready on {count(wanted, 'node')}" if wanted else "no node wants a Pod of it"
        return settled(observation, pods, memory, grace, told)
    suspicions = pod_suspicions(pods, observation.events, grace)
    if number(found, "status", "currentNumberScheduled") < wanted:
        refused = creation_suspicion(found, observation.events, grace)
        suspicions = [refused, *suspicions] if refused else suspicions
    return decide(
        suspicions,
        unsettled(observation, memory),
        grace,
        now_s=observation.taken_at_s,
        message=f"{updated} of {count(wanted, 'node')} updated, {available} ready",
    )


def new_pods(observation: Observation) -> list[Json]:
    """Return the Pods of the newest template."""
    uid = uid_of(observation.workload)
    template = text(observation.workload, "metadata", "annotations", GENERATION)
    return [
        pod
        for pod in observation.pods
        if owned_by(pod, uid)
        and text(pod, "metadata", "labels", "pod-template-generation") == template
    ]
