"""Processes that a job on this machine started: found by a variable that they inherit, and ended.

A process group does not do: ``setsid``, ``nohup`` and daemons leave it. Linux lets a user read what the
variables of the own processes are; elsewhere the groups that the runner started have to do.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.runner.owner import Owner, this_process

__all__ = ["MARK", "end_left_over_processes", "end_processes", "mark_of"]

MARK = "ORBYARD_JOB"
"""The variable; its value is the owner of the run and the job's own id."""
_GRACE_S = 3.0
_ROUNDS = 5


def mark_of(job_id: str) -> str:
    """Return the mark of a job of this process."""
    return f"{this_process()}:{job_id}"


def end_left_over_processes() -> int:
    """End what the jobs of killed runs left running; returns how many processes that were."""

    def is_left_over(mark: str) -> bool:
        owner = Owner.parse(mark.partition(":")[0])
        return owner is not None and owner.is_gone()

    return end_processes(is_left_over)


def end_processes(is_wanted: Callable[[str], bool]) -> int:
    """End the processes whose mark is wanted with all their children; returns how many there were.

    A process that starts others while it is ended is met again in the next round.
    """
    ended: set[int] = set()
    for _ in range(_ROUNDS):
        found = _marked(is_wanted)
        if not found:
            break
        ended |= found
        _signal(found, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE_S
        while any(_lives(pid) for pid in found) and time.monotonic() < deadline:
            time.sleep(0.02)
        _signal((pid for pid in found if _lives(pid)), signal.SIGKILL)
    return len(ended)


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _lives(pid: int) -> bool:
    with suppress(OSError):
        return _stat(pid)[0] not in ("Z", "X")
    return False


def _stat(pid: int) -> list[str]:
    text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return text.rpartition(")")[2].split()


def _marked(is_wanted: Callable[[str], bool]) -> set[int]:
    found: set[int] = set()
    parents: dict[int, int] = {}
    with suppress(FileNotFoundError):
        for name in os.listdir("/proc"):
            if not name.isdigit() or int(name) == os.getpid():
                continue
            with suppress(OSError, IndexError):
                state, parent = _stat(int(name))[:2]
                if state in ("Z", "X"):
                    continue
                parents[int(name)] = int(parent)
                if (mark := _mark(int(name))) and is_wanted(mark):
                    found.add(int(name))
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in found} - found
        found |= children
        grown = bool(children)
    return found


def _mark(pid: int) -> str:
    head = f"{MARK}=".encode()
    for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        if variable.startswith(head):
            return variable.removeprefix(head).decode("ascii", "replace")
    return ""
