"""Time inside the rehearsed cluster: real time stamps, hurried waiting."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

__all__ = ["ClusterClock", "stamp", "stamp_micro"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """Write a moment as ``metav1.Time`` does: whole seconds, UTC."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_micro(moment: datetime) -> str:
    """Write a moment as ``metav1.MicroTime`` does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class ClusterClock:
    """Waits ``speed`` times faster than the cluster it plays, and tells the time of day.

    Args:
        speed: seconds of the cluster that pass in one real second.
        now: the time of day for time stamps; they are not hurried, so that a client may compare
            them with its own clock.
        monotonic: real seconds since some moment.
    """

    def __init__(
        self,
        speed: float,
        now: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"the speed of a rehearsal must be above 0, not {speed}")
        self._speed = speed
        self._monotonic = monotonic
        self.now = now

    def stamp(self) -> str:
        """Return the present second as a time stamp."""
        return stamp(self.now())

    def elapsed(self) -> float:
        """Return the cluster's seconds since some moment."""
        return self._monotonic() * self._speed

    async def sleep(self, seconds: float) -> None:
        """Let so many of the cluster's seconds pass."""
        await asyncio.sleep(seconds / self._speed)

    def call_later(self, seconds: float, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Call ``action`` after so many of the cluster's seconds."""
        return asyncio.get_running_loop().call_later(seconds / self._speed, action)
