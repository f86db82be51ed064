"""Whose the workspaces in a store are: all projects share it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from pipeline.runner.blobs import BlobFolder
from pipeline.runner.file_locks import try_lock

__all__ = ["Workspace", "read_workspaces", "remove_workspace", "write_note"]

_NOTE = "note.json"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The workspace of a run.

    Args:
        run: the run's id.
        folder: where the run's logs are; None where that is not known.
        layers: how many layers it has.
        is_held: whether the run goes on.
    """

    run: str
    folder: Path | None
    layers: int
    is_held: bool

    @property
    def is_orphan(self) -> bool:
        """Whether the run's folder is gone, so that nobody can take the run up again."""
        return not self.is_held and self.folder is not None and not self.folder.exists()


def write_note(blobs: BlobFolder, workspace: Path, run: str, folder: Path | None) -> None:
    """Write down whose a workspace is, if that is known; the store's lock must be held."""
    if folder is None and (workspace / _NOTE).exists():
        return
    note = {"run": run, "folder": str(folder.absolute()) if folder else None}
    blobs.write_record(workspace / _NOTE, note)


def read_workspaces(folder: Path) -> list[Workspace]:
    """Return the workspaces in a folder, except those of which nobody can say whose they are."""
    found = (_read(path) for path in sorted(folder.glob("*")))
    return [workspace for workspace in found if workspace is not None]


def remove_workspace(path: Path) -> bool:
    """Remove a workspace unless its run goes on; the store's lock must be held."""
    with try_lock(path / "held") as free:
        if not free or not path.is_dir():
            return False
        shutil.rmtree(path, ignore_errors=True)
        return True


def _read(path: Path) -> Workspace | None:
    layers = sorted(path.glob("*/*.json"))
    try:
        note = json.loads((path / _NOTE if (path / _NOTE).exists() else layers[0]).read_bytes())
        run, folder = str(note["run"]), note.get("folder")
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None
    with try_lock(path / "held") as free:
        return Workspace(run, Path(folder) if folder else None, len(layers), not free)
