"""Gives other names to what a tar holds, while it streams by.

Caches are kept with names that do not depend on where a job ran: ``~/project/vendor`` for what is below
the home folder, ``/usr/local/bundle`` as ``_/usr/local/bundle``.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pipeline.byte_stream import ByteStream, gathered
from pipeline.runner.tar_members import (
    BLOCK,
    EMPTY_BLOCK,
    END_OF_TAR,
    BrokenArchive,
    Kind,
    Member,
    check_sum,
    extension_size,
    is_extension,
    member_of,
    read_extension,
)
from pipeline.runner.tar_packing import NAME_ROOM, extended_names, pax_header, tar_number

__all__ = ["joined", "portable_name", "relocated", "renamed"]

_CHUNK = 1 << 18
"""Bytes of a large file, and of small members, to hand on at once."""
_NAMES = frozenset(("path", "linkpath"))
_OWNER = frozenset(("uid", "gid", "uname", "gname"))
_ROOT = "_"
"""Stands for the root of the file system in the names of caches."""


def renamed(
    tar: Iterable[bytes],
    rename: Callable[[str], str | None],
    *,
    home_owner: tuple[int, int] | None = None,
    owner: tuple[int, int] | None = None,
    outward_links: bool = True,
    on_parent: Callable[[str], None] | None = None,
    on_record: Callable[[str], None] | None = None,
) -> Iterator[bytes]:
    """Yield a tar's members under other names, without the end mark.

    Args:
        tar: an uncompressed tar.
        rename: returns the new name of a member, or None to leave it out.
        home_owner: user and group of what is below ``~/``.
        owner: user and group of all of it.
        outward_links: whether to keep symbolic links that lead out of the tar.
        on_parent: called with the new name of each folder that something is in and that is no member.
        on_record: called with the name of each pax record that a member keeps.

    Raises:
        BrokenArchive: it is no tar, or not a whole one.
    """
    change = _Change(rename, owner, home_owner, outward_links, on_parent, on_record)
    return gathered(_members(ByteStream(tar), change), _CHUNK)


@dataclass(slots=True)
class _Change:
    """What becomes of each member, see :func:`renamed`."""

    rename: Callable[[str], str | None]
    owner: tuple[int, int] | None
    home_owner: tuple[int, int] | None
    outward_links: bool
    on_parent: Callable[[str], None] | None
    on_record: Callable[[str], None] | None
    _folders: set[str] = field(default_factory=set)
    _fields: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def names_of(self, member: Member) -> tuple[str, str] | None:
        """Return a member's new name and target, or None for one that is left out."""
        name, target = self.rename(member.name.rstrip("/")), member.target
        if name is None:
            return None
        if member.kind is Kind.SYMLINK and not self.outward_links and _leads_out(name, target):
            return None
        if member.kind is Kind.HARDLINK:
            renamed_target = self.rename(target)
            if renamed_target is None:
                return None
            target = renamed_target
        if self.on_parent is not None:
            self._tell_of_parents(name, member.kind, self.on_parent)
        return name, target

    def _tell_of_parents(self, name: str, kind: Kind, on_parent: Callable[[str], None]) -> None:
        if kind is Kind.FOLDER:
            self._folders.add(name)
        while (name := name.rpartition("/")[0]) and name not in self._folders:
            self._folders.add(name)
            on_parent(name)

    def owner_of(self, member: Member) -> bytes | None:
        """Return the two fields of a member's new owner, or None where it keeps its own."""
        in_home = self.home_owner is not None and member.name.startswith("~/")
        owner = self.home_owner if in_home else self.owner
        if owner is None:
            return None
        if owner not in self._fields:
            self._fields[owner] = tar_number(owner[0], 8) + tar_number(owner[1], 8)
        return self._fields[owner]

    def records_of(self, records: Mapping[str, bytes], *, keeps_owner: bool) -> dict[str, bytes]:
        """Return those of a member's pax records that are still right."""
        dropped = _NAMES if keeps_owner else _NAMES | _OWNER
        kept = {key: value for key, value in records.items() if key not in dropped}
        if self.on_record is not None:
            for key in kept:
                self.on_record(key)
        return kept


def _members(tar: ByteStream, change: _Change) -> Iterator[bytes]:
    records: dict[str, bytes] = {}
    while (block := _taken(tar, BLOCK)) != EMPTY_BLOCK:
        total = check_sum(block)
        if is_extension(block):
            size = extension_size(block)
            read_extension(block[156], _taken(tar, size + -size % BLOCK)[:size], records)
            continue
        member = member_of(block, records)
        if block[156] == ord("S") or any(key.startswith("GNU.sparse") for key in records):
            raise BrokenArchive(f"{member.name} is a sparse file, which cannot be kept")
        names = change.names_of(member)
        if names is not None:
            owner = change.owner_of(member)
            if records:
                yield pax_header(change.records_of(records, keeps_owner=owner is None))
            yield _header(block, total, member, names, owner)
        records.clear()
        left = member.size + -member.size % BLOCK
        while left:
            piece = _taken(tar, min(left, _CHUNK))
            left -= len(piece)
            if names is not None:
                yield piece


def _taken(tar: ByteStream, size: int) -> bytes:
    taken = tar.read_exactly(size)
    if len(taken) < size:
        raise BrokenArchive("the archive is damaged: its end is missing")
    return taken


def _header(
    block: bytes,
    total: int,
    member: Member,
    names: tuple[str, str],
    owner: bytes | None,
) -> bytes:
    """Return a header with another name, target and owner, after what has no room in it."""
    name, target = map(os.fsencode, names)
    if member.kind is Kind.FOLDER:
        name += b"/"
    fields = [(0, name[:NAME_ROOM].ljust(NAME_ROOM, b"\0"))]
    if target or member.target:
        fields.append((157, target[:NAME_ROOM].ljust(NAME_ROOM, b"\0")))
    if owner is not None:
        fields += [(108, owner), (265, bytes(64))]
    if block[345] and block[257:263] == b"ustar\0":
        # The beginning of a long name; GNU's dialect keeps other things there.
        fields.append((345, bytes(155)))
    made = bytearray(block)
    for at, value in fields:
        end = at + len(value)
        total += sum(value) - sum(made[at:end])
        made[at:end] = value
    made[148:156] = b"%06o\0 " % total
    return extended_names(name, target) + made


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


def joined(parts: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """Yield tars without end marks as one, with its mark."""
    for part in parts:
        yield from part
    yield END_OF_TAR
