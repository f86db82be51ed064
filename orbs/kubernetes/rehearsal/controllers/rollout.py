"""What a Deployment's numbers and conditions say, as pure functions of its ReplicaSets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["Budget", "Outcome", "budget_of", "condition_of", "rollout_status", "with_condition"]


@dataclass(frozen=True, slots=True)
class Budget:
    """How many Pods a Deployment wants, and how far a rollout may stray from that."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def least(self) -> int:
        """How many Pods have to stay available."""
        return self.replicas - self.unavailable


@dataclass(frozen=True, slots=True)
class Outcome:
    """A new status; whether it shows progress; whether nothing more has to be waited for."""

    status: Json
    progressed: bool
    settled: bool


def budget_of(deployment: Json) -> Budget:
    """Read the budget: a share of surge is rounded up, one of unavailability down."""
    spec = deployment["spec"]
    replicas = int(spec["replicas"])
    rolling = spec["strategy"].get("rollingUpdate") or {}
    if spec["strategy"]["type"] != "RollingUpdate":
        return Budget(replicas, 0, 0)
    surge = _share(rolling.get("maxSurge", 0), replicas, up=True)
    unavailable = _share(rolling.get("maxUnavailable", 0), replicas, up=False)
    if surge == 0 and unavailable == 0:
        # As the real controller does: with neither, nothing could ever move.
        unavailable = 1
    return Budget(replicas, surge, min(unavailable, replicas))


def _share(value: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(value, str) and value.endswith("%"):
        exact = int(value[:-1]) * replicas / 100
        return math.ceil(exact) if up else math.floor(exact)
    return int(value)


def condition_of(deployment: Json, kind: str) -> Json | None:
    """Return the condition of this type, if there is one."""
    rows = (deployment.get("status") or {}).get("conditions") or ()
    return next((row for row in rows if row["type"] == kind), None)


def with_condition(
    status: Json, kind: str, value: str, reason: str, message: str, now: str
) -> Json:
    """Return a status with this condition; ``lastTransitionTime`` moves only with ``value``."""
    rows = [row for row in status.get("conditions") or () if row["type"] != kind]
    old = next((row for row in status.get("conditions") or () if row["type"] == kind), None)
    since = old["lastTransitionTime"] if old is not None and old["status"] == value else now
    row = {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastUpdateTime": now,
        "lastTransitionTime": since,
    }
    return status | {"conditions": [*rows, row]}


def rollout_status(
    deployment: Json, old: list[Json], new: Json | None, left_s: float | None, now: str
) -> Outcome:
    """Return the status that follows from the ReplicaSets.

    Args:
        deployment: as it is stored.
        old: its ReplicaSets of earlier templates.
        new: that of the present template.
        left_s: seconds until the progress deadline; None where there is none.
        now: the time stamp for conditions that change.
    """
    before = deployment.get("status") or {}
    every = [*old, *([new] if new else [])]
    numbers = _numbers(deployment, every, new)
    status = numbers | {"conditions": list(before.get("conditions") or ())}
    budget = budget_of(deployment)
    enough = numbers.get("availableReplicas", 0) >= budget.least
    status = _availability(status, enough, now)
    status = _replica_failure(status, every, now)
    if new is None or deployment["spec"].get("paused"):
        return Outcome(status, progressed=False, settled=True)
    return _progress(status, before, budget, new["metadata"]["name"], left_s, now)


def _numbers(deployment: Json, every: list[Json], new: Json | None) -> Json:
    def total(field: str) -> int:
        return sum(int((item.get("status") or {}).get(field, 0)) for item in every)

    available = total("availableReplicas")
    wanted = sum(int(item["spec"]["replicas"]) for item in every)
    counts = {
        "replicas": total("replicas"),
        "updatedReplicas": int((new.get("status") or {}).get("replicas", 0)) if new else 0,
        "readyReplicas": total("readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, wanted - available),
    }
    numbers: Json = {"observedGeneration": deployment["metadata"]["generation"]}
    return numbers | {field: count for field, count in counts.items() if count}


def _availability(status: Json, enough: bool, now: str) -> Json:
    present = condition_of({"status": status}, "Available")
    if present is not None and (present["status"] == "True") is enough:
        return status
    if enough:
        said = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        text = "Deployment does not have minimum availability."
        said = ("False", "MinimumReplicasUnavailable", text)
    return with_condition(status, "Available", *said, now)


def _replica_failure(status: Json, every: list[Json], now: str) -> Json:
    for item in every:
        for row in (item.get("status") or {}).get("conditions") or ():
            if row["type"] == "ReplicaFailure" and row["status"] == "True":
                present = condition_of({"status": status}, "ReplicaFailure") or {}
                if present.get("message") == row["message"]:
                    return status
                said = (row["reason"], row["message"])
                return with_condition(status, "ReplicaFailure", "True", *said, now)
    rows = [row for row in status["conditions"] if row["type"] != "ReplicaFailure"]
    return status | {"conditions": rows}


def _progress(
    status: Json, before: Json, budget: Budget, name: str, left_s: float | None, now: str
) -> Outcome:
    present = condition_of({"status": status}, "Progressing") or {"reason": ""}
    complete = all(
        status.get(field, 0) == budget.replicas
        for field in ("updatedReplicas", "replicas", "availableReplicas")
    )
    was_done = present["reason"] == "NewReplicaSetAvailable"
    if left_s is None or (was_done and status.get("replicas") == status.get("updatedReplicas")):
        return Outcome(status, progressed=False, settled=complete or left_s is None)
    if complete:
        text = f'ReplicaSet "{name}" has successfully progressed.'
        reason = "NewReplicaSetAvailable"
        status = with_condition(status, "Progressing", "True", reason, text, now)
        return Outcome(status, progressed=True, settled=True)
    if _moved(before, status):
        text = f'ReplicaSet "{name}" is progressing.'
        status = with_condition(status, "Progressing", "True", "ReplicaSetUpdated", text, now)
        return Outcome(status, progressed=True, settled=False)
    if left_s <= 0 and not was_done:
        text = f'ReplicaSet "{name}" has timed out progressing.'
        reason = "ProgressDeadlineExceeded"
        status = with_condition(status, "Progressing", "False", reason, text, now)
        return Outcome(status, progressed=False, settled=True)
    return Outcome(status, progressed=False, settled=False)


def _moved(before: Json, after: Json) -> bool:
    """Say whether Pods were added, became ready or available, or old ones went."""

    def old_pods(status: Json) -> int:
        return int(status.get("replicas", 0)) - int(status.get("updatedReplicas", 0))

    fields = ("updatedReplicas", "readyReplicas", "availableReplicas")
    grown = any(after.get(field, 0) > before.get(field, 0) for field in fields)
    return grown or old_pods(after) < old_pods(before)
