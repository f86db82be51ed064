"""Jobs that run once, such as migrations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from orbs.kubernetes.verdict.containers import (
    Container,
    containers_of,
    could_not_start,
    describe_ending,
    state_line,
    was_started,
)
from orbs.kubernetes.verdict.creation import creation_suspicion
from orbs.kubernetes.verdict.fields import (
    Json,
    condition,
    count,
    holds,
    is_true,
    name_of,
    number,
    owned_by,
    text,
    uid_of,
)
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.identity import lost_cause
from orbs.kubernetes.verdict.model import (
    Cause,
    Failed,
    Memory,
    Observation,
    Progressing,
    Succeeded,
    Verdict,
)
from orbs.kubernetes.verdict.pods import pod_suspicions
from orbs.kubernetes.verdict.suspicion import NEVER, Suspicion, decide

_NEVER_STARTED = frozenset({"image", "configuration", "scheduling", "volume", "creation"})
"""Codes of suspicions about Pods that wait for their start. How a started container ends is for
the Job's own controller to judge: it may try again."""


def judge_job(
    observation: Observation, memory: Memory | None = None, grace: Grace | None = None
) -> tuple[Verdict, Memory]:
    """Return what an observation of a Job means, and what to remember for the next look.

    It has succeeded only when it is complete, and failed when its controller says so, or when its
    Pods cannot even be started.
    """
    memory, grace = memory or Memory(), grace or Grace()
    found = observation.workload
    if found is not None and holds(found, "Complete"):
        return Succeeded("complete"), memory
    pods = job_pods(observation)
    for kind in ("Failed", "FailureTarget"):
        if found is not None and holds(found, kind):
            return Failed(_failure(found, condition(found, kind), pods)), memory
    lost = lost_cause(observation)
    if lost or found is None:
        return Failed(lost or Cause("deleted", "it is gone")), memory
    if is_true(found, "spec", "suspend"):
        return Failed(_suspended()), memory
    if holds(found, "SuccessCriteriaMet"):
        return Progressing("done; waiting for its Pods to end"), memory
    suspicions = _suspicions(observation, found, pods, grace)
    now_s, told = observation.taken_at_s, _progress(found, pods)
    return decide(suspicions, memory, grace, now_s=now_s, message=told)


def job_pods(observation: Observation) -> list[Json]:
    """Return the Job's Pods, the oldest first."""
    uid = uid_of(observation.workload) or observation.uid
    mine = [pod for pod in observation.pods if owned_by(pod, uid)]
    return sorted(mine, key=lambda pod: (text(pod, "metadata", "creationTimestamp"), name_of(pod)))


def has_ever_started(job: Json | None, pods: Iterable[Json]) -> bool:
    """Return whether a container of the Job ever ran: then it may have changed something.

    Init containers count too. A Pod that is gone cannot be asked, so the Job's own counts decide.
    """
    if number(job, "status", "failed") or number(job, "status", "succeeded"):
        return True
    return any(was_started(one) for pod in pods for one in containers_of(pod))


def is_finished(job: Json) -> bool:
    """Return whether a Job is over, well or not."""
    return holds(job, "Complete") or holds(job, "Failed")


def _suspicions(
    observation: Observation, found: Json, pods: Sequence[Json], grace: Grace
) -> list[Suspicion]:
    suspicions = [
        one if one.key[-1] in _NEVER_STARTED else replace(one, grace_s=NEVER, lone_grace_s=None)
        for one in pod_suspicions(pods, observation.events, grace)
    ]
    if not pods and not number(found, "status", "active"):
        refused = creation_suspicion(found, observation.events, grace)
        suspicions += [refused] if refused else []
    return suspicions


def _progress(found: Json, pods: Sequence[Json]) -> str:
    if not pods:
        return "waiting for its Pod to be created"
    newest = pods[-1]
    phase = text(newest, "status", "phase")
    if phase == "Failed":
        return f"{_attempts(found, pods)} failed; waiting for the Job's own verdict"
    if phase == "Running":
        return "running"
    if phase == "Succeeded":
        return "its Pod has ended well; waiting for the Job to be complete"
    reasons = [one.waiting_reason for one in containers_of(newest) if one.waiting_reason]
    return f"starting ({reasons[0]})" if reasons else "starting"


def _attempts(found: Json, pods: Sequence[Json]) -> str:
    failed = number(found, "status", "failed") or sum(
        text(pod, "status", "phase") == "Failed" for pod in pods
    )
    return count(max(failed, 1), "attempt")


def _failure(found: Json, failed: Json, pods: Sequence[Json]) -> Cause:
    reason, message = text(failed, "reason"), text(failed, "message")
    bad = _failed_container(pods)
    summary, hint = _meaning(found, reason, message, bad)
    evidence = [f"Job {name_of(found)} says: {reason}: {message}".rstrip(": ")]
    evidence += [state_line(bad)] if bad else []
    code = "job-deadline" if reason == "DeadlineExceeded" else "job-failed"
    pod = name_of(bad.pod) if bad else ""
    return Cause(code, summary, tuple(evidence), hint, bad.name if bad else "", pod)


def _meaning(found: Json, reason: str, message: str, bad: Container | None) -> tuple[str, str]:
    tried = number(found, "status", "failed")
    if reason == "DeadlineExceeded":
        allowed = number(found, "spec", "activeDeadlineSeconds")
        return (
            f"it was stopped by its own time limit (activeDeadlineSeconds: {allowed})",
            "find out how far it came before you run it again; raise activeDeadlineSeconds",
        )
    if reason == "PodFailurePolicy":
        return f"its podFailurePolicy called it failed: {message}", "its log lines say why"
    how = _ending_words(bad)
    if reason == "BackoffLimitExceeded" and tried > 1:
        return f"it failed {tried} times, as often as backoffLimit allows; the last time {how}", (
            "its log lines say why"
        )
    if reason in {"BackoffLimitExceeded", ""}:
        return f"it failed {how}", "its log lines say why"
    return f"it failed ({reason}: {message})", "its log lines say why"


def _ending_words(bad: Container | None) -> str:
    if bad is None:
        return "(its Pod is gone, and with it the exit code)"
    if could_not_start(bad.ending):
        return f"because its command cannot be started: {text(bad.ending, 'message')[-200:]}"
    words = describe_ending(bad.ending)
    if text(bad.ending, "reason") == "OOMKilled":
        limit = text(bad.spec, "resources", "limits", "memory") or "of the node"
        return f"because the {bad.called} used more memory than its limit {limit} ({words})"
    return f"with {words}"


def _failed_container(pods: Sequence[Json]) -> Container | None:
    for pod in reversed(pods):
        for one in containers_of(pod):
            if one.ending and number(one.ending, "exitCode", default=1) != 0:
                return one
    return None


def _suspended() -> Cause:
    return Cause(
        "suspended",
        "it is suspended (spec.suspend), so it does not run",
        hint="remove `suspend: true` from the manifest",
    )
