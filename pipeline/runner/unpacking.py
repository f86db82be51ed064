"""Unpacks a tar into a folder of this machine, and nowhere else.

Every path is walked from the target's own descriptor, one name at a time, without following links
(openat with O_NOFOLLOW). So it does not matter what links the archive has, what links stood in the
target before, or what another program changes meanwhile: nothing is written outside.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.disk import failed_writing
from pipeline.errors import WorkFailed
from pipeline.runner.member_check import Limits, MemberCheck, UnsafeArchive
from pipeline.runner.tar_members import Kind, Member, TarScanner

__all__ = ["unpack_safely"]

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FOLDERS = 64
"""Descriptors kept at most: members of a folder mostly follow one another."""


def unpack_safely(
    tar: Iterable[bytes],
    folder: Path,
    *,
    limits: Limits | None = None,
    outward_links: bool = False,
) -> None:
    """Unpack a tar into an existing folder.

    Modes (without setuid, setgid and sticky) and modification times are kept; owners are whoever runs
    this. A file or link in the way is replaced, never written through; a folder in the way of a folder
    is kept with what it has, in the way of anything else it is an error.

    Args:
        tar: pieces of an uncompressed tar.
        folder: where to.
        limits: how much the archive may hold.
        outward_links: whether symbolic links may lead out of the folder; they are made, not followed.

    Raises:
        UnsafeArchive: a member may not be unpacked; those before it are there.
        BrokenArchive: the stream is no archive, or not a whole one.
        WorkFailed: the disk is full, or the folder may not be written. No file is left half written.
    """
    try:
        root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise WorkFailed(f"nothing can be unpacked into {folder}: {error.strerror}") from error
    unpacker = _Unpacker(root, MemberCheck(limits, outward_links=outward_links))
    scanner = TarScanner(unpacker.member, unpacker.data)
    try:
        for chunk in tar:
            scanner.feed(chunk)
        scanner.finish()
        unpacker.finish()
    except OSError as error:
        what = f"{unpacker.at or 'the archive'} cannot be unpacked into {folder}"
        raise failed_writing(what, folder, error) from error
    finally:
        unpacker.close()


class _Unpacker:
    """The state of one unpacking; paths are plain ones, ``""`` the target."""

    def __init__(self, root: int, check: MemberCheck) -> None:
        self.at = ""
        self._check = check
        self._root = root
        self._open: dict[str, int] = {}
        self._file = -1
        self._left = 0
        self._member = Member("", Kind.OTHER)
        self._files: set[str] = set()
        self._final: dict[str, tuple[int, int]] = {}

    def member(self, member: Member) -> None:
        """Begin the next member."""
        self.at = path = self._check.path_of(member)
        if not path:
            return
        parent, _, name = path.rpartition("/")
        at = self._folder(parent)
        if member.kind is Kind.FILE:
            self._begin_file(at, name, member)
            self._files.add(path)
        elif member.kind is Kind.FOLDER:
            self._make_folder(at, name, path, member)
        elif member.kind is Kind.SYMLINK:
            self._files.discard(path)
            _replacing(at, name, lambda: os.symlink(member.target, name, dir_fd=at))
            os.utime(name, (member.mtime_s, member.mtime_s), dir_fd=at, follow_symlinks=False)
        else:
            self._link(name, member, path)

    def data(self, data: memoryview) -> None:
        """Write data of the file that was begun."""
        self._left -= len(data)
        while data:
            data = data[os.write(self._file, data) :]
        if not self._left:
            self._end_file()

    def finish(self) -> None:
        """Give the folders their modes and times, the deepest first."""
        for path in sorted(self._final, key=lambda path: path.count("/"), reverse=True):
            mode, mtime = self._final[path]
            fd = self._folder(path)
            os.utime(fd, (mtime, mtime))
            os.fchmod(fd, mode)

    def close(self) -> None:
        """Let go of every descriptor, and remove a file that was begun and not ended."""
        if self._file >= 0:
            with suppress(OSError):
                parent, _, name = self.at.rpartition("/")
                os.unlink(name, dir_fd=self._folder(parent))
        for fd in (*self._open.values(), self._root, self._file):
            if fd >= 0:
                os.close(fd)

    def _begin_file(self, at: int, name: str, member: Member) -> None:
        def create() -> None:
            self._file = os.open(name, _CREATE_FILE, 0o600, dir_fd=at)

        _replacing(at, name, create)
        self._member, self._left = member, member.size
        if not member.size:
            self._end_file()

    def _end_file(self) -> None:
        os.fchmod(self._file, self._member.mode & 0o777)
        os.utime(self._file, (self._member.mtime_s, self._member.mtime_s))
        fd, self._file = self._file, -1
        os.close(fd)

    def _link(self, name: str, member: Member, path: str) -> None:
        target = self._check.hardlink_target(member)
        if target not in self._files:
            raise UnsafeArchive(
                f"{path!r} is a link to a file that the archive does not have before"
            )
        if target == path:
            return
        parent, _, base = target.rpartition("/")
        source = os.dup(self._folder(parent))  # the next call may close the folder's own
        try:
            at = self._folder(path.rpartition("/")[0])
            _replacing(
                at,
                name,
                lambda: os.link(
                    base, name, src_dir_fd=source, dst_dir_fd=at, follow_symlinks=False
                ),
            )
        finally:
            os.close(source)
        self._files.add(path)

    def _make_folder(self, at: int, name: str, path: str, member: Member) -> None:
        try:
            os.mkdir(name, 0o700, dir_fd=at)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(name, dir_fd=at).st_mode):
                self._files.discard(path)
                os.unlink(name, dir_fd=at)
                os.mkdir(name, 0o700, dir_fd=at)
        # A folder that its owner cannot enter could not even be removed again.
        self._final[path] = (member.mode & 0o777 | 0o500, member.mtime_s)

    def _folder(self, path: str) -> int:
        """Return the descriptor of a folder, made where it is missing."""
        if not path:
            return self._root
        fd = self._open.get(path)
        if fd is not None:
            return fd
        known = path
        while known and known not in self._open:
            known = known.rpartition("/")[0]
        fd = self._open[known] if known else self._root
        for name in path[len(known) :].strip("/").split("/"):
            known = f"{known}/{name}" if known else name
            fd = self._open[known] = self._enter(fd, name, known)
        while len(self._open) > _OPEN_FOLDERS:
            os.close(self._open.pop(next(iter(self._open))))
        return fd

    def _enter(self, at: int, name: str, path: str) -> int:
        try:
            fd = os.open(name, _OPEN_FOLDER, dir_fd=at)
        except FileNotFoundError:
            os.mkdir(name, 0o755, dir_fd=at)
            return os.open(name, _OPEN_FOLDER, dir_fd=at)
        except OSError:
            if stat.S_ISLNK(os.lstat(name, dir_fd=at).st_mode):
                raise UnsafeArchive(f"the archive goes through the link {path!r}") from None
            raise
        status = os.fstat(fd)
        if status.st_mode & 0o300 != 0o300:
            self._final.setdefault(path, (stat.S_IMODE(status.st_mode), int(status.st_mtime)))
            os.fchmod(fd, status.st_mode & 0o777 | 0o700)
        return fd


def _replacing(at: int, name: str, create: Callable[[], None]) -> None:
    """Create a file or link, in place of a file or link of that name."""
    try:
        create()
    except FileExistsError:
        if stat.S_ISDIR(os.lstat(name, dir_fd=at).st_mode):
            raise UnsafeArchive(
                f"a folder stands where the archive has the file {name!r}"
            ) from None
        os.unlink(name, dir_fd=at)
        create()
