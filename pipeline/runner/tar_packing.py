"""Files of this machine as a tar stream: the same files give the same bytes.

GNU's dialect is written, because a name is any bytes there; times are whole seconds, as Docker's are.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.errors import InvalidInput, WorkFailed

__all__ = ["pack_paths"]

_BLOCK = 512
_PIECE = 1 << 20
_TYPES = {stat.S_IFREG: b"0", stat.S_IFDIR: b"5", stat.S_IFLNK: b"2"}
_HARDLINK = b"1"


def _ignore_skipped(_path: str) -> None:
    """Nobody asked what was left out."""


def pack_paths(
    folder: Path, names: Sequence[str], *, on_skipped: Callable[[str], None] = _ignore_skipped
) -> Iterator[bytes]:
    """Return the tar of some files and folders below ``folder``, in pieces of about 1 MB.

    Modes, whole seconds of modification times, symbolic links and hard links among the members are
    kept; owners become 0; folders come before what is in them, in the order of their names' bytes.

    Args:
        folder: what names count from.
        names: relative paths; ``.`` stands for everything in the folder.
        on_skipped: called with what cannot be in an archive (sockets, fifos, devices).

    Raises:
        InvalidInput: a name leads out of the folder, or is not there.
        WorkFailed: a file cannot be read, or changed while it was read.
    """
    root = os.fsencode(folder)
    return _in_pieces(_pack(root, _roots(root, names), on_skipped))


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
    yield b"\0" * _BLOCK * 2


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
        if status.st_size % _BLOCK:
            yield b"\0" * (-status.st_size % _BLOCK)
    finally:
        os.close(fd)


def _header(name: bytes, status: os.stat_result, type_: bytes, target: bytes = b"") -> bytes:
    size = status.st_size if type_ == b"0" else 0
    mode = stat.S_IMODE(status.st_mode)
    mtime = int(status.st_mtime_ns // 1_000_000_000)
    long_names = b"".join(
        _block(b"././@LongLink", 0o644, len(text) + 1, 0, kind) + _padded(text + b"\0")
        for kind, text in ((b"K", target), (b"L", name))
        if len(text) > 100
    )
    return long_names + _block(name, mode, size, mtime, type_, target)


def _block(
    name: bytes, mode: int, size: int, mtime: int, type_: bytes, target: bytes = b""
) -> bytes:
    head = b"%b%07o\0%s%b%b" % (
        name[:100].ljust(100, b"\0"),
        mode,
        b"0000000\x000000000\x00",
        _number(size),
        _number(mtime),
    )
    tail = b"%b%b%b" % (type_, target[:100].ljust(100, b"\0"), b"ustar  \0")
    total = sum(head) + sum(tail) + 8 * 32
    return b"%b%06o\0 %b" % (head, total, tail.ljust(_BLOCK - 156, b"\0"))


def _number(value: int) -> bytes:
    """Return a field of 12 bytes: octal, or GNU's base 256 for what is negative or has over 8 GiB."""
    if 0 <= value < 8**11:
        return b"%011o\0" % value
    return (b"\x80" if value >= 0 else b"\xff") + (value % 256**11).to_bytes(11, "big")


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % _BLOCK)


def _in_pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting.clear()
            size = 0
    if waiting:
        yield b"".join(waiting)
