"""Files of this machine as a tar stream: the same files give the same bytes.

GNU's dialect is written, because a name is any bytes there; times are whole seconds, as Docker's are.
"""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.byte_stream import gathered
from pipeline.errors import InvalidInput, WorkFailed
from pipeline.runner.tar_members import BLOCK, END_OF_TAR

__all__ = ["NAME_ROOM", "extended_names", "pack_paths", "pax_header", "tar_number"]

_PIECE = 1 << 20
NAME_ROOM = 100
"""Bytes that a header has for a name, and for a link's target."""
_TYPES = {stat.S_IFREG: b"0", stat.S_IFDIR: b"5", stat.S_IFLNK: b"2"}
_HARDLINK = b"1"
_SLASH = ord("/")


def _ignore_skipped(_path: str) -> None:
    """Nobody asked what was left out."""


def pack_paths(
    folder: Path,
    names: Sequence[str],
    *,
    on_skipped: Callable[[str], None] = _ignore_skipped,
    with_parents: bool = False,
    end: bool = True,
) -> Iterator[bytes]:
    """Return the tar of some files and folders below ``folder``, in pieces of about 1 MB.

    Modes, whole seconds of modification times, symbolic links and hard links among the members are
    kept; owners become 0; folders come before what is in them, in the order of their names' bytes.

    Args:
        folder: what names count from.
        names: relative paths; ``.`` stands for everything in the folder.
        on_skipped: called with what cannot be in an archive (sockets, fifos, devices).
        with_parents: whether the folders that the names are in have a place of their own, so that they
            get an owner, too.
        end: whether the tar ends here; without, another may follow.

    Raises:
        InvalidInput: a name leads out of the folder, or is not there.
        WorkFailed: a file cannot be read, or changed while it was read.
    """
    root = os.fsencode(folder)
    roots = _roots(root, names)
    packed = _pack(root, _after_parents(roots) if with_parents else roots, on_skipped)
    return gathered(itertools.chain(packed, (END_OF_TAR,) if end else ()), _PIECE)


def _roots(root: bytes, names: Sequence[str]) -> list[bytes]:
    """Return the names in plain form and order, without those that are inside of another one."""
    plain: set[bytes] = set()
    for name in names:
        path = os.path.normpath(os.fsencode(name)) if name else b".."
        if path.startswith((b"/", b"../")) or path == b".." or b"\0" in path:
            raise InvalidInput(f"{name!r} is not a path inside of {os.fsdecode(root)}")
        if path != b"." and not os.path.lexists(os.path.join(root, path)):
            raise InvalidInput(f"{name!r} is not in {os.fsdecode(root)}")
        plain.add(path)
    if b"." in plain:
        return sorted(os.listdir(root))
    inside = {
        path
        for path in plain
        if any(path[:i] in plain for i in range(len(path)) if path[i : i + 1] == b"/")
    }
    return sorted(plain - inside, key=lambda path: path.split(b"/"))


def _after_parents(names: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the folders of names, with a slash, before them."""
    seen: set[bytes] = set()
    for name in names:
        for at, byte in enumerate(name):
            parent = name[: at + 1]
            if byte == _SLASH and parent not in seen:
                seen.add(parent)
                yield parent
        yield name


def _pack(
    root: bytes, names: Iterable[bytes], on_skipped: Callable[[str], None]
) -> Iterator[bytes]:
    hardlinks: dict[tuple[int, int], bytes] = {}
    waiting = list(names)[::-1]
    while waiting:
        name = waiting.pop()
        path = os.path.join(root, name)
        try:
            status = os.lstat(path)
            type_ = _TYPES.get(stat.S_IFMT(status.st_mode))
            if type_ is None:
                on_skipped(os.fsdecode(name))
            elif name.endswith(b"/"):
                yield _header(name, status, b"5")
            elif type_ == b"5":
                yield _header(name + b"/", status, type_)
                waiting += [name + b"/" + child for child in sorted(os.listdir(path), reverse=True)]
            elif status.st_nlink > 1 and (status.st_dev, status.st_ino) in hardlinks:
                first = hardlinks[status.st_dev, status.st_ino]
                yield _header(name, status, _HARDLINK, first)
            elif type_ == b"2":
                yield _header(name, status, type_, os.readlink(path))
            else:
                if status.st_nlink > 1:
                    hardlinks[status.st_dev, status.st_ino] = name
                yield from _file(path, name)
        except FileNotFoundError:
            continue  # removed since its folder was listed
        except OSError as error:
            raise WorkFailed(f"{os.fsdecode(path)} cannot be archived: {error.strerror}") from error


def _file(path: bytes, name: bytes) -> Iterator[bytes]:
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(fd)
        yield _header(name, status, b"0")
        left = status.st_size
        while left:
            data = os.read(fd, min(left, _PIECE))
            if not data:
                raise WorkFailed(f"{os.fsdecode(path)} became shorter while it was archived")
            left -= len(data)
            yield data
        if status.st_size % BLOCK:
            yield b"\0" * (-status.st_size % BLOCK)
    finally:
        os.close(fd)


def extended_names(name: bytes, target: bytes = b"") -> bytes:
    """Return what has to stand before a header whose name, or a link's target, has no room in it."""
    return b"".join(
        _block(b"././@LongLink", 0o644, len(text) + 1, 0, kind) + _padded(text + b"\0")
        for kind, text in ((b"K", target), (b"L", name))
        if len(text) > NAME_ROOM
    )


def pax_header(records: Mapping[str, bytes]) -> bytes:
    """Return pax records, to stand before a header; nothing where there are none."""
    data = b"".join(_pax_record(os.fsencode(key), value) for key, value in records.items())
    return _block(b"././@PaxHeader", 0o644, len(data), 0, b"x") + _padded(data) if data else b""


def _pax_record(key: bytes, value: bytes) -> bytes:
    rest = b" %b=%b\n" % (key, value)
    length = len(rest) + 1
    while len(b"%d" % length) + len(rest) != length:
        length = len(b"%d" % length) + len(rest)
    return b"%d%b" % (length, rest)


def _header(name: bytes, status: os.stat_result, type_: bytes, target: bytes = b"") -> bytes:
    size = status.st_size if type_ == b"0" else 0
    mode = stat.S_IMODE(status.st_mode)
    mtime = int(status.st_mtime_ns // 1_000_000_000)
    return extended_names(name, target) + _block(name, mode, size, mtime, type_, target)


def _block(
    name: bytes, mode: int, size: int, mtime: int, type_: bytes, target: bytes = b""
) -> bytes:
    head = b"%b%07o\0%s%b%b" % (
        name[:NAME_ROOM].ljust(NAME_ROOM, b"\0"),
        mode,
        b"0000000\x000000000\x00",
        tar_number(size),
        tar_number(mtime),
    )
    tail = b"%b%b%b" % (type_, target[:NAME_ROOM].ljust(NAME_ROOM, b"\0"), b"ustar  \0")
    total = sum(head) + sum(tail) + 8 * 32
    return b"%b%06o\0 %b" % (head, total, tail.ljust(BLOCK - 156, b"\0"))


def tar_number(value: int, width: int = 12) -> bytes:
    """Return a field: octal, or GNU's base 256 for what is negative or too large (12 bytes: 8 GiB)."""
    digits = width - 1
    if 0 <= value < 8**digits:
        return b"%0*o\0" % (digits, value)
    sign = b"\x80" if value >= 0 else b"\xff"
    return sign + (value % (1 << 8 * digits)).to_bytes(digits)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % BLOCK)
