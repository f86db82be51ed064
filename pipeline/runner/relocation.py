"""Gives other names to what a tar holds, while it streams by.

Caches are kept with names that do not depend on where a job ran: ``~/project/vendor`` for what is below
the home folder, ``/usr/local/bundle`` as ``_/usr/local/bundle``.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Iterable, Iterator

from pipeline.byte_stream import ByteStream, gathered
from pipeline.runner.tar_members import END_OF_TAR, BrokenArchive

__all__ = ["joined", "portable_name", "relocated", "renamed"]

_CHUNK = 1 << 16
"""Bytes to read at once: tarfile copies what it has read ahead with each header."""
_PIECE = 1 << 18
"""Bytes to hand on at once."""
_RENEWED = frozenset(("path", "linkpath", "uid", "gid", "uname", "gname"))
"""The pax records that tarfile writes itself, where a header has no room."""
_ROOT = "_"
"""Stands for the root of the file system in the names of caches."""


def renamed(
    tar: Iterable[bytes],
    rename: Callable[[str], str | None],
    *,
    home_owner: tuple[int, int] | None = None,
    owner: tuple[int, int] | None = None,
    outward_links: bool = True,
) -> Iterator[bytes]:
    """Yield a tar's members under other names, without the end mark.

    Args:
        tar: an uncompressed tar.
        rename: returns the new name of a member, or None to leave it out.
        home_owner: user and group of what is below ``~/``.
        owner: user and group of all of it.
        outward_links: whether to keep symbolic links that lead out of the tar.

    Raises:
        BrokenArchive: it is no tar, or not a whole one.
    """
    members = _members(tar, rename, home_owner, owner, outward_links=outward_links)
    return gathered(members, _PIECE)


def _members(
    tar: Iterable[bytes],
    rename: Callable[[str], str | None],
    home_owner: tuple[int, int] | None,
    owner: tuple[int, int] | None,
    *,
    outward_links: bool,
) -> Iterator[bytes]:
    try:
        with tarfile.open(fileobj=ByteStream(tar), mode="r|", bufsize=_CHUNK) as archive:
            for member in archive:
                if home_owner is not None and member.name.startswith("~/"):
                    _give(member, home_owner)
                elif owner is not None:
                    _give(member, owner)
                if _renamed(member, rename, outward_links=outward_links):
                    yield member.tobuf(tarfile.PAX_FORMAT)
                    if member.isreg():
                        yield from _data(archive, member)
    except (tarfile.TarError, UnicodeError) as error:
        raise BrokenArchive(f"the archive is damaged: {error}") from error


def _renamed(
    member: tarfile.TarInfo, rename: Callable[[str], str | None], *, outward_links: bool
) -> bool:
    """Give a member its new name, and return whether it is kept."""
    name = rename(member.name.rstrip("/"))
    if name is None:
        return False
    member.name = name
    if member.issym() and not outward_links and _leads_out(name, member.linkname):
        return False
    if member.islnk():
        target = rename(member.linkname)
        if target is None:
            return False
        member.linkname = target
    # What a long name or a large number was read from would win over what stands here now.
    member.pax_headers = {
        key: value for key, value in member.pax_headers.items() if key not in _RENEWED
    }
    return True


def _give(member: tarfile.TarInfo, owner: tuple[int, int]) -> None:
    member.uid, member.gid = owner
    member.uname = member.gname = ""


def _leads_out(name: str, target: str) -> bool:
    place = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
    return place.startswith("/") or place.partition("/")[0] == ".."


def relocated(
    tar: Iterable[bytes], below: str, *, strip: str = "", leave_out: str = ""
) -> Iterator[bytes]:
    """Yield a tar's members with names below a folder (``home/circleci``), without the end mark.

    Args:
        tar: an uncompressed tar.
        below: the folder; "" for none.
        strip: a first part of the names that is taken away; the member of that very name is left out.
        leave_out: a folder, by its name without ``strip``, that is left out.
    """
    prefix = below.strip("/")

    def rename(name: str) -> str | None:
        if strip:
            if name == strip:
                return None
            name = name.removeprefix(f"{strip}/")
        if leave_out and name.partition("/")[0] == leave_out:
            return None
        return f"{prefix}/{name}" if prefix else name

    return renamed(tar, rename)


def portable_name(path: str, home: str) -> str:
    """Return the name under which an absolute path is kept in a cache.

    >>> portable_name("/home/circleci/project", "/home/circleci")
    '~/project'
    """
    if path == home or path.startswith(f"{home}/"):
        return "~" + path[len(home) :]
    return _ROOT + path


def below_home(name: str) -> str | None:
    """Return the part of a cache's name below the home folder, or None for one that is elsewhere."""
    return name[2:] if name.startswith("~/") else None


def below_root(home: str) -> Callable[[str], str | None]:
    """Return what turns a cache's names into names below the root of a file system."""

    def rename(name: str) -> str | None:
        if name.startswith("~/"):
            return f"{home.strip('/')}/{name[2:]}"
        return name[2:] if name.startswith(f"{_ROOT}/") else None

    return rename


def _data(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    file = archive.extractfile(member)
    assert file is not None
    while chunk := file.read(_CHUNK):
        yield chunk
    if padding := -member.size % 512:
        yield b"\0" * padding


def joined(parts: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """Yield tars without end marks as one, with its mark."""
    for part in parts:
        yield from part
    yield END_OF_TAR
