"""The logs of a Job's Pods while it runs: each line once, as it comes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.logtail import printable
from orbs.kubernetes.verdict.fields import items, mapping, name_of, text
from pipeline.output import Console

__all__ = ["JobLogs"]

_KEPT_LINES = 500
_IDLE_S = 30.0
"""Seconds of silence after which a log is asked for again: a dead connection looks the same."""
_DRAIN_S = 5.0
"""Seconds that the last lines may take after the Job is over."""


class _Logging(Protocol):
    @property
    def logs(self) -> Any:
        """Yield the lines of a container's log."""


class _Spoken(Protocol):
    def spoke(self) -> None:
        """Note that something was said."""


class JobLogs:
    """Follows every container that starts, each in a thread of its own.

    Args:
        cluster: where the logs are.
        console: where the lines go, with the container's name before them.
        heartbeat: told of each line, so that nothing else need be said.
    """

    def __init__(self, cluster: _Logging, console: Console, heartbeat: _Spoken) -> None:
        self._cluster, self._console, self._heartbeat = cluster, console, heartbeat
        self._threads: dict[tuple[str, str], threading.Thread] = {}
        self._over = threading.Event()
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)

    @property
    def last_lines(self) -> tuple[str, ...]:
        """The last lines of all containers."""
        return tuple(self._lines)

    def __enter__(self) -> JobLogs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()

    def follow(self, pods: Iterable[Mapping[str, Any]]) -> None:
        """Begin with the containers of these Pods that have started and are not followed yet."""
        for pod in pods:
            for status in [
                *items(pod, "status", "initContainerStatuses"),
                *items(pod, "status", "containerStatuses"),
            ]:
                key = name_of(pod), text(status, "name")
                state = mapping(status, "state")
                if key in self._threads or not ({"running", "terminated"} & set(state)):
                    continue
                namespace = text(pod, "metadata", "namespace")
                self._threads[key] = threading.Thread(
                    target=self._print, args=(namespace, *key), daemon=True
                )
                self._threads[key].start()

    def finish(self, pods: Iterable[Mapping[str, Any]]) -> None:
        """Wait for the last lines of containers that are over."""
        self.follow(pods)
        self._over.set()
        for thread in self._threads.values():
            thread.join(_DRAIN_S)

    def _print(self, namespace: str, pod: str, container: str) -> None:
        write = self._console.stream(container)
        since = ""
        while True:
            try:
                for line in self._cluster.logs(
                    pod,
                    container=container,
                    namespace=namespace,
                    follow=True,
                    since_time=since or None,
                    timestamps=True,
                    idle_timeout_s=_IDLE_S,
                ):
                    stamp, _, said = line.partition(" ")
                    if stamp <= since:
                        continue  # The API counts seconds: lines of the same one come again.
                    since = stamp
                    shown = printable(said)
                    self._lines.append(shown)
                    write(shown)
                    self._heartbeat.spoke()
                return
            except ApiError as error:
                if self._over.wait(1.0):
                    return
                if not error.retryable:
                    self._console.detail(f"the log of Pod {pod} cannot be read: {error.message}")
                    return
