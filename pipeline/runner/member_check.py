"""Which members of a tar may be unpacked: none that would be, or lead, outside of the target."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.errors import InvalidInput
from pipeline.runner.tar_members import Kind, Member, watch_members

__all__ = ["Limits", "MemberCheck", "UnsafeArchive", "safe_members"]


class UnsafeArchive(InvalidInput):
    """A member would be written outside of the target, or is of a kind that no archive here has."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold before it is taken for hostile."""

    members: int = 5_000_000
    total_bytes: int = 200 * 1024**3
    depth: int = 256
    name_bytes: int = 4096


class MemberCheck:
    """Judges the members of one archive, in their order, before anything is done with them.

    Args:
        limits: how much it may hold.
        outward_links: whether symbolic links may lead anywhere. A virtual environment has such links;
            nothing is ever unpacked through them.
    """

    def __init__(self, limits: Limits | None = None, *, outward_links: bool = False) -> None:
        self._limits = limits or Limits()
        self._outward_links = outward_links
        # A character takes up to four bytes, a folder's name at least one.
        self._short = min(self._limits.name_bytes // 4, self._limits.depth)
        self._members = 0
        self._bytes = 0

    def path_of(self, member: Member) -> str:
        """Return the member's path in its plain form, ``""`` for the target itself.

        Raises:
            UnsafeArchive: the member may not be unpacked.
        """
        self._members += 1
        self._bytes += member.size
        if self._members > self._limits.members:
            raise UnsafeArchive(f"the archive has more than {self._limits.members:,} members")
        if self._bytes > self._limits.total_bytes:
            raise UnsafeArchive(f"the archive has more than {self._limits.total_bytes:,} bytes")
        path = self._plain(member.name, member)
        if member.kind is Kind.OTHER:
            raise UnsafeArchive(f"{_shown(member)} is neither a file, a folder nor a link")
        if not path and member.kind is not Kind.FOLDER:
            raise UnsafeArchive(f"{_shown(member)} has no name")
        if member.kind is Kind.SYMLINK:
            self._check_symlink(member, path)
        elif member.kind is Kind.HARDLINK and not self._plain(member.target, member):
            raise UnsafeArchive(f"{_shown(member)} is a link to nothing")
        return path

    def hardlink_target(self, member: Member) -> str:
        """Return the plain path of what a hard link stands for."""
        return self._plain(member.target, member)

    def _plain(self, name: str, member: Member) -> str:
        if self._is_plain(name):
            return name.removesuffix("/")
        if name.startswith("/"):
            raise UnsafeArchive(f"{_shown(member)} has an absolute path")
        if "\0" in name or len(os.fsencode(name)) > self._limits.name_bytes:
            raise UnsafeArchive(f"{_shown(member)} has a name that no file can have")
        parts = [part for part in name.split("/") if part and part != "."]
        if ".." in parts:
            raise UnsafeArchive(f"{_shown(member)} leads out of the archive")
        if len(parts) > self._limits.depth:
            raise UnsafeArchive(f"{_shown(member)} is more than {self._limits.depth} folders deep")
        return "/".join(parts)

    def _is_plain(self, name: str) -> bool:
        """Tell of most names, and quickly, that nothing about them is special."""
        return not (
            len(name) > self._short
            or name.startswith((".", "/"))
            or "/." in name
            or "//" in name
            or "\0" in name
        )

    def _check_symlink(self, member: Member, path: str) -> None:
        target = member.target
        if not target or "\0" in target or len(os.fsencode(target)) > self._limits.name_bytes:
            raise UnsafeArchive(f"{_shown(member)} is a link to nothing")
        if not self._outward_links and _leads_out(path, target):
            raise UnsafeArchive(f"{_shown(member)} is a link that leads out of the archive")


def _leads_out(path: str, target: str) -> bool:
    """Return whether a link at ``path`` could lead out of the folder that paths count from.

    ``..`` is understood at the beginning only, where it steps up real folders. Behind a name it could
    step up from wherever another link leads.
    """
    if target.startswith("/"):
        return True
    parts = [part for part in target.split("/") if part not in {"", "."}]
    ups = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    return ups > path.count("/") or ".." in parts[ups:]


def _shown(member: Member) -> str:
    name = ascii(member.name)
    return f"the archive's {name if len(name) <= 120 else name[:100] + '…'}"


def safe_members(
    tar: Iterable[bytes], limits: Limits | None = None, *, outward_links: bool = False
) -> Iterator[bytes]:
    """Pass on a tar as long as each of its members may be unpacked.

    A piece is passed on after every header in it was judged.

    Raises:
        UnsafeArchive: a member may not be unpacked; nothing of it has been passed on.
        BrokenArchive: the stream is no archive, or not a whole one.
    """
    check = MemberCheck(limits, outward_links=outward_links)
    return watch_members(tar, check.path_of)
