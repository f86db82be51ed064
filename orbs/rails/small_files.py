"""The few small files of the builder image and the installs: read, and packed the same each time."""

from __future__ import annotations

import io
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InvalidInput, Location

__all__ = ["SmallFile", "pack_files", "read_files"]

_SIZE_LIMIT_BYTES = 64 << 20
"""For all of them: a release of Yarn in ``.yarn/releases`` has 3 MB, a lockfile 2 at the most."""


@dataclass(frozen=True, slots=True)
class SmallFile:
    """A file in memory; ``path`` is relative, with ``/``."""

    path: str
    data: bytes
    executable: bool = False


def read_files(root: Path, names: Iterable[str], *, key: str) -> tuple[SmallFile, ...]:
    """Read files, whole folders and glob patterns below ``root``, sorted by path.

    What is not there is left out.

    Args:
        root: the project's folder.
        names: relative paths or patterns.
        key: the settings key that names them, for messages.

    Raises:
        InvalidInput: a name leads out of the project, a file cannot be read, or they are too large.
    """
    paths = sorted({path for name in names for path in _expand(root, name, key)})
    found, total = [], 0
    for path in paths:
        relative = path.relative_to(root).as_posix()
        try:
            total += path.stat().st_size
            _check_size(total, key)
            mode = path.stat().st_mode
            found.append(SmallFile(relative, path.read_bytes(), bool(mode & stat.S_IXUSR)))
        except OSError as error:
            raise InvalidInput(
                f"cannot be read: {error.strerror}", where=Location(relative)
            ) from error
    return tuple(found)


def _check_size(total: int, key: str) -> None:
    if total > _SIZE_LIMIT_BYTES:
        raise InvalidInput(
            f"the files of {key} are larger than {_SIZE_LIMIT_BYTES >> 20} MB together",
            hint="name lockfiles and manifests there, not the app",
        )


def _expand(root: Path, name: str, key: str) -> Iterator[Path]:
    if os.path.isabs(name) or ".." in Path(name).parts:
        raise InvalidInput(f"{key} names {name!r}, which is outside of the project")
    matches = root.glob(name) if any(mark in name for mark in "*?[") else [root / name]
    for match in matches:
        if match.is_dir():
            yield from (path for path in match.rglob("*") if path.is_file())
        elif match.is_file():
            yield match


def pack_files(
    files: Iterable[SmallFile], *, owner: tuple[int, int] = (0, 0), folders: bool = False
) -> bytes:
    """Return a tar of the files: sorted, without times, owned by ``owner`` (uid, gid).

    ``folders`` also writes an entry for each folder above a file.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        ordered = sorted(files, key=lambda file: file.path)
        if folders:
            for folder in sorted({parent for file in ordered for parent in _parents(file.path)}):
                archive.addfile(_entry(folder, tarfile.DIRTYPE, 0o755, owner))
        for file in ordered:
            entry = _entry(file.path, tarfile.REGTYPE, 0o755 if file.executable else 0o644, owner)
            entry.size = len(file.data)
            archive.addfile(entry, io.BytesIO(file.data))
    return buffer.getvalue()


def _parents(path: str) -> Iterator[str]:
    for parent in Path(path).parents:
        if parent.as_posix() != ".":
            yield parent.as_posix()


def _entry(path: str, kind: bytes, mode: int, owner: tuple[int, int]) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.type, entry.mode, entry.mtime = kind, mode, 0
    entry.uid, entry.gid = owner
    return entry
