"""A store whose caches are shared in a bucket; the folder of this machine is the working copy.

A cache is looked for in both. One that is only in the bucket is downloaded, checked, and kept here, so
that the next run has it without the network. One that is saved is uploaded, unless the bucket has one of
that key: there too the first writer wins. Workspaces stay on this machine.

A bucket that does not answer costs a warning, once a run, and the caches that are only there. What is in
the bucket is not trusted: see bucket_records.py, and `check_archive` for the archives.
"""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TypeVar

from pipeline.errors import Interrupted, InvalidInput, WorkFailed
from pipeline.runner.archive import Archive, OpenArchive, check_archive
from pipeline.runner.bucket import Bucket, BucketError, BucketObject
from pipeline.runner.bucket_records import (
    StampError,
    key_in,
    metadata_of,
    name_of,
    name_prefix,
    read_stamp,
)
from pipeline.runner.cache_entry import AlreadyThere, CacheEntry, check_key
from pipeline.runner.store import Store
from pipeline.runner.workers import Left, call_or_leave
from pipeline.sizes import format_size

__all__ = ["SharedCache", "SharedStore"]

T = TypeVar("T")
_REFUSED = {"AccessDenied", "AllAccessDisabled", "403"}
_GRACE_S = 5.0
"""Seconds that a run which was stopped leaves the bucket: to answer, or to forget half of an upload."""


@dataclass(frozen=True, slots=True)
class SharedCache:
    """A cache in the bucket: its key, its archive's size in bytes, and when it was saved (seconds)."""

    key: str
    stored_bytes: int
    created_at: float


class SharedStore(Store):
    """Caches in a folder and a bucket.

    Args:
        root: the folder.
        bucket: the bucket.
        size_limit_bytes: how much the folder may hold.
        warn: called with what went wrong but stops nobody.
        note: called with what was moved.
        clock: seconds since 1970.
        user: who saves, for the others to read.
    """

    def __init__(
        self,
        root: Path,
        bucket: Bucket,
        *,
        size_limit_bytes: int,
        warn: Callable[[str], None],
        note: Callable[[str], None] = lambda _text: None,
        clock: Callable[[], float] = time.time,
        user: str = "",
    ) -> None:
        super().__init__(root, size_limit_bytes=size_limit_bytes, warn=warn, clock=clock)
        self._bucket = bucket
        self._note = note
        self._user = user
        self._trouble = threading.Lock()
        self._is_down = self._is_read_only = False
        self._stopped_at: float | None = None
        self._passed_over: set[str] = set()
        self._fetching: dict[str, threading.Lock] = {}

    # What a job does

    def find_cache(self, project: str, keys: Sequence[str]) -> CacheEntry | None:
        """Return the cache that a restore takes, of those here and in the bucket; it is here then."""
        for key in keys:
            check_key(key)
        for key in keys:
            found = self._find(project, key)
            if found is not None:
                return found
        return None

    def open_cache(self, entry: CacheEntry) -> OpenArchive | None:
        """Return the tar of a cache; where the one here is damaged, that of the bucket."""
        opened = super().open_cache(entry)
        if opened is None:
            shared = SharedCache(entry.key, entry.stored_bytes, entry.created_at)
            again = self._fetch(entry.project, shared)
            return super().open_cache(again) if again else None
        return opened

    def save_cache(
        self, project: str, key: str, tar: Iterable[bytes], *, created_by: str
    ) -> CacheEntry | AlreadyThere:
        """Keep a tar under a key, here and in the bucket, unless the key is taken in one of them."""
        check_key(key)
        name = name_of(project, key)
        shared = self._look_up(project, key, name)
        if shared is not None:
            return AlreadyThere(self._valid(self._record(project, key)) or shared)
        saved = super().save_cache(project, key, tar, created_by=created_by)
        entry = saved.entry if isinstance(saved, AlreadyThere) else saved
        if name is None:
            self._warn(f"the cache {key!a} stays on this machine: a bucket has no such names")
        elif not self._upload(name, entry) and saved is entry:
            # Another machine was faster. Its cache is the one that everybody has from now on.
            shared = self._look_up(project, key, name)
            if shared is not None and shared.digest != entry.digest:
                self.remove_caches([entry])
                return AlreadyThere(shared)
        return saved

    # What a person does

    def shared_caches(self, project: str, prefix: str = "") -> list[SharedCache]:
        """Return the bucket's caches of a project whose keys begin so, the oldest first.

        Raises:
            BucketError: the bucket cannot be asked.
        """
        found = []
        for item in self._bucket.find(name_prefix(project, prefix)):
            key = key_in(project, item.name)
            if key is not None and key.startswith(prefix) and item.name not in self._passed_over:
                found.append(SharedCache(key, item.size_bytes, item.written_at))
        return sorted(found, key=lambda cache: (cache.created_at, cache.key))

    def remove_shared(self, project: str, keys: Iterable[str]) -> None:
        """Remove caches from the bucket.

        Raises:
            BucketError: the bucket cannot be asked, or refuses.
        """
        for key in keys:
            name = name_of(project, key)
            if name is not None:
                self._bucket.remove(name)

    def close(self) -> None:
        """Close the connections to the bucket."""
        self._bucket.close()

    # How

    def _find(self, project: str, prefix: str) -> CacheEntry | None:
        """Return the newest cache whose key begins so."""
        everything = self.caches(project)
        here = [
            entry for entry in everything if entry.key.startswith(prefix) and self._is_whole(entry)
        ]
        known = {entry.key for entry in here}
        nothing: list[SharedCache] = []
        there = self._ask(lambda: self.shared_caches(project, prefix), nothing)
        found: list[tuple[int, float, CacheEntry | SharedCache]] = [
            (entry.number, entry.created_at, entry) for entry in here
        ]
        found += [
            (_place(everything, cache), cache.created_at, cache)
            for cache in there
            if cache.key not in known
        ]
        for _number, _time, cache in sorted(found, key=lambda item: item[:2], reverse=True):
            entry = cache if isinstance(cache, CacheEntry) else self._fetch(project, cache)
            if entry is not None:
                return entry
        return None

    def _fetch(self, project: str, cache: SharedCache) -> CacheEntry | None:
        """Download a cache, and return it as it is kept here; None, with a warning, where it is none."""
        name = name_of(project, cache.key)
        if name is None:
            return None
        with self._trouble:
            alone = self._fetching.setdefault(name, threading.Lock())
        with alone:
            here = self._valid(self._record(project, cache.key))
            if here is not None:
                return here
            try:
                return self._ask(lambda: self._download(project, cache, name), None)
            except (WorkFailed, InvalidInput) as error:
                self._pass_over(name, cache.key, error.message)
            except OSError as error:
                self._warn(f"the shared cache {cache.key} cannot be kept here: {error.strerror}")
            return None

    def _download(self, project: str, cache: SharedCache, name: str) -> CacheEntry | None:
        found = self._bucket.get(name)
        if found is None:
            return None
        stamp = read_stamp(found.metadata)
        if found.size_bytes > self._limit:
            raise StampError("it is larger than all that may be kept here")
        with self._blobs.aside() as (file, path):
            self._bucket.download(found, file)
            check_archive(file, Archive(stamp.digest, found.size_bytes, stamp.tar_bytes))
            with self._blobs.locked():
                entry = self._as_entry(project, cache.key, found)
                self._blobs.place(entry.digest, path, self._clock())
                self._blobs.write_record(self._record(project, cache.key), asdict(entry))
        self._note(f"fetched {self._told(entry)} from {self._bucket.address}")
        self._shrink(self._limit, keep=entry.digest)
        return entry

    def _told(self, entry: CacheEntry) -> str:
        return f"{entry.key} ({format_size(entry.stored_bytes)})"

    def _as_entry(self, project: str, key: str, found: BucketObject) -> CacheEntry:
        """Return a cache of the bucket as it would be kept here.

        Raises:
            StampError: its metadata are not those of a cache.
        """
        stamp = read_stamp(found.metadata)
        created_at = min(found.written_at, self._clock())
        entry = CacheEntry(
            project,
            key,
            0,
            stamp.digest,
            found.size_bytes,
            stamp.tar_bytes,
            created_at,
            stamp.created_by,
        )
        cache = SharedCache(key, found.size_bytes, created_at)
        return replace(entry, number=_place(self.caches(project), cache))

    def _look_up(self, project: str, key: str, name: str | None) -> CacheEntry | None:
        """Return the bucket's cache of a key, if there is one that can be told from rubbish."""
        if name is None or name in self._passed_over:
            return None
        found = self._ask(lambda: self._bucket.get(name), None)
        if found is None:
            return None
        try:
            return self._as_entry(project, key, found)
        except StampError as error:
            self._pass_over(name, key, str(error))
            return None

    def _upload(self, name: str, entry: CacheEntry) -> bool:
        """Write a cache to the bucket; False where another machine was faster."""
        if self._is_read_only or name in self._passed_over:
            return True
        metadata = metadata_of(entry, self._user)

        def upload() -> bool:
            with self._blobs.path(entry.digest).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)  # nobody evicts it meanwhile
                try:
                    written = self._bucket.upload(name, file, metadata)
                except BucketError as error:
                    if error.code not in _REFUSED:
                        raise
                    self._stop_uploading(error)
                    return True
            if written:
                self._note(f"saved {self._told(entry)} to {self._bucket.address}")
            return written

        try:
            return self._ask(upload, True)
        except FileNotFoundError:
            return True

    def _stop_uploading(self, error: BucketError) -> None:
        with self._trouble:
            first, self._is_read_only = not self._is_read_only, True
        if first:
            self._warn(
                f"nothing is saved to the shared store in this run, only read: {error.message}"
            )

    def _pass_over(self, name: str, key: str, why: str) -> None:
        with self._trouble:
            first = name not in self._passed_over
            self._passed_over.add(name)
        if first:
            self._warn(
                f"the shared cache {key} is passed over: {why};"
                f" `orbyard ci.cache.rm --bucket '{key}'` removes it"
            )

    def _leaves(self) -> bool:
        """Return whether a call is to be left alone: the run was stopped, and the bucket takes its time."""
        if not self._bucket.is_cancelled:
            return False
        self._stopped_at = self._stopped_at or time.monotonic()
        return time.monotonic() - self._stopped_at > _GRACE_S

    def _ask(self, call: Callable[[], T], otherwise: T) -> T:
        """Return ``call()``; after the first time that the bucket fails nobody asks it again."""
        if self._is_down:
            return otherwise
        try:
            return call_or_leave(call, self._leaves)
        except Left:
            self._is_down = True
            raise Interrupted("the run was stopped") from None
        except BucketError as error:
            with self._trouble:
                first, self._is_down = not self._is_down, True
            if first:
                hint = f" ({error.hint})" if error.hint else ""
                self._warn(
                    "the shared store is not used in this run, only the caches of this machine:"
                    f" {error.message}{hint}"
                )
            return otherwise


def _place(entries: Sequence[CacheEntry], cache: SharedCache) -> int:
    """Return the number beside which a cache of the bucket stands among those here.

    Numbers count what was saved here, whatever the clock said; times only decide what comes between.
    """
    earlier = (entry.number for entry in entries if entry.created_at <= cache.created_at)
    return max(earlier, default=0)
