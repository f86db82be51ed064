"""A store that is shared in a bucket: which cache is taken, who wins, and what a bad bucket can do."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from pipeline.errors import Interrupted
from pipeline.runner.archive import write_archive
from pipeline.runner.bucket import BucketError, BucketObject
from pipeline.runner.bucket_address import BucketAddress
from pipeline.runner.bucket_records import name_of
from pipeline.runner.shared_store import SharedStore
from pipeline.runner.store import AlreadyThere, CacheEntry
from tests.unit.pipeline.runner.test_store import LARGE, Clock, pieces, tar_of


class MemoryBucket:
    """A bucket in memory, which says its own time and can be broken."""

    def __init__(self, clock: Clock) -> None:
        self.address = BucketAddress("acme", "ci")
        self.objects: dict[str, tuple[bytes, dict[str, str], float]] = {}
        self.clock = clock
        self.failure: BucketError | None = None
        self.refuses_writing = False
        self.is_cancelled = False
        self.calls: list[str] = []
        self.before_upload: Callable[[], None] = lambda: None

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.failure:
            raise self.failure

    def find(self, prefix: str) -> list[BucketObject]:
        self._called("find")
        return [
            BucketObject(name, len(content), when)
            for name, (content, _metadata, when) in self.objects.items()
            if name.startswith(prefix)
        ]

    def get(self, name: str) -> BucketObject | None:
        self._called("get")
        if name not in self.objects:
            return None
        content, metadata, when = self.objects[name]
        return BucketObject(name, len(content), when, "etag", metadata)

    def download(self, found: BucketObject, file: BinaryIO) -> None:
        self._called("download")
        file.write(self.objects[found.name][0])
        file.flush()

    def upload(self, name: str, file: BinaryIO, metadata: Mapping[str, str]) -> bool:
        self._called("upload")
        self.before_upload()
        if self.refuses_writing:
            raise BucketError("k cannot be written: AccessDenied: no", code="AccessDenied")
        if name in self.objects:
            return False
        self.objects[name] = (file.read(), dict(metadata), self.clock())
        return True

    def remove(self, name: str) -> None:
        self._called("remove")
        self.objects.pop(name, None)

    def close(self) -> None:
        self.calls.append("close")

    def damage(self, key: str, **metadata: str) -> None:
        """Change a byte of a cache's archive, or its metadata."""
        name = str(name_of("p", key))
        content, before, when = self.objects[name]
        if not metadata:
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.objects[name] = (content, {**before, **metadata}, when)

    def put(self, key: str, content: bytes, tar_bytes: int) -> None:
        """Put an archive of any kind there, with metadata that fit it."""
        metadata = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "tar-bytes": str(tar_bytes),
            "created-by": "mallory",
        }
        self.objects[str(name_of("p", key))] = (content, metadata, self.clock())


class Laptop:
    """One machine's store, with the bucket that all share."""

    def __init__(self, root: Path, bucket: MemoryBucket, limit: int = LARGE) -> None:
        self.root = root
        self.bucket = bucket
        self.warnings: list[str] = []
        made: Any = bucket
        self.store = SharedStore(
            root,
            made,
            size_limit_bytes=limit,
            warn=self.warnings.append,
            clock=bucket.clock,
            user=root.name,
        )

    def save(self, key: str, content: bytes = b"content") -> CacheEntry | AlreadyThere:
        tar = pieces(tar_of({"file": content}))
        return self.store.save_cache("p", key, tar, created_by="run/test")

    def restored(self, *keys: str) -> tuple[str, bytes] | None:
        """The key and the content that a restore gets."""
        found = self.store.restore_cache("p", keys)
        if found is None:
            return None
        entry, tar = found
        with tar:
            return entry.key, b"".join(tar)

    def kept(self) -> list[str]:
        return [entry.key for entry in self.store.caches("p")]


@pytest.fixture
def bucket() -> MemoryBucket:
    return MemoryBucket(Clock())


@pytest.fixture
def alice(tmp_path: Path, bucket: MemoryBucket) -> Laptop:
    return Laptop(tmp_path / "alice", bucket)


@pytest.fixture
def bob(tmp_path: Path, bucket: MemoryBucket) -> Laptop:
    return Laptop(tmp_path / "bob", bucket)


# Sharing


def test_what_one_saves_the_other_restores_and_keeps(alice: Laptop, bob: Laptop) -> None:
    alice.save("gems-1", b"ruby")
    assert bob.restored("gems-") == ("gems-1", tar_of({"file": b"ruby"}))
    assert bob.store.caches("p")[0].created_by == "run/test by alice"
    bob.bucket.failure = BucketError("no answer")
    assert bob.restored("gems-1") == ("gems-1", tar_of({"file": b"ruby"}))
    assert len(bob.warnings) == 1


def test_what_is_here_is_not_downloaded_again(alice: Laptop, bob: Laptop) -> None:
    alice.save("k")
    bob.restored("k")
    bob.restored("k")
    alice.restored("k")
    assert bob.bucket.calls.count("download") == 1


def test_projects_do_not_see_each_other(alice: Laptop, bob: Laptop) -> None:
    alice.save("k")
    assert bob.store.find_cache("p2", ["k"]) is None
    assert bob.store.find_cache("", ["k"]) is None


def test_the_newest_of_both_places_wins(alice: Laptop, bob: Laptop) -> None:
    alice.save("v1-a", b"1")
    bob.save("v1-b", b"2")
    assert (alice.restored("v1-") or "")[0] == "v1-b"
    alice.save("v1-c", b"3")
    assert (bob.restored("v1-") or "")[0] == "v1-c"
    assert (alice.restored("v1-") or "")[0] == "v1-c"


def test_a_cache_that_is_fetched_takes_the_place_that_its_time_gives_it(
    alice: Laptop, bob: Laptop
) -> None:
    alice.save("v1-old", b"1")
    bob.save("v1-new", b"2")
    assert (bob.restored("v1-old") or "")[0] == "v1-old"
    assert bob.kept() == ["v1-old", "v1-new"]
    assert (bob.restored("v1-") or "")[0] == "v1-new"
    bob.save("v1-newest", b"3")
    assert bob.kept() == ["v1-old", "v1-new", "v1-newest"]


def test_the_first_key_with_any_match_decides_in_both_places(alice: Laptop, bob: Laptop) -> None:
    alice.save("exact", b"1")
    bob.save("other", b"2")
    assert (bob.restored("none", "exact", "other") or "")[0] == "exact"


def test_a_prefix_that_reaches_into_the_end_of_a_name_finds_nothing(
    alice: Laptop, bob: Laptop
) -> None:
    alice.save("v1")
    assert bob.restored("v1.tar") is None


def test_where_the_one_here_is_damaged_that_of_the_bucket_is_taken(alice: Laptop) -> None:
    alice.save("k", b"good")
    blob = next(alice.root.glob("blobs/*/*"))
    content = blob.read_bytes()
    blob.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert alice.restored("k") == ("k", tar_of({"file": b"good"}))
    blob = next(alice.root.glob("blobs/*/*"))
    blob.write_bytes(content[:-5])
    assert alice.restored("k") == ("k", tar_of({"file": b"good"}))
    assert len(alice.warnings) == 2


# Who wins


def test_a_key_that_the_bucket_has_is_not_saved_and_the_stream_not_read(
    alice: Laptop, bob: Laptop
) -> None:
    alice.save("k", b"first")

    def unwanted() -> Iterator[bytes]:
        raise AssertionError("read")
        yield b""

    saved = bob.store.save_cache("p", "k", unwanted(), created_by="x")
    assert isinstance(saved, AlreadyThere)
    assert saved.entry.created_by == "run/test by alice"
    assert bob.restored("k") == ("k", tar_of({"file": b"first"}))


def test_of_two_that_save_at_once_the_first_to_arrive_is_what_both_have(
    alice: Laptop, bob: Laptop
) -> None:
    def alice_is_faster() -> None:
        bob.bucket.before_upload = lambda: None
        alice.save("k", b"of alice")

    bob.bucket.before_upload = alice_is_faster
    saved = bob.save("k", b"of bob")
    assert isinstance(saved, AlreadyThere)
    assert bob.restored("k") == alice.restored("k") == ("k", tar_of({"file": b"of alice"}))


def test_what_was_saved_without_the_bucket_is_uploaded_by_the_next_save(
    alice: Laptop, bob: Laptop, bucket: MemoryBucket
) -> None:
    bucket.failure = BucketError("no answer")
    alice.save("k", b"1")
    bucket.failure = None
    again = Laptop(alice.root, bucket)
    assert isinstance(again.save("k", b"2"), AlreadyThere)
    assert bob.restored("k") == ("k", tar_of({"file": b"1"}))


# A bucket in trouble


def test_a_bucket_that_fails_is_warned_of_once_and_not_asked_again(
    alice: Laptop, bucket: MemoryBucket
) -> None:
    bucket.failure = BucketError("s3://acme/ci: no route", hint="look at the cable")
    assert alice.restored("a", "b") is None
    assert isinstance(alice.save("k"), CacheEntry)
    assert alice.restored("k") is not None
    assert bucket.calls == ["find"]
    assert len(alice.warnings) == 1
    assert "s3://acme/ci" in alice.warnings[0]
    assert "no route (look at the cable)" in alice.warnings[0]


def test_threads_warn_once_as_well(alice: Laptop, bucket: MemoryBucket) -> None:
    bucket.failure = BucketError("no route")
    barrier = threading.Barrier(8)

    def restore() -> None:
        barrier.wait(30)
        alice.restored("k")

    threads = [threading.Thread(target=restore) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(alice.warnings) == 1


def test_whoever_may_only_read_reads_on(alice: Laptop, bob: Laptop, bucket: MemoryBucket) -> None:
    alice.save("theirs", b"1")
    bucket.refuses_writing = True
    assert isinstance(bob.save("a", b"2"), CacheEntry)
    assert isinstance(bob.save("b", b"3"), CacheEntry)
    assert bucket.calls.count("upload") == 2  # alice's, and bob's first
    assert (bob.restored("theirs") or "")[0] == "theirs"
    assert len(bob.warnings) == 1
    assert "only read" in bob.warnings[0]


def test_threads_that_want_the_same_cache_download_it_once(
    alice: Laptop, bob: Laptop, bucket: MemoryBucket
) -> None:
    alice.save("k", random.Random(1).randbytes(100_000))
    barrier = threading.Barrier(6)
    found = []

    def restore() -> None:
        barrier.wait(30)
        found.append(bob.restored("k"))

    threads = [threading.Thread(target=restore) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({key for key, _tar in filter(None, found)}) == 1
    assert len(found) == 6
    assert bucket.calls.count("download") == 1


def test_a_run_that_is_stopped_stops_the_transfer(
    alice: Laptop, bob: Laptop, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.save("k")

    def stopped(*_: Any) -> None:
        raise Interrupted("the run was stopped")

    monkeypatch.setattr(bucket, "download", stopped)
    with pytest.raises(Interrupted):
        bob.restored("k")
    assert bob.warnings == []
    assert list((bob.root / "tmp").iterdir()) == []


def test_a_full_disk_is_a_miss_and_blames_nobodys_cache(
    alice: Laptop, bob: Laptop, bucket: MemoryBucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice.save("k")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bucket, "download", full)
    assert bob.restored("k") is None
    assert bob.warnings == ["the shared cache k cannot be kept here: No space left on device"]


# Hostile content


@pytest.fixture
def archive_of(tmp_path: Path) -> Callable[[bytes], tuple[bytes, int]]:
    def make(tar: bytes) -> tuple[bytes, int]:
        made = write_archive(pieces(tar), tmp_path / "archive")
        return (tmp_path / "archive").read_bytes(), made.tar_bytes

    return make


def test_a_damaged_object_is_a_miss_with_a_warning_and_the_next_best_is_taken(
    alice: Laptop, bob: Laptop, bucket: MemoryBucket
) -> None:
    alice.save("v1-good", b"1")
    alice.save("v1-bad", b"2")
    bucket.damage("v1-bad")
    assert bob.restored("v1-") == ("v1-good", tar_of({"file": b"1"}))
    assert bob.restored("v1-bad") is None
    assert len(bob.warnings) == 1
    assert "v1-bad is passed over: its SHA-256 is another one" in bob.warnings[0]
    assert "ci.cache.rm --bucket" in bob.warnings[0]
    assert bob.kept() == ["v1-good"]


def test_a_damaged_object_does_not_keep_a_machine_from_having_its_own_cache(
    alice: Laptop, bob: Laptop, bucket: MemoryBucket
) -> None:
    alice.save("k", b"1")
    bucket.damage("k")
    assert bob.restored("k") is None
    assert isinstance(bob.save("k", b"2"), CacheEntry)
    assert bob.restored("k") == ("k", tar_of({"file": b"2"}))


@pytest.mark.parametrize(
    "metadata",
    [{"sha256": "../../x"}, {"sha256": "0" * 64}, {"tar-bytes": "5"}, {"tar-bytes": "x"}],
)
def test_metadata_that_lie_are_a_miss_with_a_warning(
    alice: Laptop, bob: Laptop, bucket: MemoryBucket, metadata: dict[str, str]
) -> None:
    alice.save("k")
    bucket.damage("k", **metadata)
    assert bob.restored("k") is None
    assert len(bob.warnings) == 1
    assert "passed over" in bob.warnings[0]
    assert list(bob.root.glob("blobs/*/*")) == []
    assert bob.kept() == []


def test_an_archive_that_leads_out_of_its_folder_never_comes_here(
    bob: Laptop, bucket: MemoryBucket, archive_of: Callable[[bytes], tuple[bytes, int]]
) -> None:
    bucket.put("k", *archive_of(tar_of({"../../etc/cron.d/x": b"evil"})))
    assert bob.restored("k") is None
    assert "leads out of the archive" in bob.warnings[0]
    assert list(bob.root.glob("blobs/*/*")) == []


def test_bytes_that_are_no_archive_never_come_here(bob: Laptop, bucket: MemoryBucket) -> None:
    bucket.put("k", b"#!/bin/sh\nrm -rf /\n", 20)
    assert bob.restored("k") is None
    assert "the archive is damaged" in bob.warnings[0]


def test_an_archive_that_grows_beyond_what_it_says_is_not_unpacked_to_its_end(
    bob: Laptop, bucket: MemoryBucket, archive_of: Callable[[bytes], tuple[bytes, int]]
) -> None:
    content, _ = archive_of(tar_of({"zeros": bytes(50_000_000)}))
    assert len(content) < 50_000
    bucket.put("k", content, 10_240)
    assert bob.restored("k") is None
    assert "another size" in bob.warnings[0]


def test_an_object_larger_than_the_store_is_not_even_downloaded(
    tmp_path: Path, alice: Laptop, bucket: MemoryBucket
) -> None:
    alice.save("k", random.Random(1).randbytes(50_000))
    small = Laptop(tmp_path / "small", bucket, limit=10_000)
    assert small.restored("k") is None
    assert "download" not in bucket.calls
    assert "larger than all that may be kept" in small.warnings[0]


def test_objects_that_are_no_caches_are_not_seen(bob: Laptop, bucket: MemoryBucket) -> None:
    for name in ("caches/p/!1B!5BH.tar.zst", "caches/p/k.exe", "caches/p/k!6B.tar.zst"):
        bucket.objects[name] = (b"x", {}, bucket.clock())
    assert bob.restored("k") is None
    assert bob.warnings == []


def test_what_says_that_it_was_saved_tomorrow_was_saved_now(
    alice: Laptop, bob: Laptop, bucket: MemoryBucket
) -> None:
    alice.save("v1-a")
    name = str(name_of("p", "v1-a"))
    content, metadata, _ = bucket.objects[name]
    bucket.objects[name] = (content, metadata, bucket.clock.now + 1e9)
    assert bob.restored("v1-a") is not None
    assert bob.store.caches("p")[0].created_at < bucket.clock.now + 10


def test_a_key_that_no_bucket_has_stays_on_the_machine(alice: Laptop, bucket: MemoryBucket) -> None:
    assert isinstance(alice.save("line\nbreak"), CacheEntry)
    assert bucket.objects == {}
    assert "'line\\nbreak' stays on this machine" in alice.warnings[0]
    assert alice.restored("line") is not None


# For people


def test_the_buckets_caches_are_listed_and_removed(alice: Laptop, bob: Laptop) -> None:
    alice.save("a")
    alice.save("b", b"2")
    assert [cache.key for cache in bob.store.shared_caches("p")] == ["a", "b"]
    bob.store.remove_shared("p", ["a", "none"])
    assert [cache.key for cache in bob.store.shared_caches("p")] == ["b"]
