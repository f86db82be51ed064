"""Who made a container, a volume or a process: so that what a killed run left is told from all else.

A process number alone would not do: numbers come again, and another machine that uses the same engine has
its own. So the label names machine, boot, process and the process's start.
"""

from __future__ import annotations

import hashlib
import os
import platform
import socket
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.errors import OrbyardError
from pipeline.process import run_process

__all__ = ["OWNER_LABEL", "RUN_LABEL", "Owner", "owner_of_labels", "this_process"]

RUN_LABEL = "orbyard.run"
"""The label of everything that a run makes; its value is the run's id."""
OWNER_LABEL = "orbyard.owner"
"""The label with the process that made it; see :class:`Owner`."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A process of some machine.

    Attributes:
        machine: a digest of what tells machines (and their process name spaces) apart.
        boot: the machine's boot; empty where the system does not name it.
        pid: the process.
        started: when it started, in words that only this machine's system gives.
    """

    machine: str
    boot: str
    pid: int
    started: str

    def __str__(self) -> str:
        return f"{self.machine}/{self.boot}/{self.pid}/{self.started}"

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Read what ``str`` wrote, or return None for anything else."""
        words = text.split("/")
        if len(words) != 4 or not words[0] or not words[2].isdigit() or not words[3]:
            return None
        return cls(words[0], words[1], int(words[2]), words[3])

    def is_gone(self) -> bool:
        """Return whether it has surely ended; never for a process of another machine."""
        if self.machine != _machine():
            return False
        if self.boot != _boot():
            return True
        return _started(self.pid) != self.started


def owner_of_labels(labels: Mapping[str, str] | None) -> Owner | None:
    """Return the owner that the labels of a container or volume name."""
    return Owner.parse((labels or {}).get(OWNER_LABEL, ""))


@cache
def _process(pid: int) -> Owner:
    return Owner(_machine(), _boot(), pid, _started(pid) or "unknown")


def this_process() -> Owner:
    """Return this process."""
    return _process(os.getpid())


@cache
def _machine() -> str:
    words = [socket.gethostname(), _text("/etc/machine-id"), platform.system()]
    with suppress(OSError):
        words.append(os.readlink("/proc/self/ns/pid"))
    if not words[1]:
        words.append(str(uuid.getnode()))
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


@cache
def _boot() -> str:
    return _text("/proc/sys/kernel/random/boot_id").replace("-", "")[:16]


def _started(pid: int) -> str | None:
    """Return when a process started, or None where there is none."""
    if Path("/proc/self/stat").exists():
        stat = _text(f"/proc/{pid}/stat")
        # The name in parentheses may hold spaces; the 22nd field is the start in ticks since the boot.
        fields = stat.rpartition(")")[2].split()
        return fields[19] if len(fields) > 19 and fields[0] not in ("Z", "X") else None
    with suppress(OrbyardError):
        done = run_process(["ps", "-o", "lstart=", "-p", str(pid)])
        return "-".join(done.text.split()) or None
    return "unknown"  # Nothing can be asked here: then nothing is taken for left over.


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
