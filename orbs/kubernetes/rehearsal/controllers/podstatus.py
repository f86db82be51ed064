"""The shapes that the kubelet writes into a Pod's status, as pure functions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["ContainerState", "image_id", "invalid_image", "pod_status"]

_REFERENCE = re.compile(
    r"^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?(?:@sha256:[0-9a-f]{64})?$"
)


@dataclass(frozen=True, slots=True)
class ContainerState:
    """What is known of one container of a Pod, and its row in ``containerStatuses``."""

    name: str
    image: str
    state: Json = field(default_factory=lambda: {"waiting": {"reason": "ContainerCreating"}})
    last_state: Json = field(default_factory=dict)
    ready: bool = False
    started: bool = False
    restarts: int = 0
    container_id: str = ""
    image_id: str = ""

    def waiting(self, reason: str, message: str = "") -> ContainerState:
        """Return it waiting, for a reason."""
        why = {"message": message, "reason": reason} if message else {"reason": reason}
        return replace(self, state={"waiting": why}, ready=False, started=False)

    def running(self, since: str) -> ContainerState:
        """Return it running, not ready yet."""
        return replace(self, state={"running": {"startedAt": since}}, ready=False, started=True)

    def terminated(self, exit_code: int, started: str, finished: str) -> ContainerState:
        """Return it ended."""
        end = {
            "containerID": self.container_id,
            "exitCode": exit_code,
            "finishedAt": finished,
            "reason": "Error" if exit_code else "Completed",
            "startedAt": started,
        }
        return replace(self, state={"terminated": end}, ready=False, started=False)

    def restarted(self, uid: str) -> ContainerState:
        """Return it in its next run, with the end of this one remembered."""
        last = self.state if "terminated" in self.state else self.last_state
        again = replace(self, last_state=last, restarts=self.restarts + 1)
        return replace(again, container_id=container_id(uid, self.name, again.restarts))

    def as_json(self) -> Json:
        """Return its row in ``containerStatuses``."""
        row: Json = {"containerID": self.container_id} if self.container_id else {}
        return row | {
            "image": self.image,
            "imageID": self.image_id,
            "lastState": self.last_state,
            "name": self.name,
            "ready": self.ready,
            "restartCount": self.restarts,
            "started": self.started,
            "state": self.state,
        }

    @property
    def is_waiting(self) -> bool:
        """Whether it has not been started yet, or waits for its next run."""
        return "waiting" in self.state

    @property
    def exit_code(self) -> int | None:
        """The code with which it ended, if it has."""
        end = self.state.get("terminated")
        return None if end is None else int(end["exitCode"])


def container_id(uid: str, name: str, run: int) -> str:
    """Return the id of one run of a container."""
    return f"containerd://{hashlib.sha256(f'{uid}/{name}/{run}'.encode()).hexdigest()}"


def image_id(image: str) -> str:
    """Return an image by its digest; where only a tag is known, by one made up from it."""
    if "@" in image:
        return image
    head, slash, tail = image.rpartition("/")
    repository = head + slash + tail.partition(":")[0]
    return f"{repository}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def invalid_image(image: str) -> str | None:
    """Return the kubelet's message when an image reference cannot be read."""
    if _REFERENCE.match(image):
        return None
    why = "invalid reference format"
    if image.rpartition("/")[2].partition(":")[0] != image.rpartition("/")[2].lower():
        why += ": repository name must be lowercase"
    parse = f'couldn\'t parse image reference "{image}": {why}'
    return f'Failed to apply default image tag "{image}": {parse}'


def pod_status(
    old: Json, containers: Sequence[ContainerState], now: str, **known: str | bool
) -> Json:
    """Return the status of a Pod that runs on a node.

    Args:
        old: its status so far, whose times stay where nothing changed.
        containers: its containers.
        now: the time stamp for what changes.
        known: ``phase``, ``ip``, ``host_ip``, and ``initialized``.
    """
    phase = str(known["phase"])
    unready = [item.name for item in containers if not item.ready]
    done = phase in ("Succeeded", "Failed")
    conditions = [
        _initialized(bool(known.get("initialized", True)), phase),
        *(_readiness(kind, unready, done and phase == "Succeeded") for kind in _READINESS),
        {"type": "PodScheduled", "status": "True"},
    ]
    status: Json = {
        "phase": phase,
        "conditions": [_dated(row, old, now) for row in conditions],
        "containerStatuses": [item.as_json() for item in containers],
        "hostIP": str(known["host_ip"]),
        "qosClass": old["qosClass"],
        "startTime": old.get("startTime", now),
    }
    if ip := str(known.get("ip") or old.get("podIP") or ""):
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    return status


_READINESS = ("Ready", "ContainersReady")


def _initialized(ready: bool, phase: str) -> Json:
    if not ready:
        return {"type": "Initialized", "status": "False", "reason": "ContainersNotInitialized"}
    row = {"type": "Initialized", "status": "True"}
    return row | {"reason": "PodCompleted"} if phase == "Succeeded" else row


def _readiness(kind: str, unready: Iterable[str], completed: bool) -> Json:
    if completed:
        return {"type": kind, "status": "False", "reason": "PodCompleted"}
    names = " ".join(unready)
    if not names:
        return {"type": kind, "status": "True"}
    text = f"containers with unready status: [{names}]"
    return {"type": kind, "status": "False", "reason": "ContainersNotReady", "message": text}


def _dated(row: Json, old: Json, now: str) -> Json:
    rows = old.get("conditions") or ()
    before = next((item for item in rows if item["type"] == row["type"]), None)
    same = before is not None and before["status"] == row["status"]
    since = before["lastTransitionTime"] if before is not None and same else now
    return {"lastProbeTime": None, "lastTransitionTime": since} | row
