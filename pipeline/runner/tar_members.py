"""What is in a tar stream, read while it flows by.

Both header dialects in use are read: POSIX (pax records, what Docker sends) and GNU (long names, what
:func:`~pipeline.runner.tar_packing.pack_paths` writes). Only :func:`member_of` reads headers, so that
what is checked, what gets another name and what is unpacked cannot be different readings of the same bytes.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from pipeline.errors import InvalidInput

__all__ = [
    "BLOCK",
    "EMPTY_BLOCK",
    "END_OF_TAR",
    "BrokenArchive",
    "Kind",
    "Member",
    "TarScanner",
    "check_sum",
    "extension_size",
    "is_extension",
    "member_of",
    "read_extension",
    "up_to_the_end",
    "watch_members",
]

BLOCK = 512
EMPTY_BLOCK = b"\0" * BLOCK
END_OF_TAR = EMPTY_BLOCK * 2
_LARGEST_EXTENSION = 1 << 20
"""Bytes of a long name or of pax records that are read at all."""
_LATEST = 1 << 33
"""The year 2242 as seconds since 1970: later times are more than some file systems can say."""


class BrokenArchive(InvalidInput):
    """The bytes are no archive, or not a whole one."""


class Kind(Enum):
    """What a member is; OTHER stands for devices, fifos, sparse files and everything unknown."""

    FILE = "file"
    FOLDER = "folder"
    SYMLINK = "symlink"
    HARDLINK = "hardlink"
    OTHER = "other"


class Member(NamedTuple):
    """One entry of a tar.

    Args:
        name: the path as it is written; bytes that are not UTF-8 are kept as lone surrogates.
        kind: what it is.
        size: bytes of data that follow.
        mode: permission bits, with setuid, setgid and sticky.
        mtime_s: whole seconds since 1970.
        target: where a link leads; for a hard link the name of an earlier member.
    """

    name: str
    kind: Kind
    size: int = 0
    mode: int = 0o644
    mtime_s: int = 0
    target: str = ""


_KINDS = {
    0: Kind.FILE,
    ord("0"): Kind.FILE,
    ord("7"): Kind.FILE,
    ord("1"): Kind.HARDLINK,
    ord("2"): Kind.SYMLINK,
    ord("5"): Kind.FOLDER,
}
_NO_DATA = b"123456"
"""Types whose size field is not followed by data, as Go's archive/tar and Python's tarfile have it."""


def _ignore_data(_data: memoryview) -> None:
    """Drop the data of members that nobody asked for."""


class TarScanner:
    """Reads a tar that arrives in pieces of any size.

    Args:
        on_member: called with each member before its data.
        on_data: called with pieces of the member's data, valid during the call only.
    """

    def __init__(
        self,
        on_member: Callable[[Member], None],
        on_data: Callable[[memoryview], None] = _ignore_data,
    ) -> None:
        self._on_member = on_member
        self._on_data = on_data
        self._block = bytearray()
        self._data_left = 0
        self._padding_left = 0
        self._records: dict[str, bytes] = {}
        self._extension_type = 0
        self._extension_data = bytearray()
        self._empty_blocks = 0

    def feed(self, chunk: bytes | memoryview) -> None:
        """Read the next piece.

        Raises:
            BrokenArchive: a header is not one.
        """
        view = memoryview(chunk)
        position, end = 0, len(view)
        while position < end:
            if self._data_left:
                position += self._pass_over(view[position : position + self._data_left])
            elif self._padding_left:
                skipped = min(self._padding_left, end - position)
                self._padding_left -= skipped
                position += skipped
            elif self._empty_blocks >= 2:
                return  # what follows the end only fills a record
            else:
                position += self._gather(view[position : position + BLOCK - len(self._block)])

    def finish(self) -> None:
        """Say that nothing follows.

        Raises:
            BrokenArchive: the end of the archive has not been seen.
        """
        if self._empty_blocks < 2:
            raise BrokenArchive("the archive ends before its end mark: a part of it is missing")

    def _gather(self, part: memoryview) -> int:
        if len(part) == BLOCK:
            self._read_block(bytes(part))
            return BLOCK
        self._block += part
        if len(self._block) == BLOCK:
            block = bytes(self._block)
            self._block.clear()
            self._read_block(block)
        return len(part)

    def _pass_over(self, data: memoryview) -> int:
        self._data_left -= len(data)
        if self._extension_type:
            self._extension_data += data
            if not self._data_left:
                self._read_extension()
        else:
            self._on_data(data)
        return len(data)

    def _read_block(self, block: bytes) -> None:
        if block == EMPTY_BLOCK:
            self._empty_blocks += 1
            return
        if self._empty_blocks:
            raise BrokenArchive("the archive goes on after an empty block")
        check_sum(block)
        if is_extension(block):
            self._extension_type = block[156]
            self._extension_data.clear()
            self._expect_data(extension_size(block))
        else:
            member = member_of(block, self._records)
            self._records = {}
            self._expect_data(member.size)
            self._on_member(member)

    def _expect_data(self, size: int) -> None:
        self._data_left = size
        self._padding_left = -size % BLOCK

    def _read_extension(self) -> None:
        read_extension(self._extension_type, bytes(self._extension_data), self._records)
        self._extension_type = 0


def check_sum(block: bytes) -> int:
    """Return the checksum of a header, which is right.

    Raises:
        BrokenArchive: it is not.
    """
    written = block[148:156]
    total = _number(written)
    # The lower half of Adler-32 is one more than the plain sum of the bytes, modulo 65521, which half a
    # header cannot reach; it comes forty times as fast. What is written counts as blanks.
    plain = (zlib.adler32(block[:256]) & 0xFFFF) + (zlib.adler32(block[256:]) & 0xFFFF) - 2
    if total != plain - sum(written) + 8 * 32:
        raise BrokenArchive("a header of the archive has a wrong checksum")
    return total


def is_extension(block: bytes) -> bool:
    """Tell whether a header belongs to the next one: a long name, or pax records."""
    return block[156] in b"LKxg"


def extension_size(block: bytes) -> int:
    """Return the bytes of what a header announces for the next one.

    Raises:
        BrokenArchive: there are too many of them, or none.
    """
    size = _number(block[124:136])
    if not 0 < size <= _LARGEST_EXTENSION:
        raise BrokenArchive(f"an extended header of the archive has {size:,} bytes")
    return size


def read_extension(type_: int, data: bytes, records: dict[str, bytes]) -> None:
    """Add to a member's pax records what stands before its header; GNU's long names are among them.

    Raises:
        BrokenArchive: it cannot be read.
    """
    if type_ in b"LK":
        # A pax header of the same member counts more, as in Go's archive/tar.
        records.setdefault("path" if type_ == ord("L") else "linkpath", _until_nul(data))
        return
    pax = _pax_records(data)
    if type_ == ord("x"):
        records.update(pax)
    elif pax.keys() & {"path", "linkpath", "size"}:
        raise BrokenArchive("a global header of the archive names a member")


def member_of(block: bytes, records: Mapping[str, bytes]) -> Member:
    """Read a header, with the pax records that stood before it.

    Raises:
        BrokenArchive: it cannot be read.
    """
    kind = _KINDS.get(block[156], Kind.OTHER)
    name = os.fsdecode(_name(block))
    target = os.fsdecode(_until_nul(block[157:257])) if block[157] else ""
    size = _number(block[124:136])
    mtime = _number(block[136:148])
    if records:
        name = os.fsdecode(records["path"]) if "path" in records else name
        target = os.fsdecode(records["linkpath"]) if "linkpath" in records else target
        size = _decimal(records["size"]) if "size" in records else size
        if "mtime" in records:
            mtime = _decimal(records["mtime"].partition(b".")[0])
        if any(key.startswith("GNU.sparse") for key in records):
            kind = Kind.OTHER
    if block[156] == 0 and name.endswith("/"):
        kind = Kind.FOLDER  # as archives from before 1988 have it
    if size < 0:
        raise BrokenArchive("a member of the archive has a negative size")
    if block[156] in _NO_DATA or kind is Kind.FOLDER:
        size = 0
    mode = _number(block[100:108]) & 0o7777
    return Member(name, kind, size, mode, min(max(mtime, 0), _LATEST), target)


def _name(block: bytes) -> bytes:
    name = _until_nul(block[:100])
    # GNU's dialect keeps times where POSIX keeps the beginning of a long name.
    if not block[345] or block[257:263] != b"ustar\0":
        return name
    return _until_nul(block[345:500]) + b"/" + name


def _until_nul(text: bytes) -> bytes:
    return text.partition(b"\0")[0]


@lru_cache(4096)
def _number(text: bytes) -> int:
    """Read an octal number, or GNU's base 256; many headers have the same mode, owner and time."""
    digits = text.strip(b" \0")
    if digits.isdigit() and b"8" not in digits and b"9" not in digits:
        return int(digits, 8)
    if text[0] in {0x80, 0xFF}:
        return int.from_bytes(text[1:], "big") - (256 ** (len(text) - 1) if text[0] == 0xFF else 0)
    if digits:
        raise BrokenArchive("a header of the archive has a number that is none")
    return 0


def _decimal(text: bytes) -> int:
    digits = text.removeprefix(b"-")
    if not digits.isdigit() or len(digits) > 20:
        raise BrokenArchive("an extended header of the archive has a number that is none")
    return int(text)


def _pax_records(data: bytes) -> dict[str, bytes]:
    """Read `length key=value` lines."""
    records: dict[str, bytes] = {}
    while data.strip(b"\0"):
        head, space, _ = data.partition(b" ")
        length = _decimal(head) if space else 0
        key, equals, value = data[len(head) + 1 : length].partition(b"=")
        if not equals or not value.endswith(b"\n") or not len(head) < length <= len(data):
            raise BrokenArchive("an extended header of the archive cannot be read")
        records[os.fsdecode(key)] = value[:-1]
        data = data[length:]
    return records


def watch_members(tar: Iterable[bytes], on_member: Callable[[Member], object]) -> Iterator[bytes]:
    """Pass on a tar unchanged, and call ``on_member`` with each member on the way.

    Raises:
        BrokenArchive: the stream is no archive, or not a whole one.
    """

    def call(member: Member) -> None:
        on_member(member)

    scanner = TarScanner(call)
    for chunk in tar:
        scanner.feed(chunk)
        yield chunk
    scanner.finish()


def up_to_the_end(tar: Iterable[bytes]) -> Iterator[bytes]:
    """Pass on a tar unchanged, without a look at its members.

    Raises:
        BrokenArchive: it has no end mark.
    """
    last = b""
    for chunk in tar:
        last = (last + chunk[-len(END_OF_TAR) :])[-len(END_OF_TAR) :]
        yield chunk
    if last != END_OF_TAR:
        raise BrokenArchive("the archive ends before its end mark: a part of it is missing")
