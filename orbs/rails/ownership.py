"""Whose a container or volume is, so that what a killed run left behind can be told and removed."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import Interrupted
from pipeline.retry import wait_for

__all__ = ["OWNER_LABEL", "exclusive", "owner_is_gone", "owner_value", "state_folder"]

OWNER_LABEL = "orbyard.dev/owner"
_LOCK_POLL_S = 0.2


def owner_value() -> str:
    """Return the label's value of this process: host, process id and its start."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"


def owner_is_gone(value: str) -> bool:
    """Return whether that process has ended for sure; one of another host is never known to have."""
    host, _, rest = value.partition("/")
    number, _, started = rest.partition("/")
    if host != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # It runs, as another user.
    return bool(started) and _started(int(number)) != started


def _started(process_id: int) -> str:
    """The start of a process in clock ticks since boot, which tells it from a later one of the same
    id; "" where the system has no /proc.
    """
    try:
        text = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]


def state_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder for locks and times of use, made where it is missing.

    Everything in it may be deleted at any time.
    """
    base = environ.get("XDG_CACHE_HOME")
    home = Path(base) if base else Path(environ.get("HOME") or Path.home()) / ".cache"
    try:
        folder = home / "orbyard"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass  # A home that is read-only, or is not there, as in some CI images.
    folder = Path(tempfile.gettempdir()) / f"orbyard-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def exclusive(
    folder: Path,
    name: str,
    *,
    on_wait: Callable[[], None],
    cancel: threading.Event | None = None,
    timeout_s: float = 3600.0,
) -> Iterator[None]:
    """Hold a lock among the processes of this machine; it is freed even by ``kill -9``.

    Args:
        folder: see :func:`state_folder`.
        name: what is locked; any text.
        on_wait: called once where another process holds it.
        cancel: ends the waiting.
        timeout_s: seconds to wait; then we go on without it. What the lock guards is safe without
            it, only done twice.

    Raises:
        Interrupted: ``cancel`` was set.
    """
    locks = folder / "locks"
    locks.mkdir(exist_ok=True)
    path = locks / hashlib.sha256(name.encode()).hexdigest()[:32]
    with path.open("ab") as file:
        if not _try_lock(file.fileno()):
            on_wait()
            stopped = cancel or threading.Event()
            wait_for(
                lambda: stopped.is_set() or _try_lock(file.fileno()),
                decided=bool,
                timeout_s=timeout_s,
                poll_s=_LOCK_POLL_S,
            )
            if stopped.is_set():
                raise Interrupted("the run was interrupted while it waited for another")
        yield


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
