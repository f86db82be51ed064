"""What a real cluster (1.20) said about workloads of each kind of trouble, and how they are read.

``recorded/*.json`` holds looks at one workload: the object, its ReplicaSets, Pods and warnings, as
the API server gave them so many seconds after the apply. Fields that no rule reads were taken out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orbs.kubernetes.verdict import (
    Failed,
    Grace,
    Memory,
    Observation,
    Progressing,
    Verdict,
    judge,
)

RECORDED = Path(__file__).parent / "recorded"
NAMES = sorted(path.stem for path in RECORDED.glob("*.json"))


@dataclass(frozen=True)
class Ending:
    """How the looks at one recording ended."""

    at_s: float
    verdict: Verdict
    told: tuple[Verdict, ...]

    @property
    def codes(self) -> list[str]:
        """The codes of suspects and causes in the order in which they were first told."""
        seen: dict[str, None] = {}
        for verdict in self.told:
            causes = (
                (verdict.cause,)
                if isinstance(verdict, Failed)
                else verdict.suspects
                if isinstance(verdict, Progressing)
                else ()
            )
            seen |= {cause.code: None for cause in causes}
        return list(seen)


def load(name: str) -> tuple[str, list[dict[str, Any]]]:
    """Return the kind and the looks of a recording."""
    found = json.loads((RECORDED / f"{name}.json").read_text())
    return found["kind"], found["looks"]


def observation(look: dict[str, Any], **changes: Any) -> Observation:
    """Return one look as the judges take it."""
    return Observation(
        **{
            "workload": look["workload"],
            "replicasets": tuple(look["replicasets"]),
            "pods": tuple(look["pods"]),
            "events": tuple(look["events"]),
            "taken_at_s": float(look["at_s"]),
            "uid": look["workload"]["metadata"]["uid"],
            "generation": 1,
        }
        | changes
    )


def replay(name: str, *, grace: Grace | None = None) -> Ending:
    """Judge look after look until one is decided; the last look is repeated every 10 s for 15 min."""
    kind, looks = load(name)
    last = looks[-1]
    looks = looks + [last | {"at_s": last["at_s"] + 10 * n} for n in range(1, 90)]
    memory, told = Memory(), []
    for look in looks:
        verdict, memory = judge(kind, observation(look), memory, grace)
        told.append(verdict)
        if not isinstance(verdict, Progressing):
            break
    return Ending(look["at_s"], told[-1], tuple(told))
