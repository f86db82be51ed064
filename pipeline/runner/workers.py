"""Threads that work off calls, and that do not keep the process alive: some calls never come to an end.

Those of :class:`concurrent.futures.ThreadPoolExecutor` are waited for when the process ends, whatever they
wait for: an engine or a bucket that has stopped to answer.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["Left", "Workers", "call_or_leave", "wait_for"]

T = TypeVar("T")

_LOOK_S = 0.2
_Item = tuple[Future[Any], Callable[[], Any]]


class Left(Exception):
    """A call did not come to an end while somebody waited for it."""


def wait_for(threads: Iterable[threading.Thread], gives_up: Callable[[], bool]) -> bool:
    """Wait until threads have ended, and say whether they have.

    Args:
        threads: the threads.
        gives_up: asked again and again; True ends the waiting.
    """
    for thread in threads:
        while thread.is_alive():
            thread.join(_LOOK_S)
            if thread.is_alive() and gives_up():
                return False
    return True


class Workers:
    """Works off calls in the order in which they come.

    Args:
        at_once: how many calls go on at the same time.
        name: what the threads are called.
    """

    def __init__(self, at_once: int, name: str) -> None:
        self._at_once = at_once
        self._name = name
        self._calls: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, call: Callable[..., T], *args: Any) -> Future[T]:
        """Call it as soon as there is room."""
        future: Future[T] = Future()
        self._calls.put((future, lambda: call(*args)))
        if len(self._threads) < self._at_once:
            name = f"{self._name}_{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def close(self, *, gives_up: Callable[[], bool] = lambda: False) -> bool:
        """Wait until all calls have ended, and say whether they have.

        Args:
            gives_up: asked again and again; True ends the waiting.
        """
        self._calls.put(None)
        return wait_for(self._threads, gives_up)

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = call()
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)
            del item, future, call
        self._calls.put(None)


def call_or_leave(call: Callable[[], T], leaves: Callable[[], bool]) -> T:
    """Return what a call returns.

    Args:
        call: called in a thread of its own.
        leaves: asked again and again while it goes on; True leaves it alone.

    Raises:
        Left: it was left alone: it may go on, and nobody hears of its end.
    """
    workers = Workers(1, "call")
    future = workers.submit(call)
    if not workers.close(gives_up=leaves):
        raise Left
    return future.result()
