"""Tar archives as streams of bytes: written the same each time, read and changed in passing.

The library's ``tarfile`` needs a third of a second for ten thousand entries in each direction, and
cannot pass an entry on as it is. Formats: ustar with PAX records (POSIX.1-2001), and on reading GNU's
long names too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Literal

from pipeline.errors import WorkFailed

__all__ = [
    "BLOCK",
    "TRAILER",
    "Member",
    "TarReader",
    "entry_header",
    "padding",
    "retimed",
]

BLOCK = 512
TRAILER = bytes(2 * BLOCK)
"""What an archive ends with."""

_FILE, _HARDLINK, _SYMLINK, _FOLDER = b"0", b"1", b"2", b"5"
_FLAGS = {"file": _FILE, "hardlink": _HARDLINK, "link": _SYMLINK, "folder": _FOLDER}
_KINDS: Mapping[bytes, Literal["file", "hardlink", "link", "folder", "other"]] = {
    b"0": "file",
    b"\0": "file",
    b"7": "file",
    b"1": "hardlink",
    b"2": "link",
    b"5": "folder",
}
_CHUNK = 1 << 20
_OCTAL_LIMIT = 8**11


@dataclass(frozen=True, slots=True)
class Member:
    """One entry as it was read.

    Attributes:
        path: without a trailing slash.
        kind: ``other`` is a device, a pipe, or something unknown.
        size: bytes that follow, without padding.
        mtime: whole seconds.
        pax: its extended records.
        prelude: the blocks before its header that hold those records or long names.
        header: its own block.
    """

    path: str
    kind: Literal["file", "hardlink", "link", "folder", "other"]
    mode: int
    size: int
    mtime: int
    link: str
    pax: Mapping[str, bytes] = field(default_factory=dict)
    prelude: bytes = b""
    header: bytes = b""


def padding(size: int) -> bytes:
    """Return the zeros that fill a file's last block."""
    return bytes(-size % BLOCK)


def entry_header(
    path: str,
    kind: Literal["file", "hardlink", "link", "folder"],
    *,
    mode: int,
    mtime: int,
    size: int = 0,
    link: str = "",
) -> bytes:
    """Return the header of an entry that belongs to root; the same bytes for the same arguments."""
    name = _bytes(f"{path}/" if kind == "folder" else path)
    target = _bytes(link)
    records: dict[str, bytes] = {}
    if len(name) > 100 or not name.isascii():
        records["path"] = name
    if len(target) > 100 or not target.isascii():
        records["linkpath"] = target
    if size >= _OCTAL_LIMIT:
        records["size"] = b"%d" % size
    block = _block(name, _FLAGS[kind], mode, size % _OCTAL_LIMIT, mtime, target)
    return _pax(records) + block if records else block


def _block(name: bytes, flag: bytes, mode: int, size: int, mtime: int, link: bytes) -> bytes:
    block = bytearray(BLOCK)
    block[0:100] = name[:100].ljust(100, b"\0")
    block[100:108] = b"%07o\0" % mode
    block[108:116] = block[116:124] = b"0000000\0"
    block[124:136] = b"%011o\0" % size
    block[136:148] = b"%011o\0" % max(mtime, 0)
    block[156:157] = flag
    block[157:257] = link[:100].ljust(100, b"\0")
    block[257:265] = b"ustar\x0000"
    return _with_checksum(block)


def _with_checksum(block: bytearray) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _pax(records: Mapping[str, bytes]) -> bytes:
    body = b"".join(_record(key, value) for key, value in sorted(records.items()))
    head = _block(b"PaxHeaders/entry", b"x", 0o644, len(body), 0, b"")
    return head + body + padding(len(body))


def _record(key: str, value: bytes) -> bytes:
    """A length that counts itself, a blank, key, equals sign, value and a line end."""
    rest = b" " + key.encode() + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d" % length + rest


def retimed(member: Member, mtime: int) -> bytes:
    """Return the header blocks of a member with another time, and no fractions or other times."""
    prelude = member.prelude
    if any(key in member.pax for key in ("mtime", "atime", "ctime")):
        kept = {k: v for k, v in member.pax.items() if k not in ("mtime", "atime", "ctime")}
        prelude = _pax(kept) if kept else b""
    block = bytearray(member.header)
    block[136:148] = b"%011o\0" % max(mtime, 0)
    return prelude + _with_checksum(block)


class TarReader:
    """Reads an archive front to back.

    Between two members, :meth:`data` gives the bytes of the one just read; what is not taken is
    skipped.

    Args:
        source: the archive's bytes, in pieces or as a file.
        what: words for messages, ``the volume app-bundle``.
    """

    def __init__(self, source: Iterable[bytes] | IO[bytes], what: str) -> None:
        self._read = _exact_reader(source, what)
        self._left = 0
        self._pad = 0

    def __iter__(self) -> Iterator[Member]:
        while True:
            for _ in self.data():
                pass
            member = self._member()
            if member is None:
                return
            self._left = member.size
            self._pad = -member.size % BLOCK
            yield member

    def data(self) -> Iterator[bytes]:
        """Yield the current member's bytes."""
        while self._left:
            chunk = self._read(min(self._left, _CHUNK))
            self._left -= len(chunk)
            yield chunk
        if self._pad:
            self._read(self._pad)
            self._pad = 0

    def _member(self) -> Member | None:
        pax: dict[str, bytes] = {}
        prelude = b""
        while True:
            block = self._read(BLOCK)
            if not block.strip(b"\0"):
                return None
            flag, size = block[156:157], _number(block[124:136])
            if flag not in b"xgLK":
                return _as_member(block, flag, size, pax, prelude)
            body = self._read(size)
            prelude += block + body + self._read(-size % BLOCK)
            if flag == b"x":
                pax |= _parse_pax(body)
            elif flag in b"LK":
                pax["path" if flag == b"L" else "linkpath"] = body.rstrip(b"\0")


def _as_member(
    block: bytes, flag: bytes, size: int, pax: Mapping[str, bytes], prelude: bytes
) -> Member:
    name = pax.get("path") or _joined(_text(block[345:500]), _text(block[0:100]))
    kind = _KINDS.get(flag, "other")
    if "size" in pax:
        size = int(pax["size"])
    return Member(
        path=name.decode("utf-8", "surrogateescape").rstrip("/"),
        kind=kind,
        mode=_number(block[100:108]) & 0o7777,
        size=0 if kind in ("hardlink", "link", "folder") else size,
        mtime=int(pax["mtime"].split(b".")[0]) if "mtime" in pax else _number(block[136:148]),
        link=(pax.get("linkpath") or _text(block[157:257])).decode("utf-8", "surrogateescape"),
        pax=pax,
        prelude=prelude,
        header=block,
    )


def _text(raw: bytes) -> bytes:
    return raw.split(b"\0", 1)[0]


def _joined(prefix: bytes, name: bytes) -> bytes:
    return prefix + b"/" + name if prefix else name


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _number(raw: bytes) -> int:
    if raw[0] & 0x80:  # GNU's and Go's way of writing what octal has no room for.
        return int.from_bytes(bytes([raw[0] & 0x7F]) + raw[1:], "big")
    digits = raw.strip(b" \0")
    return int(digits, 8) if digits else 0


def _parse_pax(body: bytes) -> dict[str, bytes]:
    records: dict[str, bytes] = {}
    position = 0
    while position < len(body):
        length, _, _ = body[position : position + 20].partition(b" ")
        record = body[position : position + int(length)]
        key, _, value = record[len(length) + 1 : -1].partition(b"=")
        records[key.decode("utf-8", "replace")] = value
        position += int(length)
    return records


def _exact_reader(source: Iterable[bytes] | IO[bytes], what: str) -> Callable[[int], bytes]:
    chunks = iter(source) if not hasattr(source, "read") else iter(lambda: source.read(_CHUNK), b"")
    buffer = bytearray()
    start = 0

    def read(count: int) -> bytes:
        nonlocal start
        while len(buffer) - start < count:
            if start > 4 * _CHUNK:
                del buffer[:start]
                start = 0
            chunk = next(chunks, None)
            if chunk is None:
                raise WorkFailed(
                    f"{what} could not be read to its end: the stream broke off",
                    hint="is the engine still running, and is there room on its disk?",
                )
            buffer.extend(chunk)
        taken = bytes(memoryview(buffer)[start : start + count])
        start += count
        return taken

    return read
