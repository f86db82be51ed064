"""The store of caches and workspaces: a folder that jobs, runs and processes share.

    <root>/caches/<project>/<key>.json        a cache: its key, whose it is, which blob
    <root>/runs/<run>/note.json               whose workspace it is; see workspace_notes.py
    <root>/runs/<run>/<job>/<layer>.json      a layer of a workspace: its files, which blob
    <root>/blobs/…                            see blobs.py

Folders and files are named by hashes; what they stand for is written inside. A cache is never changed:
the first that is saved under a key stays. Over the size limit the least recently used go, except what
is being read and the workspaces of runs that go on.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from pipeline.disk import writing
from pipeline.errors import WorkFailed
from pipeline.runner.archive import BrokenArchive, OpenArchive, open_archive, watch_members
from pipeline.runner.blobs import BlobFolder
from pipeline.runner.cache_entry import (
    LONGEST_KEY,
    AlreadyThere,
    CacheEntry,
    StoreStats,
    check_key,
    hash_name,
    read_entry,
)
from pipeline.runner.eviction import evict
from pipeline.runner.tar_members import Kind, Member, up_to_the_end
from pipeline.runner.workspace_notes import Workspace, read_workspaces, remove_workspace, write_note
from pipeline.runner.workspaces import Conflict, Layer, conflict_message, find_conflicts

__all__ = [
    "LONGEST_KEY",
    "AlreadyThere",
    "CacheEntry",
    "Conflict",
    "Layer",
    "Store",
    "StoreStats",
    "Workspace",
    "conflict_message",
    "find_conflicts",
    "hash_name",
]


class Store:
    """Caches and workspaces in a folder.

    Args:
        root: the folder; made where it is missing.
        size_limit_bytes: how much it may hold.
        warn: called with what went wrong but stops nobody: a damaged cache, a record that is none.
        clock: seconds since 1970.

    Raises:
        WorkFailed: (also by what writes) the folder cannot be written.
    """

    def __init__(
        self,
        root: Path,
        *,
        size_limit_bytes: int,
        warn: Callable[[str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._root = root
        self._limit = size_limit_bytes
        self._warn = warn
        self._clock = clock
        self._is_swept = False
        with writing(f"the store {root} cannot be used", root):
            self._blobs = BlobFolder(root)

    # Caches

    def save_cache(
        self, project: str, key: str, tar: Iterable[bytes], *, created_by: str
    ) -> CacheEntry | AlreadyThere:
        """Keep a tar under a key, unless the key is taken; then the tar may not even be read.

        Raises:
            InvalidInput: the key is empty or too long.
            BrokenArchive: the stream is not a whole tar; nothing is kept.
        """
        check_key(key)
        path = self._record(project, key)
        found = self._valid(path)
        if found is not None:
            return AlreadyThere(found)
        failing = f"the cache {key} cannot be saved"
        with writing(failing, self._root), self._blobs.staged(up_to_the_end(tar)) as staged:
            archive, file = staged
            with self._blobs.locked():
                found = self._valid(path)
                if found is not None:
                    return AlreadyThere(found)
                now = self._clock()
                entry = CacheEntry(
                    project,
                    key,
                    1 + max((entry.number for entry in self.caches(project)), default=0),
                    archive.digest,
                    archive.stored_bytes,
                    archive.tar_bytes,
                    now,
                    created_by,
                )
                self._blobs.place(archive.digest, file, now)
                self._blobs.write_record(path, asdict(entry))
        self._make_room(keep=entry.digest)
        return entry

    def find_cache(self, project: str, keys: Sequence[str]) -> CacheEntry | None:
        """Return the cache that a restore takes.

        Each key is a prefix. The first key with any match decides, and of its matches the newest is
        taken, even where another one matches to the letter.

        Raises:
            InvalidInput: a key is empty or too long.
        """
        for key in keys:
            check_key(key)
        entries = self.caches(project)[::-1]
        for key in keys:
            for entry in entries:
                if entry.key.startswith(key) and self._is_whole(entry):
                    return entry
        return None

    def open_cache(self, entry: CacheEntry) -> OpenArchive | None:
        """Return the tar of a cache, or None, with a warning, where it is damaged or gone.

        The whole archive is checked against its sum first. A damaged one is removed, so that its key
        can be saved again.
        """
        try:
            opened = open_archive(self._blobs.path(entry.digest), entry.digest)
        except BrokenArchive as error:
            self._drop_damaged(entry, error.message)
            return None
        self._blobs.mark_used(entry.digest, self._clock())
        return opened

    def restore_cache(
        self, project: str, keys: Sequence[str]
    ) -> tuple[CacheEntry, OpenArchive] | None:
        """Find and open; where the best match is damaged, the next best is taken."""
        while (entry := self.find_cache(project, keys)) is not None:
            opened = self.open_cache(entry)
            if opened is not None:
                return entry, opened
        return None

    def caches(self, project: str | None = None) -> list[CacheEntry]:
        """Return the caches of a project, or of all projects, from the oldest to the newest."""
        folder = "*" if project is None else hash_name(project)
        found = [self._read(path) for path in self._root.glob(f"caches/{folder}/*.json")]
        entries = [entry for entry in found if entry is not None]
        if project is None:
            return sorted(
                entries, key=lambda entry: (entry.created_at, entry.project, entry.number)
            )
        return sorted(entries, key=lambda entry: (entry.number, entry.created_at))

    def remove_caches(self, entries: Iterable[CacheEntry]) -> None:
        """Remove caches; whoever reads one reads on."""
        with self._blobs.locked():
            for entry in entries:
                path = self._record(entry.project, entry.key)
                if self._read(path) == entry:
                    path.unlink(missing_ok=True)
        self._shrink(None)

    # Workspaces

    def add_layer(self, run: str, job: str, node_index: int, tar: Iterable[bytes]) -> Layer:
        """Keep a layer of a run's workspace.

        Raises:
            BrokenArchive: the stream is no tar, or not a whole one; nothing is kept.
        """
        files: set[str] = set()

        def note(member: Member) -> None:
            if member.kind is not Kind.FOLDER:
                files.add(
                    "/".join(part for part in member.name.split("/") if part not in {"", "."})
                )

        folder = self._root / "runs" / hash_name(run)
        with (
            writing(f"the workspace of {job} cannot be kept", self._root),
            self._blobs.staged(watch_members(tar, note)) as staged,
        ):
            archive, file = staged
            with self._blobs.locked():
                now = self._clock()
                layer = Layer(
                    run,
                    job,
                    node_index,
                    1
                    + max(
                        (int(path.name.partition("-")[0]) for path in folder.glob("*/*.json")),
                        default=0,
                    ),
                    archive.digest,
                    archive.stored_bytes,
                    archive.tar_bytes,
                    now,
                    tuple(sorted(files)),
                )
                self._blobs.place(archive.digest, file, now)
                self._write_layer(layer)
        self._make_room(keep=layer.digest, keep_run=run)
        return layer

    def layers_of(self, run: str, jobs: Sequence[str]) -> list[Layer]:
        """Return the layers of some jobs of a run, in the order of the jobs, nodes and steps."""
        return [
            layer
            for job in dict.fromkeys(jobs)
            for layer in sorted(
                self._read_layers(run, job), key=lambda layer: (layer.node_index, layer.number)
            )
        ]

    def open_layer(self, layer: Layer) -> OpenArchive:
        """Return the tar of a layer, checked against its sum.

        Raises:
            BrokenArchive: it is damaged or gone; there is nothing else that could be attached.
        """
        opened = open_archive(self._blobs.path(layer.digest), layer.digest)
        self._blobs.mark_used(layer.digest, self._clock())
        return opened

    def adopt_layers(self, run: str, other: str, jobs: Sequence[str]) -> list[Layer]:
        """Let ``run`` have the layers that some jobs made in another run."""
        adopted = [replace(layer, run=run) for layer in self.layers_of(other, jobs)]
        failing = "the workspace cannot be taken over"
        with writing(failing, self._root), self._blobs.locked():
            for layer in adopted:
                self._write_layer(layer)
        return adopted

    def forget_layers(self, run: str, job: str) -> None:
        """Remove what a job has persisted, because it starts again."""
        with self._blobs.locked():
            shutil.rmtree(self._job_folder(run, job), ignore_errors=True)
        self._shrink(None)

    def workspaces(self) -> list[Workspace]:
        """Return the workspaces of all runs, of whichever project."""
        return read_workspaces(self._root / "runs")

    def remove_runs(self, runs: Iterable[str]) -> list[str]:
        """Remove the workspaces of runs, except of those that go on, and return whose are gone."""
        with self._blobs.locked():
            gone = [run for run in runs if remove_workspace(self._root / "runs" / hash_name(run))]
        self._shrink(None)
        return gone

    @contextmanager
    def hold_run(self, run: str, folder: Path | None = None) -> Iterator[None]:
        """Keep a run's workspace, from everybody, while the block goes on.

        Args:
            run: its id.
            folder: where its logs are; without this folder nobody can take the run up again.
        """
        workspace = self._root / "runs" / hash_name(run)
        with writing(f"the store {self._root} cannot be used", self._root):
            workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(workspace / "held", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)
            failing = f"the store {self._root} cannot be used"
            with writing(failing, self._root), self._blobs.locked():
                write_note(self._blobs, workspace, run, folder)
            yield
        finally:
            os.close(fd)

    # All of it

    def close(self) -> None:
        """Let go of what a store elsewhere needs; the folder needs nothing."""

    def stats(self) -> StoreStats:
        """Return how much there is."""
        with self._blobs.locked():
            blobs = self._blobs.everything()
            return StoreStats(
                len(list(self._root.glob("caches/*/*.json"))),
                len(list(self._root.glob("runs/*/*/*.json"))),
                len(blobs),
                sum(blob.size_bytes for blob in blobs),
                self._limit,
            )

    def shrink(self, size_limit_bytes: int) -> None:
        """Evict the least recently used until the store has at most so many bytes."""
        self._shrink(size_limit_bytes)

    def _make_room(self, *, keep: str, keep_run: str = "") -> None:
        """Shrink the store to its limit; what nothing names is looked for once, and after a doubt."""
        if self._is_swept and sum(b.size_bytes for b in self._blobs.everything()) <= self._limit:
            return  # A run of many jobs comes here often, and eviction reads every record.
        self._shrink(self._limit, keep=keep, keep_run=keep_run)
        self._is_swept = True

    def _shrink(self, limit: int | None, *, keep: str = "", keep_run: str = "") -> None:
        with self._blobs.locked():
            evict(
                self._root,
                self._blobs,
                limit,
                keep={keep},
                keep_run=keep_run and hash_name(keep_run),
                warn=self._warn,
            )

    def _drop_damaged(self, entry: CacheEntry, why: str) -> None:
        """Remove a cache that cannot be restored, unless another process has done so already."""
        self._warn(f"the cache {entry.key} is passed over: {why}")
        with self._blobs.locked():
            path = self._record(entry.project, entry.key)
            if self._read(path) == entry:
                path.unlink(missing_ok=True)
            if not self._blobs.intact(entry.digest):
                self._blobs.remove(entry.digest, even_if_read=True)

    def _is_whole(self, entry: CacheEntry) -> bool:
        """Return whether a cache's archive is there; else remove what is left of it."""
        if self._blobs.has(entry.digest, entry.stored_bytes):
            return True
        self._drop_damaged(entry, "its archive is missing or incomplete")
        return False

    def _valid(self, path: Path) -> CacheEntry | None:
        """Return the cache of a record, if both are whole as far as their sizes say."""
        entry = self._read(path)
        if entry is None or not self._blobs.has(entry.digest, entry.stored_bytes):
            return None
        return entry

    def _record(self, project: str, key: str) -> Path:
        return self._root / "caches" / hash_name(project) / f"{hash_name(key)}.json"

    def _read(self, path: Path) -> CacheEntry | None:
        return read_entry(path, self._doubt)

    def _doubt(self, text: str) -> None:
        """Warn of a record that is none; the next that saves something removes it."""
        self._is_swept = False
        self._warn(text)

    def _job_folder(self, run: str, job: str) -> Path:
        return self._root / "runs" / hash_name(run) / hash_name(job)

    def _write_layer(self, layer: Layer) -> None:
        name = f"{layer.number:06}-{layer.digest}.json"
        self._blobs.write_record(self._job_folder(layer.run, layer.job) / name, asdict(layer))

    def _read_layers(self, run: str, job: str) -> Iterator[Layer]:
        for path in self._job_folder(run, job).glob("*.json"):
            with contextlib.suppress(FileNotFoundError):
                try:
                    record = json.loads(path.read_bytes())
                    yield Layer(**{**record, "files": tuple(record["files"])})
                except (ValueError, TypeError, KeyError) as error:
                    raise WorkFailed(
                        f"the workspace record {path} cannot be read: {error}"
                    ) from error
