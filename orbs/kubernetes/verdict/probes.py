"""Probes: whom they ask, how long they may be denied, what the answer means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from orbs.kubernetes.verdict.containers import Container, state_line
from orbs.kubernetes.verdict.events import last_message
from orbs.kubernetes.verdict.fields import (
    Json,
    dig,
    items,
    mapping,
    name_of,
    number,
    text,
    uid_of,
    words,
)
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.model import Cause
from orbs.kubernetes.verdict.suspicion import NEVER, Suspicion
from pipeline.errors import excerpt

_STATUS = re.compile(r"statuscode: (\d{3})")


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe of a container.

    Attributes:
        kind: ``readiness``, ``liveness`` or ``startup``.
        target: whom it asks: ``GET http://<Pod>:3000/ready``, ``exec pg_isready`` …
        window_s: seconds it may fail from the container's start on without anything being wrong.
    """

    kind: str
    target: str
    window_s: float

    def hint(self, said: str) -> str:
        """Return what to do about the answer ``said``."""
        status = _STATUS.search(said)
        if status and status[1][0] in "34":
            return (
                f"the app answers {status[1]}: check the probe's path, and what the app does with "
                "requests that come by address and without a session (force_ssl, hosts, login)"
            )
        if status:
            return f"the app answers {status[1]}: its last log lines say why"
        if "connection refused" in said:
            return (
                "nothing listens on that port: check that the app binds to 0.0.0.0 and not only to "
                "localhost, that the port is right, and in its log how far its start has come"
            )
        if "exceeded" in said or "timeout" in said or "timed out" in said:
            return (
                "the app does not answer in time: its log says what it is busy with; raise the "
                "probe's timeoutSeconds if it is only slow"
            )
        return "check the probe in the manifest and the app's last log lines"


def probe_of(container: Container, name: str) -> Probe | None:
    """Return the probe under ``readinessProbe``, ``livenessProbe`` or ``startupProbe``, or None."""
    found = mapping(container.spec, name)
    if not found:
        return None
    period = number(found, "periodSeconds", default=10) or 10
    timeout = number(found, "timeoutSeconds", default=1) or 1
    tries = (number(found, "failureThreshold", default=3) or 3) + (
        number(found, "successThreshold", default=1) or 1
    )
    window = number(found, "initialDelaySeconds") + tries * max(period, timeout) + timeout
    return Probe(name.removesuffix("Probe"), _target(found, container), float(window))


def readiness_suspicion(
    container: Container, events: Iterable[Json], grace: Grace
) -> Suspicion | None:
    """Return why a running container is not ready, or None."""
    if not container.running or container.ready or container.init:
        return None
    started = container.status.get("started")
    startup = probe_of(container, "startupProbe")
    probe = startup if startup and started is False else probe_of(container, "readinessProbe")
    if probe is None:
        return None
    before = startup.window_s if startup else 0.0
    window = probe.window_s + (before if probe is not startup else 0.0)
    said = last_message(
        events,
        uid_of(container.pod),
        reasons=("Unhealthy",),
        container=container.name,
        containing=f"{probe.kind.capitalize()} probe",
    )
    return Suspicion(
        container.key("not-ready"),
        _not_ready(container, probe, said),
        # A startup probe that fails for too long ends the container; the crash rules see that.
        NEVER if probe is startup else _patience_s(window, said, grace),
        lone_grace_s=grace.lone_crash_s,
        tell_after_s=min(window, grace.not_ready_s),
    )


def _patience_s(window_s: float, said: str, grace: Grace) -> float:
    status = _STATUS.search(said)
    wrong = status is not None and status[1][0] in "34"
    return max(2 * window_s, grace.wrong_answer_s if wrong else grace.not_ready_s)


def _not_ready(container: Container, probe: Probe, said: str) -> Cause:
    summary = f"the {container.called} runs, but its {probe.kind} probe fails ({probe.target})"
    if said:
        summary += f": {excerpt(said.partition('failed: ')[2] or said, 200)}"
    return Cause(
        f"{probe.kind}-probe",
        summary,
        (state_line(container),),
        probe.hint(said),
        container.name,
        name_of(container.pod),
    )


def _target(probe: Json, container: Container) -> str:
    address = text(container.pod, "status", "podIP") or "<Pod>"
    if mapping(probe, "httpGet"):
        scheme = (text(probe, "httpGet", "scheme") or "HTTP").lower()
        host = text(probe, "httpGet", "host") or address
        port = _port(dig(probe, "httpGet", "port"), container)
        return f"GET {scheme}://{host}:{port}{text(probe, 'httpGet', 'path') or '/'}"
    if mapping(probe, "tcpSocket"):
        return f"TCP {address}:{_port(dig(probe, 'tcpSocket', 'port'), container)}"
    if mapping(probe, "grpc"):
        return f"gRPC {address}:{number(probe, 'grpc', 'port')}"
    if mapping(probe, "exec"):
        return f"exec {excerpt(' '.join(words(probe, 'exec', 'command')), 120)}"
    return "an unknown kind of probe"


def _port(port: object, container: Container) -> str:
    for known in items(container.spec, "ports"):
        if isinstance(port, str) and text(known, "name") == port:
            return str(number(known, "containerPort"))
    return str(port)
