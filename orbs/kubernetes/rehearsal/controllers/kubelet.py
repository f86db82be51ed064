"""The node: a task for each Pod, from its creation until it is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.controllers.pod import PodLife
from orbs.kubernetes.rehearsal.errors import Json
from orbs.kubernetes.rehearsal.storage import Change

__all__ = ["Kubelet"]

log = logging.getLogger(__name__)


class Kubelet:
    """Starts the life of each new Pod, and shuts it down when the Pod is deleted.

    Attributes:
        failures: what went wrong in a Pod's life: a bug here, not a fault that was asked for.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.failures: list[Exception] = []
        cluster.store.subscribe(self._notice)

    def stop_all(self) -> None:
        """End every task."""
        for uid in list(self._tasks):
            self._stop(uid)

    def _notice(self, change: Change) -> None:
        if change.resource != "pods":
            return
        meta = change.new["metadata"]
        uid = meta["uid"]
        if change.type == "ADDED":
            self._start(uid, PodLife(self._cluster, change.new).run())
        elif change.type == "DELETED":
            self._stop(uid)
            self._cluster.logs.drop(uid)
        elif "deletionTimestamp" in meta and "deletionTimestamp" not in _metadata(change.old):
            self._stop(uid)
            self._start(uid, PodLife(self._cluster, change.new).shut_down())

    def _start(self, uid: str, life: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(life)
        self._tasks[uid] = task
        task.add_done_callback(self._look_at)

    def _stop(self, uid: str) -> None:
        if task := self._tasks.pop(uid, None):
            task.cancel()

    def _look_at(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            log.error("a Pod's life went wrong", exc_info=error)
            self.failures.append(error)


def _metadata(obj: Json | None) -> Json:
    return dict(obj["metadata"]) if obj else {}
