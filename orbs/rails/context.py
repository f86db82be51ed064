"""The app image's build context, as a tar stream: the checkout's files and the dependencies.

Dependencies in volumes are passed on from the engine as they come and never touch the checkout.
Equal inputs give equal bytes: sorted paths, one time, plain modes, owner root.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orbs.rails.dockerignore import IgnoreFile
from orbs.rails.folder_home import STAMP
from orbs.rails.model import DependencyHome
from orbs.rails.tarstream import TRAILER, TarReader, entry_header, padding
from pipeline.errors import InvalidInput, Location

if TYPE_CHECKING:
    from orbs.rails.engine import Engine

__all__ = ["ContextFile", "context_digest", "find_context_files", "write_context"]

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ContextFile:
    """One entry of the checkout that goes into the context.

    Attributes:
        path: relative to the root, with ``/``.
        kind: ``file``, ``link`` or ``folder``.
        executable: by its owner; other bits of the mode depend on the checkout's umask.
        target: of a link.
    """

    path: str
    kind: str
    executable: bool = False
    target: str = ""

    @property
    def mode(self) -> int:
        """The mode in the archive."""
        return 0o755 if self.executable or self.kind == "folder" else 0o644


def find_context_files(
    root: Path, ignore: IgnoreFile, *, without: Sequence[str] = (), always: Sequence[str] = ()
) -> list[ContextFile]:
    """Return the checkout's part of the context, sorted by path.

    Args:
        root: the checkout.
        ignore: what is left out.
        without: folders that come from elsewhere.
        always: files that are sent though they are ignored, as the docker program does with the
            Dockerfile; the engine drops them again.

    Raises:
        InvalidInput: a file cannot be read.
    """
    found = list(_walk(root, "", ignore, (False,) * len(ignore.patterns), frozenset(without)))
    there = {file.path for file in found}
    found += [
        _entry(root, path) for path in always if path not in there and (root / path).is_file()
    ]
    return sorted(_with_parents(found), key=lambda file: file.path)


def _walk(
    root: Path, folder: str, ignore: IgnoreFile, above: tuple[bool, ...], without: frozenset[str]
) -> Iterator[ContextFile]:
    try:
        with os.scandir(root / folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", where=Location(folder)) from error
    for name in names:
        path = f"{folder}/{name}" if folder else name
        if path in without:
            continue
        out, matches = ignore.judge(path, above)
        is_folder = stat.S_ISDIR((root / path).lstat().st_mode)
        if not out:
            yield _entry(root, path)
        if is_folder and (not out or ignore.may_hold_exceptions(path)):
            yield from _walk(root, path, ignore, matches, without)


def _entry(root: Path, path: str) -> ContextFile:
    status = (root / path).lstat()
    if stat.S_ISDIR(status.st_mode):
        return ContextFile(path, "folder")
    if stat.S_ISLNK(status.st_mode):
        return ContextFile(path, "link", target=os.readlink(root / path))
    if not stat.S_ISREG(status.st_mode):
        raise InvalidInput(
            "is neither a file, a link nor a folder, and cannot go into an image",
            where=Location(path),
            hint="add it to .dockerignore",
        )
    return ContextFile(path, "file", executable=bool(status.st_mode & stat.S_IXUSR))


def _with_parents(files: Iterable[ContextFile]) -> list[ContextFile]:
    known = {file.path: file for file in files}
    for path in list(known):
        while "/" in path:
            path = path.rpartition("/")[0]
            known.setdefault(path, ContextFile(path, "folder"))
    return list(known.values())


def context_digest(root: Path, files: Sequence[ContextFile]) -> str:
    """Return the digest of the checkout's part: names, kinds, contents; no times, no owners.

    Raises:
        InvalidInput: a file cannot be read.
    """
    whole = hashlib.sha256()
    for file in files:
        head = f"{file.kind}\0{file.path}\0{file.mode:o}\0{file.target}\0"
        whole.update(head.encode("utf-8", "surrogateescape"))
        if file.kind == "file":
            try:
                with (root / file.path).open("rb") as content:
                    whole.update(hashlib.file_digest(content, "sha256").digest())
            except OSError as error:
                raise InvalidInput(
                    f"cannot be read: {error.strerror}", where=Location(file.path)
                ) from error
    return whole.hexdigest()


def write_context(
    root: Path,
    files: Sequence[ContextFile],
    homes: Sequence[DependencyHome],
    ignore: IgnoreFile,
    *,
    engine: Engine,
    holder: str | None,
    mtime: int,
) -> Iterator[bytes]:
    """Yield the context's bytes.

    Args:
        root: the checkout.
        files: its part, from :func:`find_context_files`.
        homes: dependencies; those in folders are part of ``files``.
        ignore: holds for what comes from volumes as well.
        engine: where the volumes are.
        holder: a container that mounts each volume below ``/homes``, by the installer's name; None
            where there is no volume.
        mtime: the time of every entry, in seconds since 1970.
    """
    for file in files:
        yield from _write_file(root, file, mtime)
    made = {file.path for file in files if file.kind == "folder"}
    for home in sorted(homes, key=lambda one: one.installer.path):
        if home.volume and holder:
            yield from _parents(home.installer.path, made, mtime)
            archive = engine.get_archive(holder, f"/homes/{home.installer.name}")
            yield from _rerooted(archive, home, ignore, mtime)
    yield TRAILER


def _write_file(root: Path, file: ContextFile, mtime: int) -> Iterator[bytes]:
    if file.kind != "file":
        kind = "folder" if file.kind == "folder" else "link"
        mode = 0o755 if kind == "folder" else 0o777
        yield entry_header(file.path, kind, mode=mode, mtime=mtime, link=file.target)  # type: ignore[arg-type]  # one of the two
        return
    with (root / file.path).open("rb") as content:
        size = os.fstat(content.fileno()).st_size
        yield entry_header(file.path, "file", mode=file.mode, mtime=mtime, size=size)
        left = size
        while left:
            chunk = content.read(min(left, _CHUNK))
            if not chunk:
                raise InvalidInput("became shorter while it was read", where=Location(file.path))
            left -= len(chunk)
            yield chunk
    yield padding(size)


def _parents(path: str, made: set[str], mtime: int) -> Iterator[bytes]:
    parts = path.split("/")
    for count in range(1, len(parts)):
        folder = "/".join(parts[:count])
        if folder not in made:
            made.add(folder)
            yield entry_header(folder, "folder", mode=0o755, mtime=mtime)


def _rerooted(
    archive: Iterable[bytes], home: DependencyHome, ignore: IgnoreFile, mtime: int
) -> Iterator[bytes]:
    """Pass a volume's archive on below the installer's path; its own top is the volume's folder."""
    reader = TarReader(archive, f"the volume {home.volume}")
    top = home.installer.path

    def moved(path: str) -> str:
        rest = path.partition("/")[2]
        return f"{top}/{rest}" if rest else top

    for member in reader:
        path = moved(member.path)
        if member.kind == "other" or path == f"{top}/{STAMP}" or ignore.ignores(path):
            continue
        plain = 0o755 if member.kind == "folder" or member.mode & 0o100 else 0o644
        link = moved(member.link) if member.kind == "hardlink" else member.link
        mode = 0o777 if member.kind == "link" else plain
        yield entry_header(path, member.kind, mode=mode, mtime=mtime, size=member.size, link=link)
        if member.size:
            yield from reader.data()
            yield padding(member.size)
