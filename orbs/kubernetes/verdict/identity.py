"""Whether the object is still the one that was applied."""

from __future__ import annotations

from orbs.kubernetes.names import DEPLOYED_BY_ANNOTATION, RUN_ANNOTATION
from orbs.kubernetes.verdict.fields import mapping, name_of, number, text, uid_of
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.model import Cause, Observation
from orbs.kubernetes.verdict.suspicion import Suspicion

_AGAIN = "find out who changes this cluster at the same time, then deploy again"


def lost_cause(observation: Observation) -> Cause | None:
    """Return why there is nothing left to wait for: deleted, replaced, or deployed over; or None."""
    found = observation.workload
    if found is None:
        return Cause("deleted", "somebody deleted it while we waited for it", hint=_AGAIN)
    if observation.uid and uid_of(found) != observation.uid:
        return Cause(
            "replaced",
            "somebody deleted it and made another of the same name while we waited for it",
            (f"its uid was {observation.uid} and is {uid_of(found) or 'unknown'}",),
            _AGAIN,
        )
    if text(found, "metadata", "deletionTimestamp"):
        return Cause("deleted", "somebody is deleting it", hint=_AGAIN)
    annotations = mapping(found, "metadata", "annotations")
    run = text(annotations, RUN_ANNOTATION)
    if observation.run and run and run != observation.run:
        who = text(annotations, DEPLOYED_BY_ANNOTATION) or "somebody"
        return Cause(
            "overtaken",
            f"{who} deployed it again while we waited for it",
            (f"our run: {observation.run}", f"the other run: {run}"),
            "look at the other run; it decides now what this workload becomes",
        )
    return None


def is_noticed(observation: Observation) -> bool:
    """Return whether the controller has seen what was applied; before, its status is about the past."""
    live = number(observation.workload, "metadata", "generation")
    seen = number(observation.workload, "status", "observedGeneration")
    return seen >= max(live, observation.generation)


def unnoticed_suspicion(observation: Observation, grace: Grace) -> Suspicion:
    """Return the suspicion that the cluster's controllers do not work."""
    name = name_of(observation.workload)
    cause = Cause(
        "controller-silent",
        "the cluster's controllers have not noticed the change",
        (f"status.observedGeneration of {name} is behind metadata.generation",),
        "tell whoever runs the cluster: its controller manager may be down",
    )
    key = (uid_of(observation.workload), "", "controller")
    return Suspicion(key, cause, grace.controller_s, tell_after_s=grace.controller_s / 4)
