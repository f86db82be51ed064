"""Files named by what is in them, in one folder that several processes write and read at once.

    lock                              held (flock) for the moment in which files change their names
    tmp/                              files being written; each is locked by its writer
    blobs/<sha256[:2]>/<sha256>.tar.zst

A file's modification time is when it was last used. Nothing is synchronised to the disk: a blob's name
is its checksum, so one that a power cut left half written is found out when it is read.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from typing import Any

from pipeline.errors import InvalidInput
from pipeline.runner.archive import Archive, compress
from pipeline.runner.file_locks import try_lock

__all__ = ["BlobFolder", "Stored"]

_UNFINISHED = "unfinished-"


@dataclass(frozen=True, slots=True)
class Stored:
    """A blob on the disk: its digest, its size in bytes, and when it was last used (seconds)."""

    digest: str
    size_bytes: int
    used_at: float


class BlobFolder:
    """The blobs below ``root``; made where it is missing, readable by its owner alone."""

    def __init__(self, root: Path) -> None:
        _refuse_foreign(root)
        self.root = root
        self._tmp = root / "tmp"
        self._blobs = root / "blobs"
        for folder in (root, self._tmp, self._blobs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.locked():
            self._sweep()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder's lock: no other thread or process changes names meanwhile."""
        fd = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    @contextmanager
    def staged(self, tar: Iterable[bytes]) -> Iterator[tuple[Archive, Path]]:
        """Write a compressed tar aside; what has not been placed when the block ends is removed."""
        with self.aside() as (file, path):
            archive = compress(tar, file)
            file.flush()
            yield archive, path

    @contextmanager
    def aside(self) -> Iterator[tuple[BufferedRandom, Path]]:
        """Open a file to be filled and placed; if it has not been when the block ends it is removed."""
        with self.locked():
            fd, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=self._tmp)
            fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            # The lock goes with the open file: it says that the writer lives.
            with os.fdopen(fd, "w+b") as file:
                yield file, Path(name)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)

    def place(self, digest: str, staged: Path, now: float) -> None:
        """Give a staged file its name; the lock must be held."""
        path = self.path(digest)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        os.utime(staged, (now, now))
        os.replace(staged, path)

    def path(self, digest: str) -> Path:
        """Return where the blob is, if it is."""
        return self._blobs / digest[:2] / f"{digest}.tar.zst"

    def has(self, digest: str, size_bytes: int) -> bool:
        """Return whether the blob is there in its full size."""
        try:
            return self.path(digest).stat().st_size == size_bytes
        except OSError:
            return False

    def intact(self, digest: str) -> bool:
        """Return whether the blob is there and its content is what its name says."""
        try:
            with self.path(digest).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == digest
        except OSError:
            return False

    def mark_used(self, digest: str, now: float) -> None:
        """Note that the blob is of use."""
        with contextlib.suppress(OSError):
            os.utime(self.path(digest), (now, now))

    def everything(self) -> list[Stored]:
        """Return all blobs, the least recently used first."""
        found = []
        for path in self._blobs.glob("*/*.tar.zst"):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                digest = path.name.removesuffix(".tar.zst")
                found.append(Stored(digest, status.st_size, status.st_mtime))
        return sorted(found, key=lambda blob: (blob.used_at, blob.digest))

    def remove(self, digest: str, *, even_if_read: bool = False) -> bool:
        """Remove a blob unless somebody reads it, and say whether it is gone; the lock must be held."""
        path = self.path(digest)
        with try_lock(path) as free:
            if free or even_if_read:
                path.unlink(missing_ok=True)
                return True
        return False

    def write_record(self, path: Path, record: dict[str, Any]) -> None:
        """Write JSON in one go; the lock must be held."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = self._tmp / f"{_UNFINISHED}record"
        temporary.write_text(json.dumps(record), encoding="ascii")
        os.replace(temporary, path)

    def _sweep(self) -> None:
        """Remove what writers that are no more have left behind; the lock must be held."""
        for path in self._tmp.glob(f"{_UNFINISHED}*"):
            with try_lock(path) as free:
                if free:
                    path.unlink(missing_ok=True)


def _refuse_foreign(root: Path) -> None:
    """Refuse a folder that has other things in it: here files are removed that nobody needs any more.

    Raises:
        InvalidInput: it has.
    """
    if root.is_dir() and not (root / "blobs").is_dir() and any(root.iterdir()):
        raise InvalidInput(
            f"{root} is no store, and not empty: a store has its folder to itself",
            hint="name a folder that is not there yet, or an empty one, as `ci.store` in orbyard.yml",
        )
