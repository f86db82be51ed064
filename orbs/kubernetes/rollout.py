"""Waiting until workloads run, and saying why they don't."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from orbs.kubernetes.cluster import Cluster
from orbs.kubernetes.logtail import log_evidence
from orbs.kubernetes.observe import Target, observe, read_events, selections
from orbs.kubernetes.patience import Heartbeat, Outage
from orbs.kubernetes.settings import DeploySettings
from orbs.kubernetes.verdict import (
    Cause,
    Failed,
    Grace,
    Memory,
    Observation,
    Progressing,
    Succeeded,
    Verdict,
    judge,
)
from orbs.kubernetes.verdict.deployment import new_replicaset
from orbs.kubernetes.verdict.fields import count, owned_by, uid_of
from orbs.kubernetes.verdict.pods import healthy_pods
from orbs.kubernetes.watching import Watcher
from pipeline.errors import WorkFailed
from pipeline.output import Console, format_duration
from pipeline.retry import Clock, wait_for

__all__ = ["RolloutFailed", "RolloutResult", "wait_for_rollouts"]

POLL_S = 2.0
"""Seconds between two looks when no watch says that something changed."""
_PAUSE_S = 0.5
"""Seconds between two looks however much changes, for the API server's sake."""
_MOST_WATCHES = 9
"""Watches keep connections open; with more workloads than these, only polls are left to the rest."""


@dataclass(frozen=True, slots=True)
class RolloutResult:
    """A workload that runs: what it is called, what is said of it, and how long it took."""

    ref: str
    message: str
    duration_s: float


class RolloutFailed(WorkFailed):
    """A workload did not come up.

    Attributes:
        ref: the workload.
        cause: why.
        done: those that had come up before.
    """

    def __init__(
        self,
        ref: str,
        cause: Cause,
        *,
        details: Sequence[str] = (),
        done: Sequence[RolloutResult] = (),
    ) -> None:
        super().__init__(f"{ref}: {cause.summary}", details=details, hint=cause.hint or None)
        self.ref = ref
        self.cause = cause
        self.done = tuple(done)


def wait_for_rollouts(
    cluster: Cluster,
    applied: Iterable[Mapping[str, Any]],
    *,
    console: Console,
    settings: DeploySettings,
    clock: Clock | None = None,
    grace: Grace | None = None,
    watch: bool = True,
) -> list[RolloutResult]:
    """Wait for all workloads at once, until each runs or one has failed.

    Args:
        cluster: where they are.
        applied: the API server's answers to their apply. Kinds that don't roll out are passed over.
        console: told of each change, of suspects early, and of each success.
        settings: time limit and log lines.
        clock: the time to wait by.
        grace: how long causes are given to go away.
        watch: whether to look again at once when something changes, beside polling.

    Raises:
        RolloutFailed: with cause, evidence and last log lines; also when the time is over.
        StateUnknown: the API server has been silent for too long.
    """
    targets = [Target.of(one, cluster.namespace) for one in applied]
    found = [one for one in targets if one is not None and one.kind.kind != "Job"]
    if not found:
        return []
    clock = clock or Clock()
    wake = threading.Event()
    waiting = _Waiting(cluster, found, console, settings, clock, grace or Grace())
    names = ", ".join(target.ref for target in found)
    limit = format_duration(settings.rollout_timeout_s)
    console.info(f"waiting for {names} (at most {limit})")
    watched = selections(found)[:_MOST_WATCHES] if watch else []
    with Watcher(cluster, watched, wake) if watched else nullcontext():
        wait_for(
            waiting.look,
            decided=lambda done: done,
            timeout_s=settings.rollout_timeout_s,
            poll_s=POLL_S,
            wake=wake if watched else None,
            clock=clock,
        )
    return waiting.results()


@dataclass(slots=True)
class _State:
    """What is known of one target."""

    target: Target
    verdict: Verdict = field(default_factory=lambda: Progressing("applied"))
    observation: Observation = field(default_factory=lambda: Observation(None))
    memory: Memory = field(default_factory=Memory)
    warned: set[tuple[str, str]] = field(default_factory=set)
    result: RolloutResult | None = None


class _Waiting:
    """One wait for several targets: looks, tells, and says at the end what came out."""

    def __init__(
        self,
        cluster: Cluster,
        targets: Sequence[Target],
        console: Console,
        settings: DeploySettings,
        clock: Clock,
        grace: Grace,
    ) -> None:
        self._cluster, self._console, self._settings = cluster, console, settings
        self._clock, self._grace = clock, grace
        self._states = [_State(target) for target in targets]
        self._started_s = clock.now_s()
        self._looked_s = float("-inf")
        self._heartbeat = Heartbeat(console, clock)
        self._outage = Outage("the rollout", console, clock)

    def look(self) -> bool:
        """Look at every target that isn't decided; whether the wait is over."""
        pause_s = self._looked_s + _PAUSE_S - self._clock.now_s()
        if 0 < pause_s <= _PAUSE_S:
            self._clock.sleep(pause_s)
        self._looked_s = self._clock.now_s()
        seen = self._outage.read(self._observe)
        for state, observation in seen or ():
            self._judge(state, observation)
        self._heartbeat.beat(self._still_waiting)
        verdicts = [state.verdict for state in self._states]
        return any(isinstance(one, Failed) for one in verdicts) or all(
            isinstance(one, Succeeded) for one in verdicts
        )

    def results(self) -> list[RolloutResult]:
        """Return what runs.

        Raises:
            RolloutFailed: not all of it does.
        """
        for state in self._states:
            if isinstance(state.verdict, Failed):
                raise self._failure(state, state.verdict.cause, state.verdict.others)
        for state in self._states:
            if isinstance(state.verdict, Progressing):
                cause = _time_is_over(state.verdict, self._settings.rollout_timeout_s)
                raise self._failure(state, cause, state.verdict.suspects[1:])
        return self._done()

    def _done(self) -> list[RolloutResult]:
        return [state.result for state in self._states if state.result]

    def _observe(self) -> list[tuple[_State, Observation]]:
        events: dict[str, list[dict[str, Any]]] = {}
        seen = []
        for state in self._states:
            if not isinstance(state.verdict, Progressing):
                continue
            namespace = state.target.namespace
            if namespace not in events:
                events[namespace] = read_events(self._cluster, namespace)
            now_s = self._clock.now_s()
            found = observe(self._cluster, state.target, now_s=now_s, events=events[namespace])
            seen.append((state, found))
        return seen

    def _judge(self, state: _State, observation: Observation) -> None:
        kind, before = state.target.kind.kind, state.verdict
        state.observation = observation
        state.verdict, state.memory = judge(kind, observation, state.memory, self._grace)
        if isinstance(state.verdict, Succeeded):
            took_s = self._clock.now_s() - self._started_s
            state.result = RolloutResult(state.target.ref, state.verdict.message, took_s)
            self._console.success(
                f"{state.target.ref}: {state.verdict.message} ({format_duration(took_s)})"
            )
        elif isinstance(state.verdict, Progressing):
            self._tell(state, before, state.verdict)

    def _tell(self, state: _State, before: Verdict, now: Progressing) -> None:
        if not isinstance(before, Progressing) or before.message != now.message:
            self._console.info(f"{state.target.ref}: {now.message}")
            self._heartbeat.spoke()
        for cause in now.suspects:
            if (cause.code, cause.container) not in state.warned:
                state.warned.add((cause.code, cause.container))
                self._console.warning(f"{state.target.ref}: {cause.summary}")
                self._heartbeat.spoke()

    def _still_waiting(self) -> str:
        blocking = []
        for state in self._states:
            if isinstance(state.verdict, Progressing):
                why = f" ({state.verdict.suspects[0].summary})" if state.verdict.suspects else ""
                blocking.append(f"{state.target.ref}: {state.verdict.message}{why}")
        limit = format_duration(self._settings.rollout_timeout_s)
        return f"still waiting, {self._heartbeat.elapsed} of {limit}: {'; '.join(blocking)}"

    def _failure(self, state: _State, cause: Cause, others: Sequence[Cause]) -> RolloutFailed:
        details = list(cause.evidence)
        for other in others:
            if other.summary != cause.summary:
                details.append(f"also: {other.summary}")
        lines = self._settings.log_lines
        details += log_evidence(self._cluster, state.observation, cause, lines)
        details += _still_serving(state.observation)
        for rest in self._states:
            if rest is not state and isinstance(rest.verdict, Progressing):
                details.append(f"{rest.target.ref} was not done either: {rest.verdict.message}")
        return RolloutFailed(state.target.ref, cause, details=details, done=self._done())


def _time_is_over(verdict: Progressing, limit_s: float) -> Cause:
    limit = format_duration(limit_s)
    said = f"not done within the time limit of {limit}: {verdict.message}"
    if not verdict.suspects:
        hint = "raise deploy.rollout_timeout in orbyard.yml if it only needs longer"
        return Cause("time-limit", said, hint=hint)
    worst = verdict.suspects[0]
    return Cause(
        "time-limit",
        f"{said}; {worst.summary}",
        worst.evidence,
        worst.hint,
        worst.container,
        worst.pod,
    )


def _still_serving(observation: Observation) -> list[str]:
    """Say whether the version before is still up: the first thing that somebody asks."""
    uid, new = uid_of(observation.workload), new_replicaset(observation)
    earlier = [one for one in observation.replicasets if owned_by(one, uid) and one is not new]
    old = healthy_pods(observation.pods, earlier)
    if not old:
        return []
    return [f"the version before still runs: {count(len(old), 'Pod')} ready"]
