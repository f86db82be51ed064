"""Dependencies in folders of the checkout, where CircleCI's cache steps can see them.

A stamp inside the folder, written last, names the key that the folder was installed for; it travels
with the folder through ``save_cache`` and ``restore_cache``. Without the right stamp the installer
runs over what is there: bundle and yarn add what is missing and remove what is too much.

The engine may not see the checkout: CircleCI's remote Docker is on another machine, and so may
``DOCKER_HOST`` be. This is tried, not guessed; the files are then copied to the container and back.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from orbs.rails.containers import created
from orbs.rails.engine import Engine
from orbs.rails.engine_types import ContainerSpec, EngineError, ImageInfo, Mount
from orbs.rails.install_run import InstallContext, run_install
from orbs.rails.model import DependencyHome, Installer
from orbs.rails.ownership import exclusive
from orbs.rails.small_files import SmallFile

__all__ = ["STAMP", "FolderHome", "read_stamp", "shares_files"]

STAMP = ".orbyard-stamp"
"""The file in a dependency folder that names what it holds; it goes into no image."""


@dataclass(frozen=True, slots=True)
class FolderHome:
    """A home in a folder of the checkout.

    Attributes:
        installer: what fills it.
        files: its lockfile and manifests as they were when the key was made.
        key: what the folder is to hold.
        folder: absolute.
        shares: tells whether the engine sees the folder.
    """

    installer: Installer
    files: tuple[SmallFile, ...]
    key: str
    folder: Path
    shares: Callable[[Engine, ImageInfo, Path], bool]

    def find(self) -> DependencyHome | None:
        """Return the folder where its stamp says that it is whole."""
        return self._home(reused=True) if read_stamp(self.folder) == self.key else None

    def fill(self, context: InstallContext) -> DependencyHome:
        """Install over the folder and stamp it.

        Raises:
            WorkFailed: the install failed; the folder then has no stamp.
        """
        console, name = context.console, self.installer.name

        def waiting() -> None:
            console.info(f"{name}: another run is installing into {self.folder}; waiting for it")

        with exclusive(
            context.state, f"folder {self.folder}", on_wait=waiting, cancel=context.cancel
        ):
            found = None if context.no_cache else self.find()
            return found or self._fill(context)

    def _fill(self, context: InstallContext) -> DependencyHome:
        if context.no_cache and self.folder.exists():
            shutil.rmtree(self.folder)
        owner = _owner(context.root)
        _make_folder(self.folder, owner)
        (self.folder / STAMP).unlink(missing_ok=True)
        if self.shares(context.engine, context.image, self.folder):
            self._install_in_place(context)
        else:
            self._install_by_copying(context)
        stamp = self.folder / STAMP
        stamp.write_text(json.dumps({"key": self.key, "installer": self.installer.name}) + "\n")
        _give(stamp, owner)
        return self._home(reused=False)

    def _install_in_place(self, context: InstallContext) -> None:
        uid, gid = _owner(context.root)
        # In a rootless engine the container's root is the user; numbers mean others there.
        rootless = "rootless" in context.engine.security_options
        run_install(
            context,
            self.installer,
            self.files,
            home=Mount(str(self.folder), context.target(self.installer), "bind"),
            owner="" if rootless or uid == 0 else f"{uid}:{gid}",
            host_user="userns" in context.engine.security_options,
        )

    def _install_by_copying(self, context: InstallContext) -> None:
        target = context.target(self.installer)
        context.console.detail(
            f"{self.installer.name}: the engine does not see {self.folder}; copying"
        )

        def send(container: str) -> None:
            with packed(self.folder) as archive:
                context.engine.put_archive(container, target, archive)

        def fetch(container: str) -> None:
            chunks = context.engine.get_archive(container, target)
            replace_folder(self.folder, chunks, owner=_owner(context.root))

        # A nameless volume, since `get_archive` of a container's own layer is far slower to write.
        home = Mount("", target)
        run_install(context, self.installer, self.files, home=home, before=send, after=fetch)

    def _home(self, *, reused: bool) -> DependencyHome:
        return DependencyHome(self.installer, self.key, None, self.folder, reused)


def _owner(root: Path) -> tuple[int, int]:
    """The user who runs us; below ``sudo`` or in a container as root, the owner of the checkout."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    status = root.stat()
    return status.st_uid, status.st_gid


def _give(path: Path, owner: tuple[int, int]) -> None:
    if os.getuid() == 0:
        os.chown(path, *owner)


def _make_folder(folder: Path, owner: tuple[int, int]) -> None:
    """Make a folder and those above it; as root, what is made is given to the owner."""
    if not folder.is_dir():
        _make_folder(folder.parent, owner)
        folder.mkdir(exist_ok=True)
        _give(folder, owner)


def read_stamp(folder: Path) -> str | None:
    """Return the key that the folder was installed for, or None."""
    try:
        loaded = json.loads((folder / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return str(loaded.get("key")) if isinstance(loaded, dict) else None


def shares_files(engine: Engine, image: ImageInfo, folder: Path) -> bool:
    """Return whether the engine sees this very folder: a file written here is looked for in a
    container that is not started.
    """
    token = f".orbyard-probe-{secrets.token_hex(8)}"
    (folder / token).touch()
    mount = Mount(str(folder), "/orbyard/probe", "bind", read_only=True)
    try:
        with created(engine, ContainerSpec(image.id, ("/bin/true",), mounts=(mount,))) as container:
            engine.get_archive(container, f"/orbyard/probe/{token}")
        return True
    except EngineError as error:
        # 400: there is no such folder there; 404: another folder of that name.
        if error.status in {400, 404, 500}:
            return False
        raise
    finally:
        (folder / token).unlink(missing_ok=True)


@contextmanager
def packed(folder: Path) -> Iterator[IO[bytes]]:
    """Give a folder's content as a tar in a temporary file."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for child in sorted(folder.iterdir()):
                archive.add(child, arcname=child.name, filter=_as_root)
        file.seek(0)
        yield file


def _as_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def replace_folder(folder: Path, chunks: Iterable[bytes], *, owner: tuple[int, int]) -> None:
    """Put the tar of a folder in the place of ``folder``, which is whole before and after."""
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        with tarfile.open(fileobj=_Chunks(chunks), mode="r|") as archive:
            for entry in archive:
                _extract(archive, entry, fresh, owner)
        shutil.rmtree(folder)
        fresh.chmod(0o755)
        fresh.rename(folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _extract(
    archive: tarfile.TarFile, entry: tarfile.TarInfo, into: Path, owner: tuple[int, int]
) -> None:
    # The archive's top is the folder's own name.
    _, _, entry.name = entry.name.partition("/")
    if not entry.name.strip("/") or not (
        entry.isfile() or entry.isdir() or entry.issym() or entry.islnk()
    ):
        return
    if ".." in Path(entry.name).parts:
        return
    if entry.islnk():
        _, _, entry.linkname = entry.linkname.partition("/")
    entry.uid, entry.gid = owner
    entry.uname = entry.gname = ""
    if hasattr(tarfile, "fully_trusted_filter"):  # before Python 3.11.4 there is none, nor a need
        archive.extraction_filter = tarfile.fully_trusted_filter
    archive.extract(entry, into, numeric_owner=True)


class _Chunks(io.RawIOBase):
    """Reads an iterator of byte strings as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, fewer only at the end."""
        parts, wanted = [self._rest], size if size >= 0 else 1 << 62
        total = len(self._rest)
        while total < wanted and (chunk := next(self._chunks, b"")):
            parts.append(chunk)
            total += len(chunk)
        data = b"".join(parts)
        self._rest = data[wanted:]
        return data[:wanted]
