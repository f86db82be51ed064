"""Watches that say when to look again; what they miss, the next look finds."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.kinds import ResourceKind
from orbs.kubernetes.verdict.fields import text, uid_of

__all__ = ["Selection", "WatchedCluster", "Watcher"]

_WATCH_S = 50.0
"""How long one watch is asked for: below the idle limits of proxies and load balancers."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0


class WatchedCluster(Protocol):
    """What a watcher needs of a cluster."""

    def list(
        self,
        kind: ResourceKind,
        *,
        namespace: str | None = ...,
        labels: str = ...,
        fields: str = ...,
    ) -> tuple[list[dict[str, Any]], str]:
        """Return objects and the resource version to watch from."""

    @property
    def watch(self) -> Callable[..., Any]:
        """Yield types and objects of changes."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Objects that are watched: a kind in a namespace, chosen by labels and fields."""

    kind: ResourceKind
    namespace: str
    labels: str = ""
    fields: str = ""


class Watcher:
    """Watches selections, each in a thread of its own, and sets ``wake`` at every change.

    A watch that ends, breaks or is too old begins anew with a list, after a pause that grows while
    the server doesn't answer. The threads end when the watcher is left.

    Args:
        cluster: who is asked.
        selections: what is watched.
        wake: set at each change, and whenever changes may have been missed.
        jitter: a number between 0 and 1, for pauses that do not come in step.
    """

    def __init__(
        self,
        cluster: WatchedCluster,
        selections: Sequence[Selection],
        wake: threading.Event,
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._cluster = cluster
        self._wake = wake
        self._jitter = jitter
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._hang_ups: dict[Selection, Callable[[], None]] = {}
        self._deleted: dict[str, dict[str, Any]] = {}
        self._threads = [
            threading.Thread(
                target=self._run, args=(one,), name=f"watch-{one.kind.plural}", daemon=True
            )
            for one in selections
        ]

    def __enter__(self) -> Watcher:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        with self._lock:
            hang_ups = list(self._hang_ups.values())
        for hang_up in hang_ups:
            hang_up()
        for thread in self._threads:
            # One that waits for an answer is left behind: it stops at the answer, and is a daemon.
            thread.join(0.5)

    def last_state(self, uid: str) -> dict[str, Any] | None:
        """Return what an object was when it was deleted, or None where no deletion was seen."""
        with self._lock:
            return self._deleted.get(uid)

    def _run(self, selection: Selection) -> None:
        pause_s = _FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                self._list_and_watch(selection)
                pause_s = _FIRST_PAUSE_S
            except ApiError as error:
                pause_s = _FIRST_PAUSE_S if error.status == 410 else pause_s
            # A change may have been missed; and a server that ends every watch at once is not asked
            # without a pause.
            self._wake.set()
            self._stop.wait(pause_s * (0.5 + self._jitter()))
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _list_and_watch(self, selection: Selection) -> None:
        where = {"namespace": selection.namespace, "labels": selection.labels}
        _, version = self._cluster.list(selection.kind, fields=selection.fields, **where)
        self._wake.set()
        changed = True
        while changed and not self._stop.is_set():
            changed = False
            for change, seen in self._cluster.watch(
                selection.kind,
                resource_version=version,
                fields=selection.fields,
                timeout_s=_WATCH_S,
                on_open=lambda hang_up: self._opened(selection, hang_up),
                **where,
            ):
                changed = True
                version = text(seen, "metadata", "resourceVersion") or version
                self._note(change, seen)
                if self._stop.is_set():
                    return

    def _opened(self, selection: Selection, hang_up: Callable[[], None]) -> None:
        with self._lock:
            self._hang_ups[selection] = hang_up
        if self._stop.is_set():
            hang_up()

    def _note(self, change: str, seen: dict[str, Any]) -> None:
        if change == "BOOKMARK":
            return
        if change == "DELETED":
            with self._lock:
                self._deleted[uid_of(seen)] = seen
        self._wake.set()
