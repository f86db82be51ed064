"""The rehearsal itself: the cluster in a thread of its own, behind an address on loopback."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

import aiohttp.web

from orbs.kubernetes.rehearsal.clock import ClusterClock
from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.controllers import deployment, job, replicaset
from orbs.kubernetes.rehearsal.controllers.endpoints import EndpointsController
from orbs.kubernetes.rehearsal.controllers.garbage import GarbageCollector
from orbs.kubernetes.rehearsal.controllers.kubelet import Kubelet
from orbs.kubernetes.rehearsal.controllers.manager import ControllerManager
from orbs.kubernetes.rehearsal.controllers.namespace import NamespaceController
from orbs.kubernetes.rehearsal.controllers.scheduling import node
from orbs.kubernetes.rehearsal.errors import Json
from orbs.kubernetes.rehearsal.faults import Fault
from orbs.kubernetes.rehearsal.handler import ApiHandler, load_catalog
from orbs.kubernetes.rehearsal.resources import Catalog
from orbs.kubernetes.rehearsal.storage import HISTORY_LIMIT

__all__ = ["DEFAULT_SPEED", "Rehearsal"]

DEFAULT_SPEED = 50.0
"""Seconds of the cluster in one real second: a deploy of an ordinary app takes about one."""

CONTEXT = "rehearsal"

_T = TypeVar("_T")


class Rehearsal:
    """A Kubernetes API with controllers, for as long as the ``with`` block lasts.

    Args:
        faults: what goes wrong from the beginning; see :meth:`set_faults`.
        speed: seconds of the cluster that pass in a real one.
        namespaces: those that are there from the beginning.
        clock: replaces the clock that ``speed`` makes.
        history: how many changes are kept for watches; older ones are answered 410 Gone.

    Leaving the block raises what went wrong inside the rehearsal itself, if anything did.
    """

    def __init__(
        self,
        *,
        faults: Sequence[Fault] = (),
        speed: float = DEFAULT_SPEED,
        namespaces: Sequence[str] = ("default",),
        clock: ClusterClock | None = None,
        history: int = HISTORY_LIMIT,
    ) -> None:
        self._clock = clock or ClusterClock(speed)
        self._namespaces = tuple(namespaces)
        self._faults = tuple(faults)
        self._history = history
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._world: _World | None = None

    @property
    def url(self) -> str:
        """The address of the API: ``http://127.0.0.1:<port>``."""
        return f"http://127.0.0.1:{self._running().port}"

    @property
    def kubeconfig(self) -> Json:
        """A kubeconfig with one context, ``rehearsal``, and no credentials."""
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": CONTEXT,
            "clusters": [{"name": CONTEXT, "cluster": {"server": self.url}}],
            "users": [{"name": CONTEXT, "user": {}}],
            "contexts": [
                {
                    "name": CONTEXT,
                    "context": {
                        "cluster": CONTEXT,
                        "user": CONTEXT,
                        "namespace": self._namespaces[0] if self._namespaces else "default",
                    },
                }
            ],
        }

    def set_faults(self, *faults: Fault) -> None:
        """Replace the faults; Pods that run already are left as they are."""
        world = self._running()

        async def change() -> None:
            world.cluster.faults = faults

        self._do(change)

    def __enter__(self) -> Self:
        catalog = load_catalog()
        started: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(
            target=_run_loop, args=(started,), name="rehearsal", daemon=True
        )
        self._thread.start()
        self._loop = started.result()
        try:
            self._world = self._do(lambda: self._open(catalog))
        except BaseException:
            self._end_thread()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        world = self._running()
        self._do(world.close)
        self._end_thread()
        self._world = None
        if exc_type is None and world.failures:
            raise world.failures[0]

    async def _open(self, catalog: Catalog) -> _World:
        world = _World(Cluster(catalog, self._clock, self._faults, self._history))
        await world.open(self._namespaces)
        return world

    def _running(self) -> _World:
        if self._world is None:
            raise RuntimeError("the rehearsal is not running: use it in a with block")
        return self._world

    def _do(self, action: Callable[[], Awaitable[_T]]) -> _T:
        assert self._loop is not None

        async def act() -> _T:
            return await action()

        return asyncio.run_coroutine_threadsafe(act(), self._loop).result()

    def _end_thread(self) -> None:
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._loop = self._thread = None


def _run_loop(started: Future[asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.call_soon(started.set_result, loop)
        loop.run_forever()


class _World:
    """What lives in the thread: cluster, controllers, HTTP server."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        controllers = (deployment.CONTROLLER, replicaset.CONTROLLER, job.CONTROLLER)
        self._manager = ControllerManager(cluster, controllers)
        self._kubelet = Kubelet(cluster)
        self._others = (
            NamespaceController(cluster),
            GarbageCollector(cluster),
            EndpointsController(cluster),
        )
        self._handler = ApiHandler(cluster)
        self._runner: aiohttp.web.ServerRunner | None = None
        self._errors: list[Exception] = []
        self.port = 0

    async def open(self, namespaces: Sequence[str]) -> None:
        """Fill the cluster and begin to listen, on loopback and a port that is free."""
        self.cluster.create("nodes", node())
        for name in dict.fromkeys(("default", "kube-system", *namespaces)):
            self.cluster.create("namespaces", {"metadata": {"name": name}})
        await self._handler.__aenter__()
        # Watches end when their client goes or the server stops: nobody is waited for. (To aiohttp
        # a timeout of 0 means none at all.)
        server = aiohttp.web.Server(self._handler, handler_cancellation=True, access_log=None)
        self._runner = aiohttp.web.ServerRunner(server, shutdown_timeout=0.01)
        await self._runner.setup()
        site = aiohttp.web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and end all tasks."""
        self._manager.stop()
        self._kubelet.stop_all()
        if self._runner is not None:
            await self._runner.cleanup()
        self._errors = list(self._handler.errors)
        await self._handler.__aexit__(None, None, None)

    @property
    def failures(self) -> list[Exception]:
        """What went wrong that was no fault asked for."""
        return [*self._manager.failures, *self._kubelet.failures, *self._errors]
