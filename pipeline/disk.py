"""What is said where this machine does not take a file: a disk that is full, a folder that is not ours."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import OrbyardError, Unavailable, WorkFailed

__all__ = ["error_of_disk", "failed_writing", "telling_of_disk", "writing"]

_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Errors of a disk, or of a user's share of it, on which nothing more can be written."""
_ROOM_HINT = (
    "make room on that disk: `orbyard ci.cache.rm --all` removes the project's caches, `docker system"
    " prune` what Docker does not use"
)


def error_of_disk(error: OSError, folder: Path | None = None) -> OrbyardError | None:
    """Return what to say of a disk or folder that cannot be written, or None where it is something else.

    Args:
        error: what the system said.
        folder: where it was written to, for errors that name no file.
    """
    path = Path(os.fsdecode(error.filename)) if error.filename else folder
    if error.errno in _FULL:
        return WorkFailed(_no_room(error, path), hint=_ROOM_HINT)
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        what = f"{path}: {error.strerror}" if path else str(error.strerror)
        return Unavailable(what, hint="make it writable for you, or work in a folder that is")
    return None


def _no_room(error: OSError, path: Path | None) -> str:
    """Return which disk is full, and what was to be written to it."""
    if path is None:
        return str(error.strerror)
    with suppress(OSError):
        there = next(one for one in (path, *path.absolute().parents) if one.exists())
        size = shutil.disk_usage(there).total / 1e9
        mount = next(one for one in (there, *there.absolute().parents) if os.path.ismount(one))
        return f"{error.strerror}: the disk at {mount} ({size:.3g} GB) is full, where {path} is"
    return f"{error.strerror}: {path}"


@contextmanager
def telling_of_disk(folder: Path) -> Iterator[None]:
    """Let errors of the disk in the block say which folder is on it.

    Raises:
        WorkFailed: the disk is full.
        Unavailable: the folder may not be written.
    """
    try:
        yield
    except OSError as error:
        told = error_of_disk(error, folder)
        if told is None:
            raise
        raise told from error


@contextmanager
def writing(what: str, folder: Path) -> Iterator[None]:
    """Let every error of the system in the block say what cannot be done; see :func:`failed_writing`."""
    try:
        yield
    except OSError as error:
        raise failed_writing(what, folder, error) from error


def failed_writing(what: str, folder: Path, error: OSError) -> WorkFailed:
    """Return what to raise where something cannot be written, with the disk's name where that is full."""
    if error.errno in _FULL:
        return WorkFailed(f"{what}: {_no_room(error, folder)}", hint=_ROOM_HINT)
    return WorkFailed(f"{what}: {error.strerror or error}")
