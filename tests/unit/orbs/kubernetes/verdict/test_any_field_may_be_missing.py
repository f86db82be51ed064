"""Judging never raises, whatever the API server leaves out or a newer one writes differently."""

from __future__ import annotations

import copy
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orbs.kubernetes.verdict import (
    JUDGES,
    Failed,
    Memory,
    Progressing,
    Succeeded,
    has_ever_started,
    judge,
)

from .recordings import NAMES, load, observation

ODD: list[Any] = [None, "", "text", 0, -1, 3.5, True, [], {}, [None], ["x"], {"a": 1}, [[]]]


def mutilated(value: Any, chance: random.Random, rate: float) -> Any:
    """Return a copy in which fields are missing and some hold something else."""
    if isinstance(value, dict):
        return {
            key: chance.choice(ODD) if chance.random() < rate / 2 else mutilated(item, chance, rate)
            for key, item in value.items()
            if chance.random() >= rate
        }
    if isinstance(value, list):
        return [mutilated(item, chance, rate) for item in value if chance.random() >= rate / 2]
    return copy.copy(value)


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(
    name=st.sampled_from(NAMES),
    kind=st.sampled_from(sorted(JUDGES)),
    seed=st.integers(0, 2**32),
    rate=st.sampled_from([0.02, 0.1, 0.3, 0.8]),
)
def test_judging_never_raises(name: str, kind: str, seed: int, rate: float) -> None:
    chance = random.Random(seed)
    _, looks = load(name)
    memory: Memory | None = None
    for look in looks:
        seen = mutilated(look, chance, rate) | {"at_s": look["at_s"], "workload": look["workload"]}
        parts = {
            part: tuple(x for x in seen.get(part) or () if isinstance(x, dict))
            if isinstance(seen.get(part), list)
            else ()
            for part in ("replicasets", "pods", "events")
        }
        workload = mutilated(look["workload"], chance, rate) if chance.random() < 0.9 else None
        found = observation(look, workload=workload, **parts)
        verdict, memory = judge(kind, found, memory)
        assert isinstance(verdict, Progressing | Succeeded | Failed)
        has_ever_started(workload, parts["pods"])


def test_an_empty_object_is_neither_success_nor_failure() -> None:
    look = {"workload": {"metadata": {"uid": "u", "generation": 1}}, "at_s": 0}
    look |= {"replicasets": [], "pods": [], "events": []}
    for kind in JUDGES:
        verdict, _ = judge(kind, observation(look, uid="u"))
        assert isinstance(verdict, Progressing), kind
