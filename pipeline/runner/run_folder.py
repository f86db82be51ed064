"""The folders of runs below ``.orbyard/runs``: made, listed, found by what a user calls them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import InvalidInput, did_you_mean
from pipeline.runner.record import RECORD_FILE, RunRecord, read_record

__all__ = ["find_run", "list_runs", "new_run_id", "runs_folder"]


def runs_folder(root: Path) -> Path:
    """Return the folder of a project's runs."""
    return root / ".orbyard" / "runs"


def new_run_id() -> str:
    """Return an id that no other run has; ids sort by the time at which they were made."""
    now = time.time()
    fraction = int(now % 1 * 0x1000)
    second = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{second}-{fraction:03x}{secrets.randbelow(0x1000):03x}"


def list_runs(root: Path) -> Iterator[tuple[Path, RunRecord]]:
    """Yield the runs, the newest first; folders without a record that can be read are left out."""
    for folder in _folders(root):
        try:
            yield folder, read_record(folder)
        except InvalidInput:
            continue


def _folders(root: Path) -> list[Path]:
    home = runs_folder(root)
    if not home.is_dir():
        return []
    return sorted((path for path in home.iterdir() if path.is_dir()), reverse=True)


def find_run(root: Path, name: str) -> tuple[Path, RunRecord]:
    """Return a run by its id, by a part of it, or ``last``.

    Raises:
        InvalidInput: there is none, or there are several.
    """
    folders = _folders(root)
    if not folders:
        raise InvalidInput("there is no run yet", hint="`orbyard ci.run` makes one")
    if name == "last":
        # One that ended before anything was run has no record.
        last = next((path for path in folders if (path / RECORD_FILE).exists()), folders[0])
        return last, read_record(last)
    found = [path for path in folders if path.name == name] or [
        path for path in folders if name and name in path.name
    ]
    if len(found) == 1:
        return found[0], read_record(found[0])
    if found:
        raise InvalidInput(f"{name!r} could be {' or '.join(path.name for path in found[:5])}")
    names = [path.name for path in folders]
    raise InvalidInput(
        f"there is no run {name!r}",
        hint=did_you_mean(name, names)
        or f"the last one is {names[0]}; `orbyard ci.runs` lists them",
    )
