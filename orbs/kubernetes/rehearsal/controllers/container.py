"""The life of one container: pulled, started, and run again as the Pod's policy says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from orbs.kubernetes.rehearsal import transcripts
from orbs.kubernetes.rehearsal.controllers.podstatus import (
    ContainerState,
    container_id,
    image_id,
    invalid_image,
)
from orbs.kubernetes.rehearsal.controllers.references import first_secret, missing_config
from orbs.kubernetes.rehearsal.errors import Json
from orbs.kubernetes.rehearsal.logs import Run

if TYPE_CHECKING:
    from orbs.kubernetes.rehearsal.controllers.pod import PodLife

__all__ = ["ContainerLife"]

# In the cluster's seconds. What a real node takes longer for is cut short, what it repeats is not.
PULL_S = 0.5
RETRY_S = 5.0
MIGRATION_S = 2.0
SLOW_MIGRATION_S = 100.0
BACK_OFF_S = 10.0
BACK_OFF_LIMIT_S = 300.0


class ContainerLife:
    """One container of a Pod; ``is_init`` for those that run before the others."""

    def __init__(self, life: PodLife, container: Json, *, is_init: bool = False) -> None:
        self._life = life
        self._cluster = life.cluster
        self._clock = life.cluster.clock
        self._container = container
        self._name = str(container["name"])
        self._image = str(container["image"])
        self._uid = str(life.pod["metadata"]["uid"])
        self._is_init = is_init

    @property
    def _state(self) -> ContainerState:
        return self._life.state(self._name)

    def _is_hit(self, fault: str) -> bool:
        return self._cluster.is_hit(fault, self._life.workload)

    def _event(self, type_: str, reason: str, text: str) -> None:
        self._life.event(type_, reason, text, self._name)

    async def until_done(self) -> int:
        """Run until it ends for good, and return its exit code."""
        policy = self._life.pod["spec"]["restartPolicy"]
        await self._until_pulled()
        while True:
            await self._until_configured()
            code = await self._once()
            if policy == "Never" or (code == 0 and (policy == "OnFailure" or self._is_init)):
                return code
            await self._back_off()

    async def _until_pulled(self) -> None:
        while why := invalid_image(self._image):
            self._life.put(self._state.waiting("InvalidImageName", why))
            self._event("Warning", "InspectFailed", why)
            self._event("Warning", "Failed", "Error: InvalidImageName")
            await self._clock.sleep(RETRY_S)
        await self._while_unpullable()
        is_there = self._image in self._cluster.images
        if is_there and self._container["imagePullPolicy"] == "IfNotPresent":
            self._event("Normal", "Pulled", self._already_there())
            return
        self._event("Normal", "Pulling", f'Pulling image "{self._image}"')
        await self._clock.sleep(PULL_S)
        self._cluster.images.add(self._image)
        text = f'Successfully pulled image "{self._image}" in {int(PULL_S * 1000)}ms'
        self._event("Normal", "Pulled", text)

    def _already_there(self) -> str:
        return f'Container image "{self._image}" already present on machine'

    async def _while_unpullable(self) -> None:
        image, pause = self._image, BACK_OFF_S
        resolve = f'failed to resolve reference "{image}": {image}: not found'
        why = f'failed to pull and unpack image "{image}": {resolve}'
        why = f"rpc error: code = NotFound desc = {why}"
        back = f'Back-off pulling image "{image}"'
        while self._is_hit("image-pull"):
            self._event("Normal", "Pulling", f'Pulling image "{image}"')
            await self._clock.sleep(PULL_S)
            self._event("Warning", "Failed", f'Failed to pull image "{image}": {why}')
            self._event("Warning", "Failed", "Error: ErrImagePull")
            self._life.put(self._state.waiting("ErrImagePull", why))
            await self._clock.sleep(RETRY_S)
            self._event("Normal", "BackOff", back)
            self._event("Warning", "Failed", "Error: ImagePullBackOff")
            self._life.put(self._state.waiting("ImagePullBackOff", back))
            await self._clock.sleep(pause)
            pause = min(2 * pause, BACK_OFF_LIMIT_S)

    async def _until_configured(self) -> None:
        while why := self._missing():
            self._event("Warning", "Failed", f"Error: {why}")
            self._life.put(self._state.waiting("CreateContainerConfigError", why))
            await self._clock.sleep(RETRY_S)
            # The kubelet looks for the image again before each attempt.
            self._event("Normal", "Pulled", self._already_there())

    def _missing(self) -> str | None:
        if self._is_hit("config-missing"):
            return f'secret "{first_secret(self._container)}" not found'
        namespace = self._life.pod["metadata"]["namespace"]
        return missing_config(self._cluster, namespace, self._container)

    async def _once(self) -> int:
        """Run once, and return the exit code."""
        started = self._clock.stamp()
        known = container_id(self._uid, self._name, self._state.restarts)
        state = replace(self._state, container_id=known, image_id=image_id(self._image))
        self._life.put(state, show=False)
        self._event("Normal", "Created", f"Created container {self._name}")
        self._event("Normal", "Started", f"Started container {self._name}")
        run = self._cluster.logs.begin(self._uid, self._name)
        code = await self._play(run)
        self._cluster.logs.end(run)
        self._life.put(self._state.terminated(code, started, self._clock.stamp()))
        return code

    async def _play(self, run: Run) -> int:
        """Do what the container is there for, and return the exit code."""
        if self._is_init:
            return 0
        if self._is_hit("crash-loop"):
            # A boot that fails at once is never seen running.
            self._print(run, transcripts.boot_failure())
            return 1
        self._life.put(self._state.running(self._clock.stamp()))
        if self._life.pod["spec"]["restartPolicy"] != "Always":
            return await self._migrate(run)
        self._print(run, transcripts.boot())
        await self._until_ready()
        await asyncio.Event().wait()
        return 0

    def _print(self, run: Run, lines: Iterable[str]) -> None:
        for line in lines:
            self._cluster.logs.write(run, line)

    async def _migrate(self, run: Run) -> int:
        """Print a migration over its time."""
        self._life.put(replace(self._state, ready=True))
        fails, slow = self._is_hit("migration-fails"), self._is_hit("slow-migration")
        lines = transcripts.migration(20 if slow else 3)
        lines = transcripts.migration_failure() if fails else lines
        pause = (SLOW_MIGRATION_S if slow else MIGRATION_S) / len(lines)
        for line in lines:
            await self._clock.sleep(pause)
            self._cluster.logs.write(run, line)
        return 1 if fails else 0

    async def _until_ready(self) -> None:
        probe = self._container.get("readinessProbe") or {}
        if probe:
            await self._clock.sleep(float(probe.get("initialDelaySeconds", 0)) + 0.2)
        while self._is_hit("never-ready") or self._is_hit("progress-deadline"):
            text = "Readiness probe failed: HTTP probe failed with statuscode: 503"
            self._event("Warning", "Unhealthy", text)
            await self._clock.sleep(float(probe.get("periodSeconds", 10)))
        self._life.put(replace(self._state, ready=True))

    async def _back_off(self) -> None:
        """Wait before the next run: hardly before the second, then longer and longer."""
        restarts = self._state.restarts
        if restarts:
            pause = min(BACK_OFF_S * 2 ** (restarts - 1), BACK_OFF_LIMIT_S)
            # The run that has ended is shown as the last one while the next is waited for.
            ended = replace(self._state, last_state=self._state.state)
            self._life.put(ended.waiting("CrashLoopBackOff", self._back_off_text(int(pause))))
            self._event("Warning", "BackOff", "Back-off restarting failed container")
            await self._clock.sleep(pause)
        else:
            await self._clock.sleep(1.0)
        self._life.put(self._state.restarted(self._uid), show=False)
        self._event("Normal", "Pulled", self._already_there())

    def _back_off_text(self, pause_s: int) -> str:
        meta = self._life.pod["metadata"]
        minutes, seconds = divmod(pause_s, 60)
        length = f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
        pod = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
        return f"back-off {length} restarting failed container={self._name} pod={pod}"
