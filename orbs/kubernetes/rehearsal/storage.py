"""What etcd is to a real API server: the objects, their versions, and the changes in order."""

from __future__ import annotations

import copy
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orbs.kubernetes.rehearsal.clock import ClusterClock
from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["HISTORY_LIMIT", "Change", "Store"]

HISTORY_LIMIT = 5000
"""Changes that are kept for watches; a watch from before the oldest is answered 410 Gone."""

_UIDS = uuid.UUID("6f726279-6172-6420-7265-68656172736c")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one object: ``ADDED``, ``MODIFIED`` or ``DELETED``.

    ``old`` is None for a new object. ``new`` is the last state of a deleted one, with the version
    of its deletion.
    """

    type: str
    resource: str
    version: int
    old: Json | None
    new: Json


class Store:
    """Objects by resource key (``deployments.apps``), namespace and name.

    An object, once stored, is never changed in place: whoever reads one may keep it, and must
    copy it before changing it. Use it from one thread only.
    """

    def __init__(self, clock: ClusterClock, history_limit: int = HISTORY_LIMIT) -> None:
        self._clock = clock
        self._objects: dict[str, dict[tuple[str, str], Json]] = {}
        self._history: deque[Change] = deque(maxlen=history_limit)
        self._listeners: list[Callable[[Change], None]] = []
        self._untold: deque[Change] = deque()
        self._telling = False
        self._uids = 0
        self.version = 1

    def subscribe(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Have every later change told to ``listener``; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def since(self, version: int) -> list[Change] | None:
        """Return the changes after ``version``, or None where some of them are forgotten."""
        if self._history and version < self._history[0].version - 1:
            return None
        return [change for change in self._history if change.version > version]

    def oldest(self) -> int:
        """Return the version of the oldest change that is still known."""
        return self._history[0].version if self._history else self.version

    def get(self, resource: str, namespace: str, name: str) -> Json | None:
        """Return one object, if it is there; ``namespace`` is empty for cluster-wide kinds."""
        return self._objects.get(resource, {}).get((namespace, name))

    def list(self, resource: str, namespace: str = "") -> list[Json]:
        """Return all objects, of all namespaces where none is given, sorted by their names."""
        rows = sorted(self._objects.get(resource, {}).items())
        return [obj for (place, _), obj in rows if not namespace or place == namespace]

    def everything(self) -> Iterator[tuple[str, Json]]:
        """Yield every object with its resource key."""
        for resource, rows in list(self._objects.items()):
            for obj in list(rows.values()):
                yield resource, obj

    def new_uid(self) -> str:
        """Return a fresh uid, the same ones in the same order in every rehearsal."""
        self._uids += 1
        return str(uuid.uuid5(_UIDS, str(self._uids)))

    def create(self, resource: str, obj: Json) -> Json:
        """Store a new object, which has its uid already, with its version and time of creation."""
        obj = copy.deepcopy(obj)
        meta = obj["metadata"]
        meta["creationTimestamp"] = self._clock.stamp()
        self._keep(resource, obj)
        self._tell("ADDED", resource, None, obj)
        return obj

    def replace(self, resource: str, obj: Json) -> Json:
        """Store a new state of an object; storing what is there already changes nothing."""
        meta = obj["metadata"]
        old = self._objects[resource][meta.get("namespace", ""), meta["name"]]
        if old == obj:
            return old
        obj = copy.deepcopy(obj)
        self._keep(resource, obj)
        self._tell("MODIFIED", resource, old, obj)
        return obj

    def remove(self, resource: str, namespace: str, name: str) -> Json | None:
        """Forget an object, and return its last state if it was there."""
        old = self._objects.get(resource, {}).pop((namespace, name), None)
        if old is None:
            return None
        last = copy.deepcopy(old)
        self.version += 1
        last["metadata"]["resourceVersion"] = str(self.version)
        self._tell("DELETED", resource, old, last)
        return last

    def _keep(self, resource: str, obj: Json) -> None:
        self.version += 1
        meta = obj["metadata"]
        meta["resourceVersion"] = str(self.version)
        rows = self._objects.setdefault(resource, {})
        rows[meta.get("namespace", ""), meta["name"]] = obj

    def _tell(self, kind: str, resource: str, old: Json | None, new: Json) -> None:
        change = Change(kind, resource, self.version, old, new)
        self._history.append(change)
        self._untold.append(change)
        if self._telling:
            return
        # A listener may write in its turn; everyone still hears of all changes in their order.
        self._telling = True
        try:
            while self._untold:
                change = self._untold.popleft()
                for listener in list(self._listeners):
                    listener(change)
        finally:
            self._telling = False
