"""Pods without a readiness probe count as ready the moment they start; so they are watched a while."""

from __future__ import annotations

from collections.abc import Sequence

from orbs.kubernetes.verdict.fields import Json, count, items, number, uid_of
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.model import Memory, Observation, Progressing, Succeeded, Verdict

_CODE = "settling"


def settled(
    observation: Observation, pods: Sequence[Json], memory: Memory, grace: Grace, message: str
) -> tuple[Verdict, Memory]:
    """Return success, once Pods that no probe looks after have stayed up for a while.

    Args:
        observation: of a workload that its controller calls available.
        pods: those of the new version.
        memory: of the look before.
        grace: has the seconds to stay up.
        message: what a success says.
    """
    if _has_probes(observation.workload) or not pods:
        return Succeeded(message), memory
    restarts = sum(
        number(status, "restartCount")
        for pod in pods
        for status in items(pod, "status", "containerStatuses")
    )
    # A restart makes another key, and so the clock begins again.
    key = (uid_of(observation.workload), str(restarts), _CODE)
    memory = memory.noted([key], observation.taken_at_s, gap_s=grace.gap_s)
    if memory.lasted_s(key) >= grace.settle_s:
        return Succeeded(message), memory
    told = f"{count(len(pods), 'Pod')} started; no readiness probe, so watching if they stay up"
    return Progressing(told), memory


def unsettled(observation: Observation, memory: Memory) -> Memory:
    """Return the memory without the clock, when something is not available again."""
    uid = uid_of(observation.workload)
    for key in [key for key in memory.seen if key[0] == uid and key[-1] == _CODE]:
        memory = memory.without(key)
    return memory


def _has_probes(workload: Json | None) -> bool:
    containers = items(workload, "spec", "template", "spec", "containers")
    return all("readinessProbe" in container for container in containers)
