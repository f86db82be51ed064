"""Archives: a tar compressed with zstd, named by its SHA-256, written whole or not at all.

The same tar gives the same bytes with the same version of zstd: there is no time and no name in the
container, and the result does not depend on how the stream was cut or on the number of processors.

    tar stream ──write_archive──▶ file.tar.zst ──open_archive──▶ tar stream
    files of this machine ──pack_paths──▶ tar stream ──unpack_safely──▶ files of this machine

The SHA-256 is that of the compressed bytes, so that a file can be checked before a byte of it is
decompressed; zstd's own checksum covers the tar.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sys
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BufferedRandom
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from pipeline.errors import WorkFailed
from pipeline.runner.member_check import Limits, UnsafeArchive, safe_members
from pipeline.runner.tar_members import BrokenArchive, watch_members
from pipeline.runner.tar_packing import pack_paths
from pipeline.runner.unpacking import unpack_safely

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

__all__ = [
    "Archive",
    "BrokenArchive",
    "Limits",
    "OpenArchive",
    "UnsafeArchive",
    "check_archive",
    "compress",
    "open_archive",
    "pack_paths",
    "safe_members",
    "unpack_safely",
    "watch_members",
    "write_archive",
]

_LEVEL = 1
"""zstd's fastest ordinary level. What stays on this machine is to be written and read quickly; zstd's
default, 3, takes twice the time for a tenth less."""

_PIECE = 1 << 20
_AHEAD = 4
_MOST_WORKERS = 4


@dataclass(frozen=True, slots=True)
class Archive:
    """What was written: the SHA-256 of the file in hex, its size, and the tar's size, in bytes."""

    digest: str
    stored_bytes: int
    tar_bytes: int


def write_archive(tar: Iterable[bytes], path: Path) -> Archive:
    """Write a tar as a compressed file; a file of that name is there when it is complete.

    Raises:
        WorkFailed: the disk is full, or the folder cannot be written.
    """
    try:
        fd, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(fd, "wb") as file:
                archive = compress(tar, file)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise WorkFailed(f"the archive {path} cannot be written: {error.strerror}") from error
    return archive


def compress(tar: Iterable[bytes], file: BinaryIO) -> Archive:
    """Write a tar to an open file, compressed."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    # One worker and several give the same bytes, none gives others.
    compressor = zstd.ZstdCompressor(
        options={
            zstd.CompressionParameter.compression_level: _LEVEL,
            zstd.CompressionParameter.checksum_flag: 1,
            zstd.CompressionParameter.nb_workers: min(os.cpu_count() or 1, _MOST_WORKERS),
        }
    )
    digest = hashlib.sha256()
    tar_bytes = stored_bytes = 0
    for piece in _even_pieces(tar):
        tar_bytes += len(piece)
        packed = compressor.compress(piece)
        digest.update(packed)
        stored_bytes += file.write(packed)
    packed = compressor.flush()
    digest.update(packed)
    stored_bytes += file.write(packed)
    return Archive(digest.hexdigest(), stored_bytes, tar_bytes)


def _even_pieces(tar: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream anew: what zstd writes may depend on the calls that it gets."""
    waiting: list[bytes | memoryview] = []
    size = 0
    for chunk in tar:
        view = memoryview(chunk)
        while size + len(view) >= _PIECE:
            waiting.append(view[: _PIECE - size])
            view = view[_PIECE - size :]
            yield b"".join(waiting)
            waiting.clear()
            size = 0
        if view:
            waiting.append(bytes(view) if len(view) < len(chunk) else chunk)
            size += len(view)
    if waiting:
        yield b"".join(waiting)


class OpenArchive:
    """An archive being read: the plain tar, in pieces of up to 1 MB; a shared lock is held meanwhile.

    The next pieces are decompressed, in a thread, while the reader is busy with the last one: some, since a
    piece of small files takes long to unpack, and one of a large file no time.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pieces = _decompressed(file)
        self._thread: ThreadPoolExecutor | None = None
        self._ahead: deque[Future[bytes]] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        if self._file.closed:
            raise StopIteration
        if self._thread is None:
            from concurrent.futures import ThreadPoolExecutor

            self._thread = ThreadPoolExecutor(1, "decompression")
        while len(self._ahead) < _AHEAD:
            self._ahead.append(self._thread.submit(next, self._pieces, b""))
        try:
            piece = self._ahead.popleft().result()
        except BaseException:
            self.close()
            raise
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; there is nothing to be read any more."""
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._ahead.clear()
        self._file.close()


def open_archive(path: Path, digest: str | None = None) -> OpenArchive:
    """Return the plain tar of an archive. With ``digest`` the file is checked as a whole before.

    Raises:
        BrokenArchive: the file is missing or not the one with this digest; on reading: it is damaged.
    """
    try:
        file = path.open("rb", buffering=0)
    except OSError as error:
        raise BrokenArchive(f"the archive {path} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_SH)
        if digest is not None:
            if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                raise BrokenArchive(f"the archive {path} is damaged: its SHA-256 is another one")
            file.seek(0)
    except OSError as error:
        file.close()
        raise BrokenArchive(f"the archive {path} cannot be read: {error.strerror}") from error
    except BaseException:
        file.close()
        raise
    return OpenArchive(file)


def check_archive(file: BufferedRandom, archive: Archive) -> None:
    """Look at the whole of an archive that comes from elsewhere.

    Raises:
        BrokenArchive: it is another one than was said, or none.
        UnsafeArchive: it has a member that may not be unpacked.
    """
    file.seek(0)
    if hashlib.file_digest(file, "sha256").hexdigest() != archive.digest:
        raise BrokenArchive("its SHA-256 is another one")
    file.seek(0)
    left = archive.tar_bytes
    for piece in safe_members(_decompressed(file), outward_links=True):
        left -= len(piece)
        if left < 0:
            break
    if left:
        raise BrokenArchive("its tar has another size")


def _decompressed(file: BinaryIO) -> Iterator[bytes]:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    decompressor = zstd.ZstdDecompressor()
    packed = b""
    try:
        while not decompressor.eof:
            if decompressor.needs_input:
                packed = file.read(_PIECE)
                if not packed:
                    raise BrokenArchive("the archive is damaged: its end is missing")
            piece = decompressor.decompress(packed, _PIECE)
            packed = b""
            if piece:
                yield piece
    except zstd.ZstdError as error:
        raise BrokenArchive(f"the archive is damaged: {error}") from error
    if decompressor.unused_data or file.read(1):
        raise BrokenArchive("the archive is damaged: something follows its end")
