"""From what looks bad to a verdict: how long it lasted, and in how many Pods."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.model import Cause, Failed, Key, Memory, Progressing, Verdict

NEVER = math.inf
"""The grace time of what is worth telling but does not fail a rollout by itself."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """Something that looks bad.

    Attributes:
        key: what it is about, the same in the next look.
        cause: what is told if it is a failure.
        grace_s: seconds it must last to be one; 0 is certain, :data:`NEVER` is a remark.
        lone_grace_s: the same when fewer Pods are hit than may be unavailable; None: no difference.
        tell_after_s: seconds before it is worth a warning.
        pods: how many Pods show it.
    """

    key: Key
    cause: Cause
    grace_s: float
    lone_grace_s: float | None = None
    tell_after_s: float = 0.0
    pods: int = 1


def merged(suspicions: Iterable[Suspicion]) -> list[Suspicion]:
    """Return one suspicion a key, the strictest one, with the number of Pods that show it."""
    by_key: dict[Key, Suspicion] = {}
    for new in suspicions:
        known = by_key.get(new.key)
        if known is None:
            by_key[new.key] = new
        else:
            strictest = known if known.grace_s <= new.grace_s else new
            by_key[new.key] = replace(strictest, pods=known.pods + new.pods)
    return list(by_key.values())


def decide(
    suspicions: Iterable[Suspicion],
    memory: Memory,
    grace: Grace,
    *,
    now_s: float,
    message: str,
    tolerated: int = 0,
) -> tuple[Verdict, Memory]:
    """Return what follows from the suspicions of one look.

    Args:
        suspicions: the gravest first.
        memory: of the look before.
        grace: how long what is remembered may be out of sight.
        now_s: when the look was taken.
        message: where the work stands, if it goes on.
        tolerated: Pods that may be bad before the shorter grace time counts.
    """
    everything = merged(suspicions)
    memory = memory.noted([one.key for one in everything], now_s, gap_s=grace.gap_s)
    ripe = [one for one in everything if memory.lasted_s(one.key) >= _grace_s(one, tolerated)]
    if ripe:
        causes = _causes(ripe)
        return Failed(causes[0], causes[1:]), memory
    told = [one for one in everything if memory.lasted_s(one.key) >= one.tell_after_s]
    return Progressing(message, _causes(told)), memory


def _grace_s(suspicion: Suspicion, tolerated: int) -> float:
    if suspicion.lone_grace_s is None or suspicion.pods > tolerated:
        return suspicion.grace_s
    return max(suspicion.grace_s, suspicion.lone_grace_s)


def _causes(suspicions: Sequence[Suspicion]) -> tuple[Cause, ...]:
    return tuple(_with_pods(one) for one in suspicions)


def _with_pods(suspicion: Suspicion) -> Cause:
    if suspicion.pods < 2:
        return suspicion.cause
    also = f"seen in {suspicion.pods} Pods"
    return replace(suspicion.cause, evidence=(*suspicion.cause.evidence, also))
