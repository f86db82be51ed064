"""How long the folders of runs are kept: logs, artifacts, and the workspace in the store with them.

A run holds a lock in its folder, which goes with its process: what goes on is never removed, and what
was killed is. Nothing is removed that does not have a run's name and a run's files.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.runner.file_locks import try_lock
from pipeline.runner.store import Store

__all__ = ["is_running", "old_runs", "remove_old_runs", "running"]

_RUN = re.compile(r"\d{8}-\d{6}-[0-9a-f]{6}")
_LOCK = ".lock"
_RECORD = "run.json"


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Keep a run's folder while the block goes on; the folder must exist."""
    fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


def is_running(folder: Path) -> bool:
    """Return whether the process of a run is alive."""
    try:
        with try_lock(folder / _LOCK) as free:
            return not free
    except OSError:
        return False


def old_runs(runs: Path, keep: int) -> list[Path]:
    """Return the folders of all runs but the newest ``keep``, the oldest first."""
    if not runs.is_dir():
        return []
    folders = sorted(path for path in runs.iterdir() if _is_run(path))
    return folders[: max(0, len(folders) - keep)]


def remove_old_runs(runs: Path, keep: int, store: Store, warn: Callable[[str], None]) -> list[str]:
    """Remove old runs, with their workspaces, and workspaces whose run's folder is gone.

    Args:
        runs: the folder of a project's runs.
        keep: how many runs stay; those that go on stay in any case.
        store: where their workspaces are.
        warn: told of folders that cannot be removed.

    Returns:
        The ids of the runs that were removed.
    """
    held = {workspace.run for workspace in store.workspaces() if workspace.is_held}
    gone = []
    for folder in old_runs(runs, keep):
        if folder.name in held:
            continue
        try:
            with try_lock(folder / _LOCK) as free:
                if free:
                    _remove_tree(folder)
                    gone.append(folder.name)
        except OSError as error:
            warn(f"the old run {folder} cannot be removed: {error.strerror}")
    here = runs.absolute()
    orphans = [
        workspace.run
        for workspace in store.workspaces()
        if workspace.is_orphan and workspace.folder and workspace.folder.parent == here
    ]
    if gone or orphans:
        store.remove_runs(dict.fromkeys([*gone, *orphans]))
    return gone


def _is_run(path: Path) -> bool:
    return (
        _RUN.fullmatch(path.name) is not None
        and path.is_dir()
        and not path.is_symlink()
        and ((path / _LOCK).exists() or (path / _RECORD).exists())
    )


def _remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, folders that their owner may not write included."""
    try:
        shutil.rmtree(folder)
    except PermissionError:
        for path, folders, _files in os.walk(folder):
            for name in folders:
                below = Path(path, name)
                if not below.is_symlink():
                    below.chmod(stat.S_IRWXU)
        shutil.rmtree(folder)
