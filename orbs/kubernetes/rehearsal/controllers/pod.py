"""The life of one Pod: scheduled, mounted, its containers run, shut down."""

from __future__ import annotations

import asyncio

from orbs.kubernetes.rehearsal.cluster import NODE, Cluster, owner_of
from orbs.kubernetes.rehearsal.controllers.container import ContainerLife
from orbs.kubernetes.rehearsal.controllers.podstatus import ContainerState, pod_status
from orbs.kubernetes.rehearsal.controllers.references import missing_volumes
from orbs.kubernetes.rehearsal.controllers.replicaset import is_ready
from orbs.kubernetes.rehearsal.controllers.scheduling import why_unschedulable
from orbs.kubernetes.rehearsal.errors import Json

__all__ = ["PodLife"]

RETRY_S = 5.0
"""The cluster's seconds between two attempts to schedule or to mount."""

SHUTDOWN_S = 1.0
"""The cluster's seconds in which containers stop; they never need their whole grace period."""

_HOST_IP = "10.0.0.1"


class PodLife:
    """One Pod on the node.

    Attributes:
        cluster: where it lives.
        pod: the Pod as it was when this life began.
        workload: the kind of what made it: ``Deployment``, ``Job``, or ``Pod`` for itself.
    """

    def __init__(self, cluster: Cluster, pod: Json) -> None:
        self.cluster = cluster
        self.pod = pod
        owner = owner_of(pod) or {"kind": "Pod"}
        self.workload = {"ReplicaSet": "Deployment"}.get(owner["kind"], str(owner["kind"]))
        self._clock = cluster.clock
        self._uid = str(pod["metadata"]["uid"])
        self._ip = ""
        self._phase = "Pending"
        self._first = _states(pod, "initContainers")
        self._main = _states(pod, "containers")

    async def run(self) -> None:
        """Live until the containers have ended, or for ever."""
        await self._until_scheduled()
        self._show()
        await self._until_mounted()
        self._ip = self.cluster.address("pods")
        for container in self.pod["spec"].get("initContainers") or ():
            await ContainerLife(self, container, is_init=True).until_done()
        lives = [ContainerLife(self, item) for item in self.pod["spec"]["containers"]]
        codes = await asyncio.gather(*(life.until_done() for life in lives))
        self._phase = "Failed" if any(codes) else "Succeeded"
        self._show()

    async def shut_down(self) -> None:
        """Stop the containers, and let the Pod go."""
        for container in self.pod["spec"]["containers"]:
            text = f"Stopping container {container['name']}"
            self.event("Normal", "Killing", text, container["name"])
        await self._clock.sleep(SHUTDOWN_S)
        self.cluster.logs.close(self._uid)
        meta = self.pod["metadata"]
        self.cluster.store.remove("pods", meta["namespace"], meta["name"])

    def state(self, name: str) -> ContainerState:
        """Return the state of one of its containers."""
        return self._first[name] if name in self._first else self._main[name]

    def put(self, state: ContainerState, *, show: bool = True) -> None:
        """Take note of the new state of a container, and show it in the Pod's status."""
        if state.name in self._first:
            self._first[state.name] = state
        else:
            self._main[state.name] = state
            if self._phase == "Pending" and not state.is_waiting:
                self._phase = "Running"
        if show:
            self._show()

    def event(self, type_: str, reason: str, text: str, container: str = "") -> None:
        """Write an Event about the Pod, or about one of its containers."""
        part = "initContainers" if container in self._first else "containers"
        field = f"spec.{part}{{{container}}}" if container else ""
        self.cluster.event(self.pod, type_, reason, text, field=field)

    async def _until_scheduled(self) -> None:
        # Seen from outside, a Pod is first there and then scheduled.
        await asyncio.sleep(0)
        while why := why_unschedulable(self.cluster, self.pod, self.workload):
            self._refuse(why)
            await self._clock.sleep(RETRY_S)
        condition: Json = {"type": "PodScheduled", "status": "True"}
        condition |= {"lastProbeTime": None, "lastTransitionTime": self._clock.stamp()}

        def bind(pod: Json) -> None:
            pod["spec"]["nodeName"] = NODE
            pod["status"]["conditions"] = [condition]

        self.cluster.change("pods", self.pod, bind)
        meta = self.pod["metadata"]
        text = f"Successfully assigned {meta['namespace']}/{meta['name']} to {NODE}"
        self.cluster.event(self.pod, "Normal", "Scheduled", text, component="default-scheduler")

    def _refuse(self, why: str) -> None:
        def note(pod: Json) -> None:
            old: Json = next(iter(pod["status"].get("conditions") or ()), {})
            since = old.get("lastTransitionTime") or self._clock.stamp()
            condition: Json = {"type": "PodScheduled", "status": "False"}
            condition |= {"reason": "Unschedulable", "message": why}
            condition |= {"lastProbeTime": None, "lastTransitionTime": since}
            pod["status"]["conditions"] = [condition]

        self.cluster.change("pods", self.pod, note)
        reason, component = "FailedScheduling", "default-scheduler"
        self.cluster.event(self.pod, "Warning", reason, why, component=component)

    async def _until_mounted(self) -> None:
        while why := missing_volumes(self.cluster, self.pod):
            self.event("Warning", "FailedMount", why)
            await self._clock.sleep(RETRY_S)

    def _show(self) -> None:
        now, first = self._clock.stamp(), list(self._first.values())
        initialized = all(state.exit_code == 0 for state in first)

        def show(pod: Json) -> None:
            was_ready = is_ready(pod)
            known: dict[str, str | bool] = {"phase": self._phase, "ip": self._ip}
            known |= {"host_ip": _HOST_IP, "initialized": initialized}
            pod["status"] = pod_status(pod["status"], list(self._main.values()), now, **known)
            if first:
                pod["status"]["initContainerStatuses"] = [state.as_json() for state in first]
            if is_ready(pod) and not was_ready:
                self.cluster.moments[self._uid, "ready"] = self._clock.elapsed()

        self.cluster.change("pods", self.pod, show)


def _states(pod: Json, field: str) -> dict[str, ContainerState]:
    return {
        container["name"]: ContainerState(container["name"], container["image"])
        for container in pod["spec"].get(field) or ()
    }
