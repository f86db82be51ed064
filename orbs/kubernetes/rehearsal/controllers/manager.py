"""The loop that all controllers share: a change wakes the objects that it concerns, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orbs.kubernetes.rehearsal.cluster import Cluster, owner_of
from orbs.kubernetes.rehearsal.errors import ApiError
from orbs.kubernetes.rehearsal.storage import Change

__all__ = ["Controller", "ControllerManager"]

RETRY_S = 5.0
"""The cluster's seconds after which an object is looked at again that could not be handled."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Controller:
    """What looks after one kind of object.

    ``reconcile(cluster, namespace, name)`` takes one step towards what the object asks for, and
    returns in how many of the cluster's seconds to look again, or None. It is called after each
    change of the object, and of an object of ``children`` that is owned by one of ``kind``.
    """

    resource: str
    kind: str
    children: tuple[str, ...]
    reconcile: Callable[[Cluster, str, str], float | None]

    def concerned(self, change: Change) -> Iterator[tuple[str, str]]:
        """Yield namespace and name of the objects to look at after a change."""
        meta = change.new["metadata"]
        if change.resource == self.resource:
            yield meta.get("namespace", ""), meta["name"]
        elif change.resource in self.children:
            owner = owner_of(change.new)
            if owner is not None and owner["kind"] == self.kind:
                yield meta.get("namespace", ""), owner["name"]


class ControllerManager:
    """Calls controllers one after the other, never two at once, in the order of the changes.

    Attributes:
        failures: what went wrong in a controller: a bug here, not a fault that was asked for.
    """

    def __init__(self, cluster: Cluster, controllers: tuple[Controller, ...]) -> None:
        self._cluster = cluster
        self._controllers = controllers
        # A dict keeps the order and holds each object once, however often it changed.
        self._queue: dict[tuple[int, str, str], None] = {}
        self._scheduled = False
        self._timers: dict[tuple[int, str, str], asyncio.TimerHandle] = {}
        self.failures: list[Exception] = []
        cluster.store.subscribe(self._notice)

    def stop(self) -> None:
        """Look at nothing any more."""
        self._controllers = ()
        self._queue.clear()
        for timer in self._timers.values():
            timer.cancel()

    def _notice(self, change: Change) -> None:
        for number, controller in enumerate(self._controllers):
            for namespace, name in controller.concerned(change):
                self._enqueue((number, namespace, name))

    def _enqueue(self, key: tuple[int, str, str]) -> None:
        self._queue[key] = None
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        """Handle one object, and let requests in before the next."""
        self._scheduled = False
        if not self._queue:
            return
        key = next(iter(self._queue))
        del self._queue[key]
        try:
            number, namespace, name = key
            again = self._controllers[number].reconcile(self._cluster, namespace, name)
            self._look_again(key, again)
        except ApiError:
            # As a real controller does: what is refused now may be allowed later.
            self._look_again(key, RETRY_S)
        except Exception as error:  # one object's trouble must not stop the others
            log.exception("the %s of %s/%s failed", self._controllers[key[0]].kind, *key[1:])
            self.failures.append(error)
        if self._queue and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._work)

    def _look_again(self, key: tuple[int, str, str], seconds: float | None) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if seconds is not None:
            clock = self._cluster.clock
            self._timers[key] = clock.call_later(seconds, lambda: self._enqueue(key))
