"""Folders with short names for sockets, whose paths may have no more than about a hundred bytes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from pipeline.runner.owner import Owner, this_process

__all__ = ["clear_short_folders", "make_short_folder"]

_PREFIX = "orbyard-"
_OWNER_FILE = "owner"


def make_short_folder() -> Path:
    """Make a folder that only this user may enter."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    (folder / _OWNER_FILE).write_text(str(this_process()), encoding="ascii")
    return folder


def clear_short_folders() -> None:
    """Remove those of runs that were killed."""
    for file in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_OWNER_FILE}"):
        try:
            owner = Owner.parse(file.read_text(encoding="ascii", errors="replace"))
        except OSError:
            continue  # another user's
        if owner is not None and owner.is_gone():
            shutil.rmtree(file.parent, ignore_errors=True)
