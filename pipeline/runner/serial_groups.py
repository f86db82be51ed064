"""Serial groups: jobs of one group run one at a time, over all runs of a project on this machine.

    <folder>/<group>/held              locked (flock) by the run whose job runs
    <folder>/<group>/<run>.waiting     locked by a run that waits; the oldest is next

A lock goes with its process, so that a run that was killed holds nobody up. A run that comes to a group
in which a newer run is already has been overtaken, and its job does not run, as on CircleCI
(circleci.com/docs/configuration-reference, ``serial-group``).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from pathlib import Path
from typing import Literal

from pipeline.errors import WorkFailed
from pipeline.runner.file_locks import take_lock

__all__ = ["Entry", "SerialGroups"]

Entry = Literal["entered", "waiting", "overtaken"]


class SerialGroups:
    """The groups as one run sees them.

    Args:
        folder: the project's folder for them, shared by its runs.
        run_id: the run; ids sort by the time at which runs began.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder = folder
        self._run_id = run_id
        self._held: dict[tuple[str, str], int] = {}
        self._tickets: dict[tuple[str, str], tuple[int, Path]] = {}

    def enter(self, group: str, who: str) -> Entry:
        """Try to enter a group for a workflow or job; ask again after ``waiting``.

        Raises:
            WorkFailed: the folder cannot be written.
        """
        if (group, who) in self._held:
            return "entered"
        place = self._folder / hashlib.sha256(group.encode()).hexdigest()[:32]
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._enter(place, group, who)
        except OSError as error:
            raise WorkFailed(
                f"the serial group {group!r} cannot be entered: {error.strerror}"
            ) from error

    def _enter(self, place: Path, group: str, who: str) -> Entry:
        if (group, who) not in self._tickets:
            if any(run > self._run_id for run in _present(place)):
                return "overtaken"
            self._tickets[group, who] = _take_ticket(place, self._run_id)
        if any(run < self._run_id for run in _waiting(place)):
            return "waiting"
        held = take_lock(place / "held")
        if held is None:
            return "waiting"
        os.truncate(held, 0)
        os.pwrite(held, self._run_id.encode(), 0)
        self._held[group, who] = held
        self._forget_ticket(group, who)
        return "entered"

    def holder(self, group: str) -> str:
        """Return the run that is in a group, or ""."""
        place = self._folder / hashlib.sha256(group.encode()).hexdigest()[:32]
        return _holder(place)

    def leave(self, group: str, who: str) -> None:
        """Leave a group, or stop waiting for it."""
        self._forget_ticket(group, who)
        held = self._held.pop((group, who), None)
        if held is not None:
            os.close(held)

    def close(self) -> None:
        """Leave all groups."""
        for group, who in [*self._held, *self._tickets]:
            self.leave(group, who)

    def _forget_ticket(self, group: str, who: str) -> None:
        ticket = self._tickets.pop((group, who), None)
        if ticket is not None:
            with contextlib.suppress(OSError):
                ticket[1].unlink()
            os.close(ticket[0])


def _take_ticket(place: Path, run_id: str) -> tuple[int, Path]:
    """Return a locked file that says that a run waits, and its path."""
    while True:
        path = place / f"{run_id}.{os.urandom(4).hex()}.waiting"
        ticket = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(ticket, fcntl.LOCK_EX)  # another run may be looking whether it is locked
        if os.fstat(ticket).st_nlink:
            return ticket, path
        os.close(ticket)  # it looked before, took it for one that was left over, and removed it


def _is_locked(path: Path) -> bool:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _waiting(place: Path) -> list[str]:
    """Return the runs that wait; tickets of runs that are gone are removed."""
    found = []
    for path in place.glob("*.waiting"):
        if _is_locked(path):
            found.append(path.name.partition(".")[0])
        else:
            path.unlink(missing_ok=True)
    return found


def _holder(place: Path) -> str:
    if not _is_locked(place / "held"):
        return ""
    return (place / "held").read_text(encoding="ascii")


def _present(place: Path) -> list[str]:
    holder = _holder(place)
    return [*_waiting(place), *([holder] if holder else [])]
