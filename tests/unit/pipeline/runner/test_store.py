"""The store: caches that never change, workspaces that go on top of each other, and a size limit."""

from __future__ import annotations

import fcntl
import io
import itertools
import json
import multiprocessing
import os
import random
import tarfile
import threading
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InvalidInput, WorkFailed
from pipeline.runner.archive import BrokenArchive, open_archive
from pipeline.runner.store import (
    AlreadyThere,
    CacheEntry,
    Layer,
    Store,
    conflict_message,
    find_conflicts,
)

LARGE = 1 << 40


def tar_of(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if name.endswith("/"):
                info.type, info.size = tarfile.DIRTYPE, 0
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def noise(size: int, seed: int) -> bytes:
    """A tar that does not get smaller."""
    return tar_of({"noise": random.Random(seed).randbytes(size)})


def pieces(data: bytes) -> Iterator[bytes]:
    return (data[i : i + 10_000] for i in range(0, len(data), 10_000))


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


class Opened:
    """A store, and what it warned of."""

    def __init__(self, root: Path, limit: int = LARGE) -> None:
        self.root = root
        self.warnings: list[str] = []
        self.clock = Clock()
        self.store = Store(
            root, size_limit_bytes=limit, warn=self.warnings.append, clock=self.clock
        )

    def save(self, key: str, content: bytes = b"content", project: str = "p") -> CacheEntry:
        tar = pieces(tar_of({"file": content}))
        saved = self.store.save_cache(project, key, tar, created_by="run 1, build")
        assert isinstance(saved, CacheEntry)
        return saved

    def blobs(self) -> list[Path]:
        return sorted(self.root.glob("blobs/*/*"))

    def found(self, *keys: str) -> str | None:
        entry = self.store.find_cache("p", keys)
        return entry.key if entry else None


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path / "store")


# Saving and restoring


def test_a_cache_comes_back_as_it_was_saved(opened: Opened) -> None:
    tar = tar_of({"vendor/bundle/gem": b"ruby" * 50_000})
    saved = opened.store.save_cache("p", "gems-1", pieces(tar), created_by="run 7, build")
    assert isinstance(saved, CacheEntry)
    assert (saved.key, saved.created_by, saved.created_at) == ("gems-1", "run 7, build", 1_000_001)
    assert saved.tar_bytes == len(tar) > saved.stored_bytes > 0
    restored = opened.store.restore_cache("p", ["gems-1"])
    assert restored is not None
    assert restored[0] == saved
    assert b"".join(restored[1]) == tar
    assert opened.warnings == []


def test_a_second_store_of_the_same_folder_sees_the_cache(opened: Opened) -> None:
    saved = opened.save("k")
    assert Opened(opened.root).store.find_cache("p", ["k"]) == saved


def test_a_key_is_saved_once_and_the_second_stream_is_not_even_read(opened: Opened) -> None:
    first = opened.save("k", b"first")

    def unwanted() -> Iterator[bytes]:
        raise AssertionError("the stream was read")
        yield b""

    assert opened.store.save_cache("p", "k", unwanted(), created_by="x") == AlreadyThere(first)
    assert opened.store.caches() == [first]


def test_projects_do_not_see_each_other(opened: Opened) -> None:
    opened.save("k", b"1", project="acme/shop")
    opened.save("k", b"2", project="fork/shop")
    assert opened.found("k") is None
    assert [entry.project for entry in opened.store.caches()] == ["acme/shop", "fork/shop"]
    assert len(opened.store.caches("acme/shop")) == 1


def test_the_same_content_is_kept_once(opened: Opened) -> None:
    first, second = opened.save("a"), opened.save("b")
    assert first.digest == second.digest
    assert len(opened.blobs()) == 1
    opened.store.remove_caches([first])
    assert opened.found("b") == "b"
    assert opened.store.open_cache(second) is not None
    opened.store.remove_caches([second])
    assert opened.blobs() == []


@pytest.mark.parametrize("key", ["a/b", "..", "ü ✓", "a\nb", "k" * 900, "\udcff", " ", "*"])
def test_any_text_can_be_a_key(opened: Opened, key: str) -> None:
    opened.save(key)
    assert opened.found(key) == key
    assert opened.found(key + "x" if len(key) < 900 else "x") is None


@pytest.mark.parametrize(("key", "message"), [("", "empty"), ("k" * 901, "901 characters; 900")])
def test_a_key_that_cannot_be_is_refused(opened: Opened, key: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        opened.store.save_cache("p", key, [], created_by="x")
    with pytest.raises(InvalidInput, match=message):
        opened.store.find_cache("p", ["fine", key])


# Which cache is taken


def test_the_newest_match_wins_even_over_an_exact_one(opened: Opened) -> None:
    opened.save("v1-gems", b"1")
    opened.save("v1-gems-abc", b"2")
    assert opened.found("v1-gems") == "v1-gems-abc"


def test_the_first_key_with_any_match_stops(opened: Opened) -> None:
    opened.save("old-exact", b"1")
    opened.save("other-new", b"2")
    assert opened.found("none-", "old-", "other-") == "old-exact"
    assert opened.found("none-", "nothing-") is None
    assert opened.found() is None


def test_the_newest_is_the_last_saved_even_if_the_clock_went_back(opened: Opened) -> None:
    opened.save("v1-a", b"1")
    opened.clock.now = 5.0
    opened.save("v1-b", b"2")
    assert opened.found("v1-") == "v1-b"
    assert [entry.key for entry in opened.store.caches("p")] == ["v1-a", "v1-b"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text("ab-", min_size=1, max_size=4), unique=True, max_size=8),
    st.lists(st.text("ab-", min_size=1, max_size=4), max_size=4),
)
def test_the_rule_of_prefixes_holds_for_all_keys(
    tmp_path_factory: pytest.TempPathFactory, saved: list[str], asked: list[str]
) -> None:
    opened = Opened(tmp_path_factory.mktemp("store"))
    for key in saved:
        opened.save(key)
    matches = ([key for key in saved if key.startswith(prefix)] for prefix in asked)
    expected = next((keys[-1] for keys in matches if keys), None)
    assert opened.found(*asked) == expected


# What is damaged


DAMAGE: dict[str, Callable[[Path], object]] = {
    "gone": lambda blob: blob.unlink(),
    "cut": lambda blob: os.truncate(blob, blob.stat().st_size // 2),
    "empty": lambda blob: os.truncate(blob, 0),
    "changed": lambda blob: blob.write_bytes(blob.read_bytes()[:-1] + b"?"),
    "another one": lambda blob: blob.write_bytes(b"x" * blob.stat().st_size),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_a_damaged_cache_is_a_miss_with_a_warning_and_can_be_saved_again(
    opened: Opened, how: str
) -> None:
    opened.save("k")
    DAMAGE[how](opened.blobs()[0])
    assert opened.store.restore_cache("p", ["k"]) is None
    assert len(opened.warnings) == 1
    assert "the cache k is passed over" in opened.warnings[0]
    opened.save("k", b"new")
    assert opened.found("k") == "k"
    assert len(opened.warnings) == 1


def test_behind_a_damaged_cache_the_next_best_is_restored(opened: Opened) -> None:
    opened.save("v1-old", b"old")
    newest = opened.save("v1-new", b"new")
    DAMAGE["changed"](opened.root / "blobs" / newest.digest[:2] / f"{newest.digest}.tar.zst")
    restored = opened.store.restore_cache("p", ["v1-"])
    assert restored is not None
    with restored[1]:
        assert restored[0].key == "v1-old"


def test_a_cache_whose_archive_is_cut_does_not_count_as_saved(opened: Opened) -> None:
    opened.save("k", b"old")
    DAMAGE["cut"](opened.blobs()[0])
    assert opened.save("k", b"new").number > 1


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", '{"key": 1}', "\xff", '{"project": "p", "key": "../../x"}'],
)
def test_a_record_that_is_none_is_passed_over_with_a_warning(opened: Opened, text: str) -> None:
    opened.save("good")
    record = next(opened.root.glob("caches/*/*.json"))
    (record.parent / ("0" * 32 + ".json")).write_text(text, encoding="latin-1")
    assert opened.found("good") == "good"
    assert "is passed over" in opened.warnings[0]
    opened.save("another")
    opened.warnings.clear()
    assert opened.found("good") == "good"
    assert opened.warnings == []


def test_a_record_with_another_ones_digest_cannot_name_a_path(opened: Opened) -> None:
    opened.save("k")
    record = next(opened.root.glob("caches/*/*.json"))
    fields = json.loads(record.read_text())
    record.write_text(json.dumps({**fields, "digest": "../" * 21 + "x"}))
    assert opened.found("k") is None
    assert "is passed over" in opened.warnings[0]


@pytest.mark.parametrize("cut", [0, 100, 1024, 5000])
def test_a_stream_that_ends_early_is_not_kept(opened: Opened, cut: int) -> None:
    tar = tar_of({"file": b"x" * 9000}).rstrip(b"\0")
    with pytest.raises(BrokenArchive):
        opened.store.save_cache("p", "k", [tar[:cut]], created_by="x")
    with pytest.raises(BrokenArchive):
        opened.store.add_layer("r", "build", 0, [tar[:cut]])
    assert opened.store.caches() == []
    assert opened.blobs() == list((opened.root / "tmp").iterdir()) == []


def test_a_stream_that_fails_leaves_nothing(opened: Opened) -> None:
    def failing() -> Iterator[bytes]:
        yield tar_of({"file": b"x" * 9000})[:5000]
        raise RuntimeError("the container is gone")

    with pytest.raises(RuntimeError, match="the container is gone"):
        opened.store.save_cache("p", "k", failing(), created_by="x")
    assert opened.blobs() == list((opened.root / "tmp").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WorkFailed, match="cannot be used"):
        Opened(tmp_path / "file" / "store")


# Several at once


def _race(root: Path, barrier: Barrier, number: int, results: multiprocessing.Queue[str]) -> None:
    store = Store(root, size_limit_bytes=LARGE, warn=lambda _: None)
    tar = tar_of({"winner": b"%d" % number * 200_000})
    for round_ in range(8):
        barrier.wait(60)
        saved = store.save_cache("p", f"k{round_}", pieces(tar), created_by=str(number))
        results.put(f"{round_} {number} {type(saved).__name__}")


def test_of_processes_that_save_the_same_key_one_wins_and_its_content_is_kept(
    opened: Opened,
) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.Queue()
    racers = [
        context.Process(target=_race, args=(opened.root, barrier, number, results))
        for number in range(3)
    ]
    for racer in racers:
        racer.start()
    said = [results.get(timeout=120) for _ in range(24)]
    for racer in racers:
        racer.join(60)
        assert racer.exitcode == 0
    assert sum("CacheEntry" in text for text in said) == 8
    for round_ in range(8):
        restored = opened.store.restore_cache("p", [f"k{round_}"])
        assert restored is not None
        entry, tar = restored
        assert f"{round_} {entry.created_by} CacheEntry" in said
        assert b"".join(tar) == tar_of({"winner": entry.created_by.encode() * 200_000})
    assert list((opened.root / "tmp").iterdir()) == []
    assert [entry.number for entry in opened.store.caches("p")] == list(range(1, 9))


def _die_while_writing(root: Path) -> None:
    store = Store(root, size_limit_bytes=LARGE, warn=lambda _: None)

    def dying() -> Iterator[bytes]:
        yield noise(3_000_000, 1)[:2_500_000]
        os._exit(9)

    store.save_cache("p", "k", dying(), created_by="x")


def test_what_a_killed_process_left_is_swept_at_the_next_start(opened: Opened) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_die_while_writing, args=(opened.root,)
    )
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert len(list((opened.root / "tmp").iterdir())) == 1
    assert Opened(opened.root).store.stats().blobs == 0
    assert list((opened.root / "tmp").iterdir()) == []


def test_a_store_that_starts_leaves_alone_what_another_one_writes(opened: Opened) -> None:
    def interrupted() -> Iterator[bytes]:
        tar = tar_of({"file": b"x"})
        yield tar[:600]
        Opened(opened.root)
        yield tar[600:]

    opened.store.save_cache("p", "k", interrupted(), created_by="x")
    assert opened.found("k") == "k"


def test_threads_save_restore_and_evict_at_the_same_time(tmp_path: Path) -> None:
    opened = Opened(tmp_path, limit=300_000)
    failures: list[BaseException] = []
    counter = itertools.count()

    def work(worker: int) -> None:
        try:
            for _ in range(15):
                number = next(counter)
                content = random.Random(number).randbytes(40_000)
                opened.save(f"w{worker}-{number}", content)
                restored = opened.store.restore_cache("p", [f"w{worker}-", "w"])
                if restored:
                    key = restored[0].key
                    expected = random.Random(int(key.rpartition("-")[2])).randbytes(40_000)
                    assert b"".join(restored[1]) == tar_of({"file": expected})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    opened.store.shrink(300_000)
    assert opened.store.stats().stored_bytes <= 300_000


# The size limit


def test_over_the_limit_the_least_recently_used_cache_goes(tmp_path: Path) -> None:
    opened = Opened(tmp_path, limit=350_000)
    for number, key in enumerate("abc"):
        opened.store.save_cache("p", key, [noise(100_000, number)], created_by="x")
    used = opened.store.restore_cache("p", ["a"])
    assert used is not None
    used[1].close()
    opened.store.save_cache("p", "d", [noise(100_000, 9)], created_by="x")
    assert [entry.key for entry in opened.store.caches("p")] == ["a", "c", "d"]
    assert opened.store.stats().stored_bytes <= 350_000


def test_what_is_being_read_is_not_evicted(tmp_path: Path) -> None:
    opened = Opened(tmp_path, limit=250_000)
    opened.store.save_cache("p", "read", [noise(100_000, 1)], created_by="x")
    restored = opened.store.restore_cache("p", ["read"])
    assert restored is not None
    for number in range(4):
        opened.store.save_cache("p", f"n{number}", [noise(100_000, 2 + number)], created_by="x")
    assert [entry.key for entry in opened.store.caches("p")] == ["read", "n3"]
    assert b"".join(restored[1]) == noise(100_000, 1)
    opened.store.shrink(150_000)
    assert [entry.key for entry in opened.store.caches("p")] == ["n3"]


def test_a_cache_larger_than_the_limit_is_kept_until_the_next_one(tmp_path: Path) -> None:
    opened = Opened(tmp_path, limit=50_000)
    opened.store.save_cache("p", "big", [noise(100_000, 1)], created_by="x")
    assert opened.found("big") == "big"
    opened.save("small")
    assert [entry.key for entry in opened.store.caches("p")] == ["small"]


def test_what_no_record_names_is_removed(opened: Opened) -> None:
    opened.save("k")
    next(opened.root.glob("caches/*/*.json")).unlink()
    opened.store.shrink(LARGE)
    assert opened.blobs() == []


def test_a_removed_cache_is_gone_and_whoever_reads_it_reads_on(opened: Opened) -> None:
    entry = opened.save("k", b"y" * 100)
    reading = opened.store.open_cache(entry)
    assert reading is not None
    opened.store.remove_caches([entry])
    assert opened.found("k") is None
    assert b"".join(reading) == tar_of({"file": b"y" * 100})


def test_the_numbers_of_the_store_are_told(opened: Opened) -> None:
    entry = opened.save("k")
    layer = opened.store.add_layer("r", "build", 0, [tar_of({"a": b"1"})])
    stats = opened.store.stats()
    assert (stats.caches, stats.layers, stats.blobs) == (1, 1, 2)
    assert stats.stored_bytes == entry.stored_bytes + layer.stored_bytes
    assert stats.size_limit_bytes == LARGE


def test_only_the_owner_reads_the_store(opened: Opened) -> None:
    opened.save("k")
    assert opened.root.stat().st_mode & 0o077 == 0
    assert opened.blobs()[0].stat().st_mode & 0o077 == 0


# Workspaces


def add(opened: Opened, job: str, *files: str, run: str = "r", node: int = 0) -> Layer:
    tar = tar_of({name: f"{job} {name}".encode() for name in files})
    return opened.store.add_layer(run, job, node, pieces(tar))


def test_a_layer_knows_its_files_and_not_its_folders(opened: Opened) -> None:
    layer = add(opened, "build", "./dist/", "./dist/app.js", "b//c", "ü\n✓")
    assert layer.files == ("b/c", "dist/app.js", "ü\n✓")
    with opened.store.open_layer(layer) as tar:
        assert b"build ./dist/app.js" in b"".join(tar)


def test_layers_come_in_the_order_of_jobs_nodes_and_steps(opened: Opened) -> None:
    add(opened, "test", "t1", node=1)
    add(opened, "test", "t0a", node=0)
    add(opened, "build/linux 1.0", "b")
    add(opened, "test", "t0b", node=0)
    add(opened, "other", "o")
    add(opened, "test", "elsewhere", run="r2")
    layers = opened.store.layers_of("r", ["build/linux 1.0", "test", "nothing", "test"])
    assert [layer.files[0] for layer in layers] == ["b", "t0a", "t0b", "t1"]


def test_a_damaged_layer_is_an_error_because_nothing_can_stand_for_it(opened: Opened) -> None:
    layer = add(opened, "build", "a")
    DAMAGE["changed"](opened.blobs()[0])
    with pytest.raises(BrokenArchive, match="its SHA-256 is another one"):
        opened.store.open_layer(layer)


def test_a_damaged_record_of_a_layer_is_an_error(opened: Opened) -> None:
    add(opened, "build", "a")
    next(opened.root.glob("runs/*/*/*.json")).write_text("{}")
    with pytest.raises(WorkFailed, match="workspace record"):
        opened.store.layers_of("r", ["build"])


def test_a_run_takes_over_the_workspace_of_another_one(opened: Opened) -> None:
    add(opened, "build", "a")
    add(opened, "test", "b")
    adopted = opened.store.adopt_layers("r2", "r", ["build"])
    assert opened.store.layers_of("r2", ["build", "test"]) == adopted
    opened.store.remove_runs(["r"])
    with opened.store.open_layer(adopted[0]) as tar:
        assert b"build a" in b"".join(tar)
    assert add(opened, "deploy", "c", run="r2").number == 2


def test_a_job_that_starts_again_persists_anew(opened: Opened) -> None:
    add(opened, "build", "old")
    add(opened, "test", "t")
    opened.store.forget_layers("r", "build")
    add(opened, "build", "new")
    layers = opened.store.layers_of("r", ["build", "test"])
    assert [layer.files for layer in layers] == [("new",), ("t",)]


def test_a_run_that_is_removed_leaves_no_blobs(opened: Opened) -> None:
    add(opened, "build", "a")
    opened.store.remove_runs(["r"])
    assert opened.blobs() == []
    assert opened.store.layers_of("r", ["build"]) == []


def test_the_workspace_of_a_run_that_goes_on_is_not_evicted(opened: Opened) -> None:
    with opened.store.hold_run("held"):
        held = add(opened, "build", "a", run="held")
        left = add(opened, "build", "b", run="left")
        Opened(opened.root).store.shrink(0)
        opened.store.open_layer(held).close()
        with pytest.raises(BrokenArchive):
            opened.store.open_layer(left)
    opened.store.shrink(0)
    with pytest.raises(BrokenArchive):
        opened.store.open_layer(held)


def test_a_layer_that_was_evicted_is_still_known_so_that_nobody_goes_on_without_it(
    opened: Opened,
) -> None:
    layer = add(opened, "build", "a")
    opened.store.shrink(0)
    assert opened.store.layers_of("r", ["build"]) == [layer]


def test_an_archive_is_locked_while_it_is_read(opened: Opened) -> None:
    opened.save("k")
    path = opened.blobs()[0]
    with open_archive(path), path.open("rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


# Conflicts

REQUIRES = {"test-a": ["build"], "test-b": ["build"], "deploy": ["test-a", "test-b"]}


def layer(job: str, *files: str, node: int = 0, number: int = 1) -> Layer:
    return Layer("r", job, node, number, "0" * 64, 1, 1, 0.0, files)


def test_jobs_side_by_side_must_not_persist_the_same_file() -> None:
    layers = [layer("test-a", "log", "x", "both"), layer("test-b", "both", "log", "y")]
    (conflict,) = find_conflicts(layers, REQUIRES)
    assert (conflict.first.job, conflict.second.job) == ("test-a", "test-b")
    assert conflict.files == ("both", "log")


def test_a_job_may_overwrite_what_an_earlier_one_persisted() -> None:
    layers = [layer("build", "f"), layer("test-a", "f"), layer("deploy", "f")]
    assert find_conflicts(layers, REQUIRES) == []


def test_a_job_may_overwrite_its_own_file_but_not_another_nodes() -> None:
    own = [layer("t", "f", number=1), layer("t", "f", number=2)]
    assert find_conflicts(own, {}) == []
    assert len(find_conflicts([layer("t", "f", node=0), layer("t", "f", node=1)], {})) == 1


def test_different_files_side_by_side_are_fine() -> None:
    assert find_conflicts([layer("test-a", "a"), layer("test-b", "b")], REQUIRES) == []


def test_a_conflict_is_told_in_circlecis_words() -> None:
    conflicts = find_conflicts([layer("test-a", "orb.yml"), layer("test-b", "orb.yml")], REQUIRES)
    assert conflict_message(conflicts) == (
        "Concurrent upstream jobs persisted the same file(s) into the workspace:\n"
        "  - orb.yml\n"
        "\n"
        "Error applying workspace layer for job test-b: Concurrent upstream jobs persisted the same"
        " file(s) (test-a and test-b)"
    )


def test_a_long_list_of_files_is_cut() -> None:
    files = [f"f{number:03}" for number in range(80)]
    conflicts = find_conflicts([layer("a", *files), layer("b", *files, node=2)], {})
    text = conflict_message(conflicts)
    assert "  - f049\n  … and 30 more\n" in text
    assert "(a and b, node 2)" in text


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sets(st.sampled_from("xyz"))), max_size=6))
def test_in_a_chain_of_jobs_nothing_conflicts_and_without_order_every_common_file_does(
    made: list[tuple[str, set[str]]],
) -> None:
    layers = [layer(job, *sorted(files)) for job, files in made]
    assert find_conflicts(layers, {"b": ["a"], "c": ["b"], "d": ["c"]}) == []
    pairs = sum(
        1
        for first, second in itertools.combinations(layers, 2)
        if first.job != second.job and set(first.files) & set(second.files)
    )
    assert len(find_conflicts(layers, {})) == pairs


def test_a_folder_with_other_things_in_it_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    kept = tmp_path / "tmp" / "restart.txt"
    kept.write_text("mine")
    with pytest.raises(InvalidInput, match="is no store, and not empty"):
        Store(tmp_path, size_limit_bytes=1, warn=print)
    assert kept.read_text() == "mine"
