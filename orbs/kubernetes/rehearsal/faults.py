"""What can be made to go wrong in a rehearsal, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from pipeline.errors import InvalidInput, did_you_mean

__all__ = ["FAULTS", "Fault", "is_hit", "parse_fault"]

WORKLOADS: Mapping[str, str] = MappingProxyType({"deployment": "Deployment", "job": "Job"})
"""How a user names the workload that a fault is to hit, and its kind."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    ``target`` is the kind of workload whose Pods are hit, ``Deployment`` or ``Job``; empty for all
    of them, and for faults of the API itself.
    """

    name: str
    summary: str
    target: str = ""


_ALL = (
    Fault("image-pull", "the image of a Pod cannot be pulled: the registry does not know it"),
    Fault("crash-loop", "the app exits with 1 while it boots, again and again", "Deployment"),
    Fault("never-ready", "the app runs, but its readiness probe never succeeds", "Deployment"),
    Fault("progress-deadline", "the Deployment's progress deadline passes", "Deployment"),
    Fault("unschedulable", "no node has room for a Pod"),
    Fault("config-missing", "a Secret that a Pod takes its environment from is not there"),
    Fault("migration-fails", "a Job's command exits with 1", "Job"),
    Fault("slow-migration", "a Job's command takes 100 seconds of the cluster's time", "Job"),
    Fault("api-500", "every fourth request is answered 500 or 503, never two in a row"),
    Fault("watch-drops", "watches end early: closed, cut off, or with 410 Gone"),
)

FAULTS: Mapping[str, Fault] = MappingProxyType({fault.name: fault for fault in _ALL})
"""All faults by name, in the order in which help shows them."""

_EITHER_WORKLOAD = frozenset({"image-pull", "unschedulable", "config-missing", "crash-loop"})


def parse_fault(name: str) -> Fault:
    """Return the fault called ``name``; ``image-pull:deployment`` hits only Deployments' Pods.

    Raises:
        InvalidInput: there is no fault of that name, or it cannot be aimed at that workload.
    """
    word, colon, aim = name.strip().partition(":")
    fault = FAULTS.get(word)
    if fault is None:
        raise InvalidInput(
            f"there is no fault {word!r} to rehearse",
            hint=did_you_mean(word, FAULTS) or f"known faults: {', '.join(FAULTS)}",
        )
    if not colon:
        return fault
    if word not in _EITHER_WORKLOAD or aim not in WORKLOADS:
        raise InvalidInput(
            f"the fault {word!r} cannot be aimed at {aim!r}",
            hint=f"{', '.join(sorted(_EITHER_WORKLOAD))} take :deployment or :job",
        )
    return replace(fault, target=WORKLOADS[aim])


def is_hit(faults: Iterable[Fault], name: str, kind: str = "") -> bool:
    """Say whether ``name`` is among ``faults`` and hits Pods of workloads of this ``kind``."""
    return any(fault.name == name and fault.target in ("", kind) for fault in faults)
