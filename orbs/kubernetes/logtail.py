"""The last log lines of a container, as evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Protocol

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.verdict import Cause, Observation
from orbs.kubernetes.verdict.containers import Container, containers_of, was_started
from orbs.kubernetes.verdict.fields import name_of

__all__ = ["LoggingCluster", "log_evidence", "printable", "telling_lines"]

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|[\x00-\x08\x0b-\x1f\x7f]")
_LONGEST_LINE = 2000
_READ_LINES = 300
_ERROR_LINES = 4
_ERROR = re.compile(r"^(?!\s*from ).*(\b\w*(Error|Exception)\b|rails aborted|\bFATAL\b)")
"""The head of an error as Ruby and its servers print it, not a line of its trace."""


class LoggingCluster(Protocol):
    """What reading logs needs of a cluster."""

    @property
    def logs(self) -> Any:
        """Yield the lines of a container's log."""


def printable(line: str) -> str:
    """Return a log line without control characters, and cut where it is very long."""
    plain = _CONTROL.sub("", line.rstrip("\r\n").rpartition("\r")[2])
    return plain if len(plain) <= _LONGEST_LINE else plain[:_LONGEST_LINE] + " …"


def log_evidence(
    cluster: LoggingCluster, observation: Observation, cause: Cause, limit: int
) -> tuple[str, ...]:
    """Return the last log lines of the container that a cause is about, with a heading.

    Of a container that was started again these are the lines of the run that ended. Empty where
    there is no such container, or it never ran, or nothing can be read.
    """
    container = _find(observation, cause)
    if container is None or limit <= 0 or not was_started(container):
        return ()
    again = container.running and container.restarts > 0
    found: tuple[str, ...] = ()
    if again:
        found = _tail(cluster, container, limit, previous=True)
    return found or _tail(cluster, container, limit, previous=False)


def telling_lines(lines: Sequence[str], limit: int) -> list[str]:
    """Return at most ``limit`` lines: the last ones, and the error that stands further up.

    Ruby, Python and Java print the error above a trace that is longer than anybody wants to see.
    """
    if len(lines) <= limit:
        return list(lines)
    shown = limit - _ERROR_LINES - 1
    if shown <= 0:
        return list(lines[-limit:])
    early = range(len(lines) - shown)
    heads = [index for index in early if _ERROR.search(lines[index])]
    if not heads:
        return list(lines[-limit:])
    first = heads[-1]
    upper = lines[first : min(first + _ERROR_LINES, len(lines) - shown)]
    left_out = len(lines) - shown - first - len(upper)
    gap = [f"… {left_out} lines …"] if left_out else []
    return [*upper, *gap, *lines[-shown:]]


def _find(observation: Observation, cause: Cause) -> Container | None:
    for pod in observation.pods:
        if cause.pod and name_of(pod) == cause.pod:
            for container in containers_of(pod):
                if container.name == cause.container:
                    return container
    return None


def _tail(
    cluster: LoggingCluster, container: Container, limit: int, *, previous: bool
) -> tuple[str, ...]:
    pod = name_of(container.pod)
    try:
        lines = list(
            cluster.logs(
                pod,
                container=container.name,
                namespace=container.pod["metadata"].get("namespace"),
                previous=previous,
                tail_lines=max(limit, _READ_LINES),
            )
        )
    except ApiError as error:
        return (f"(the log of Pod {pod}, {container.called} cannot be read: {error.message})",)
    if not lines:
        return () if previous else (f"(the log of Pod {pod}, {container.called} is empty)",)
    run = ", the run that ended" if previous else ""
    heading = f"last log lines of Pod {pod}, {container.called}{run}:"
    return (heading, *(f"  | {printable(line)}" for line in telling_lines(lines, limit)))
