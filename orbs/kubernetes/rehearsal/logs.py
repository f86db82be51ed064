"""What containers have printed, for as long as their Pods exist."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from orbs.kubernetes.rehearsal.clock import ClusterClock

__all__ = ["LogQuery", "Logs", "Run", "parse_since", "read"]


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines are asked for, as the parameters of ``pods/<name>/log`` say it."""

    follow: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since: datetime | None = None


@dataclass(slots=True)
class Run:
    """The lines of one run of a container; ``closed`` once it has ended."""

    lines: list[tuple[datetime, str]] = field(default_factory=list)
    closed: bool = False
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Let everyone who follows look again."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self) -> None:
        """Wait for the next line or for the end."""
        await self._changed.wait()


class Logs:
    """Runs of containers by Pod uid and container name, the newest last."""

    def __init__(self, clock: ClusterClock) -> None:
        self._clock = clock
        self._runs: dict[tuple[str, str], list[Run]] = {}

    def begin(self, uid: str, container: str) -> Run:
        """Start the log of a new run of a container."""
        run = Run()
        self._runs.setdefault((uid, container), []).append(run)
        return run

    def write(self, run: Run, line: str) -> None:
        """Add a line."""
        run.lines.append((self._clock.now(), line))
        run.wake()

    def end(self, run: Run) -> None:
        """Say that no more lines will come."""
        run.closed = True
        run.wake()

    def find(self, uid: str, container: str, previous: bool = False) -> Run | None:
        """Return the newest run of a container, or the one before it."""
        runs = self._runs.get((uid, container)) or []
        place = 2 if previous else 1
        return runs[-place] if len(runs) >= place else None

    def close(self, uid: str) -> None:
        """End all runs of a Pod that is stopped."""
        for (owner, _), runs in self._runs.items():
            if owner == uid:
                for run in runs:
                    self.end(run)

    def drop(self, uid: str) -> None:
        """Forget the logs of a Pod that is gone; who follows them sees their end."""
        self.close(uid)
        for key in [key for key in self._runs if key[0] == uid]:
            del self._runs[key]


async def read(run: Run, query: LogQuery) -> AsyncIterator[bytes]:
    """Yield the lines that are asked for, and with ``follow`` those that come, until the end."""
    sent = len(run.lines) - _tail(run, query)
    left = query.limit_bytes
    while True:
        batch = run.lines[sent:]
        sent += len(batch)
        for moment, line in batch:
            if query.since is not None and moment < query.since:
                continue
            data = _line(moment, line, query.timestamps)
            if left is not None:
                data = data[:left]
                left -= len(data)
            yield data
        if left == 0 or (len(run.lines) == sent and (run.closed or not query.follow)):
            return
        if len(run.lines) == sent:
            await run.changed()


def _tail(run: Run, query: LogQuery) -> int:
    count = len(run.lines)
    return count if query.tail_lines is None else min(count, max(query.tail_lines, 0))


def _line(moment: datetime, line: str, timestamps: bool) -> bytes:
    head = moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ") if timestamps else ""
    return f"{head}{line}\n".encode()


def parse_since(time: str, seconds: str, now: datetime) -> datetime | None:
    """Return the moment that ``sinceTime`` or ``sinceSeconds`` means, if either is given.

    Raises:
        ValueError: it is none, or says no time zone.
    """
    if seconds:
        return now - timedelta(seconds=int(seconds))
    if not time:
        return None
    moment = datetime.fromisoformat(time)
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {time!r}")
    return moment
