"""StatefulSets."""

from __future__ import annotations

from orbs.kubernetes.verdict.creation import creation_suspicion
from orbs.kubernetes.verdict.fields import Json, count, name_of, number, owned_by, text, uid_of
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.identity import is_noticed, lost_cause, unnoticed_suspicion
from orbs.kubernetes.verdict.model import Cause, Failed, Memory, Observation, Succeeded, Verdict
from orbs.kubernetes.verdict.pods import pod_suspicions
from orbs.kubernetes.verdict.settling import settled, unsettled
from orbs.kubernetes.verdict.suspicion import decide


def judge_statefulset(
    observation: Observation, memory: Memory | None = None, grace: Grace | None = None
) -> tuple[Verdict, Memory]:
    """Return what an observation of a StatefulSet means, and what to remember for the next look.

    Pods below ``rollingUpdate.partition`` keep their version; with ``OnDelete`` all do until
    somebody deletes them, so these count as done.
    """
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
    if _is_complete(found):
        told = f"{count(_wanted(found), 'Pod')} ready"
        return settled(observation, pods, memory, grace, told)
    suspicions = pod_suspicions(pods, observation.events, grace)
    if number(found, "status", "replicas") < _wanted(found):
        refused = creation_suspicion(found, observation.events, grace)
        suspicions = [refused, *suspicions] if refused else suspicions
    return decide(
        suspicions,
        unsettled(observation, memory),
        grace,
        now_s=observation.taken_at_s,
        message=_progress(found, pods),
    )


def new_pods(observation: Observation) -> list[Json]:
    """Return the Pods of the revision that is being rolled out."""
    uid = uid_of(observation.workload)
    revision = text(observation.workload, "status", "updateRevision")
    return [
        pod
        for pod in observation.pods
        if owned_by(pod, uid)
        and text(pod, "metadata", "labels", "controller-revision-hash") == revision
    ]


def _wanted(found: Json) -> int:
    return number(found, "spec", "replicas", default=1)


def _partition(found: Json) -> int:
    return number(found, "spec", "updateStrategy", "rollingUpdate", "partition")


def _available(found: Json) -> int:
    """Ready Pods; available ones where the server counts these (1.22 and later)."""
    ready = number(found, "status", "readyReplicas")
    return number(found, "status", "availableReplicas", default=ready)


def _is_complete(found: Json) -> bool:
    wanted = _wanted(found)
    updated = number(found, "status", "updatedReplicas")
    if text(found, "status", "currentRevision") == text(found, "status", "updateRevision"):
        updated = wanted  # With equal revisions some versions leave this count out.
    return (
        number(found, "status", "replicas") == wanted
        and _available(found) == wanted
        and number(found, "status", "readyReplicas") == wanted
        and updated >= max(wanted - _partition(found), 0)
    )


def _progress(found: Json, pods: list[Json]) -> str:
    wanted = max(_wanted(found) - _partition(found), 0)
    updated = min(number(found, "status", "updatedReplicas"), wanted)
    ready = number(found, "status", "readyReplicas")
    told = f"{updated} of {count(wanted, 'Pod')} updated, {ready} ready"
    return f"{told}; one after another, now {name_of(pods[-1])}" if pods else told
