"""The tasks ci.cache.*, as a user runs them."""

from __future__ import annotations

import io
import json
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.ci_cache_tasks import namespace
from pipeline.runner.store import CacheEntry, Store
from tests.unit.pipeline.in_process import Done, Orbyard, run_program

HOUR = 3600.0


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / ".git").mkdir(parents=True)
    return folder


@pytest.fixture
def store_folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "orbyard" / "store"


@pytest.fixture
def orbyard(
    project: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Orbyard:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.chdir(project)

    def run(*words: str) -> Done:
        return run_program(words, capsys)

    return run


@pytest.fixture
def save(project: Path, store_folder: Path) -> Callable[..., CacheEntry]:
    """Saves a cache as a run would have, some seconds ago."""

    def make(key: str, ago: float = 0.0, of: str = "") -> CacheEntry:
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            content = (key * 100).encode("utf-8", "surrogatepass")
            info = tarfile.TarInfo("file")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        store = Store(
            store_folder,
            size_limit_bytes=10**12,
            warn=lambda _: None,
            clock=lambda: time.time() - ago,
        )
        saved = store.save_cache(
            of or str(project.resolve()), key, [tar.getvalue()], created_by="20260101-1/test"
        )
        assert isinstance(saved, CacheEntry)
        return saved

    return make


Save = Callable[..., CacheEntry]


def keys(done: Done) -> list[str]:
    assert done.code == 0, done.err
    return [row["key"] for row in json.loads(done.out)]


def test_the_tasks_are_below_ci(orbyard: Orbyard) -> None:
    assert sorted(namespace.task_names) == ["ls", "rm", "stats"]
    assert orbyard("ci.cache.ls").code == 0


def test_the_caches_of_this_project_are_listed_the_newest_first(
    orbyard: Orbyard, save: Save
) -> None:
    save("gems-1", ago=50 * HOUR)
    save("gems-2", ago=2.5 * HOUR)
    save("theirs", of="gh/other/app")
    done = orbyard("ci.cache.ls")
    lines = [line.split() for line in done.out.splitlines()]
    assert lines[0] == ["key", "size", "age", "saved", "by"]
    assert [(line[0], line[3], line[4]) for line in lines[1:]] == [
        ("gems-2", "2h", "20260101-1/test"),
        ("gems-1", "2d", "20260101-1/test"),
    ]
    everything = orbyard("ci.cache.ls", "--all")
    assert "gh/other/app" in everything.out
    assert keys(orbyard("ci.cache.ls", "--all", "--json")) == ["theirs", "gems-2", "gems-1"]


def test_json_has_bytes_and_times_that_programs_read(orbyard: Orbyard, save: Save) -> None:
    saved = save("k")
    (row,) = json.loads(orbyard("ci.cache.ls", "--json").out)
    assert row["size_bytes"] == saved.stored_bytes
    assert row["created_at"].endswith("+00:00")
    assert row["created_by"] == "20260101-1/test"


def test_without_caches_it_says_so_and_json_is_an_empty_list(
    orbyard: Orbyard, store_folder: Path, project: Path
) -> None:
    done = orbyard("ci.cache.ls")
    assert (done.code, done.out) == (0, "")
    assert str(store_folder) in done.err
    assert str(project) in done.err
    assert json.loads(orbyard("ci.cache.ls", "--json").out) == []


def test_a_key_cannot_move_the_cursor(orbyard: Orbyard, save: Save) -> None:
    save("red\x1b[31m\nline")
    done = orbyard("ci.cache.ls")
    assert "\x1b" not in done.out
    assert "red\\x1b[31m\\nline" in done.out


def test_a_key_is_removed_by_its_name_and_only_it(orbyard: Orbyard, save: Save) -> None:
    for key in ("gems-1", "gems-10", "yarn-1"):
        save(key)
    done = orbyard("ci.cache.rm", "gems-1")
    assert done.code == 0
    assert "removed 1 cache: " in done.err
    assert sorted(keys(orbyard("ci.cache.ls", "--json"))) == ["gems-10", "yarn-1"]


def test_keys_are_removed_by_their_beginning(orbyard: Orbyard, save: Save) -> None:
    for key in ("gems-1", "gems-10", "yarn-1", "node"):
        save(key)
    assert "removed 3 caches" in orbyard("ci.cache.rm", "--prefix", "gems-", "yarn").err
    assert keys(orbyard("ci.cache.ls", "--json")) == ["node"]


def test_all_are_those_of_this_project(orbyard: Orbyard, save: Save) -> None:
    save("a")
    save("b")
    save("theirs", of="gh/other/app")
    assert "removed 2 caches" in orbyard("ci.cache.rm", "--all").err
    assert keys(orbyard("ci.cache.ls", "--all", "--json")) == ["theirs"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "which caches?"),
        (("--prefix",), "--prefix needs"),
        (("k", "--all"), "do not go together"),
        (("gem",), "--prefix removes those that begin so"),
        (("gems-2",), "did you mean 'gems-1'?"),
        (("gems-1", "--prefix", "zzz"), "begins with 'zzz'"),
        (("gems-1", "--bucket"), "there is no shared bucket"),
        (("--key", ""), "a key is empty"),
    ],
)
def test_a_mistake_removes_nothing(
    orbyard: Orbyard, save: Save, words: tuple[str, ...], said: str
) -> None:
    save("gems-1")
    done = orbyard("ci.cache.rm", *words)
    assert done.code == 2
    assert said in done.err
    assert keys(orbyard("ci.cache.ls", "--json")) == ["gems-1"]


def test_workspaces_of_runs_that_have_ended_are_removed(
    orbyard: Orbyard, project: Path, store_folder: Path, tmp_path: Path
) -> None:
    store = Store(store_folder, size_limit_bytes=10**12, warn=lambda _: None)
    elsewhere = tmp_path / "other" / ".orbyard" / "runs" / "theirs"
    elsewhere.mkdir(parents=True)
    runs = project / ".orbyard" / "runs"
    for run, folder in (("ended", runs / "ended"), ("theirs", elsewhere), ("on", runs / "on")):
        folder.mkdir(parents=True, exist_ok=True)
        with store.hold_run(run, folder):
            store.add_layer(run, "build", 0, [bytes(10240)])
    with store.hold_run("on", runs / "on"):
        assert "removed 1 workspace" in orbyard("ci.cache.rm", "--workspaces").err
    assert {workspace.run for workspace in store.workspaces()} == {"theirs", "on"}


def test_the_numbers_are_told(orbyard: Orbyard, save: Save, store_folder: Path) -> None:
    saved = save("a")
    save("theirs", of="gh/other/app")
    (store_folder.parents[2] / "app" / "orbyard.yml").write_text("ci: {store_limit: 2MB}\n")
    done = orbyard("ci.cache.stats")
    assert str(store_folder) in done.out
    assert "of 2 MB" in done.out
    assert "2, 1 of this project" in done.out
    record = json.loads(orbyard("ci.cache.stats", "--json").out)
    assert record["size_limit_bytes"] == 2_000_000
    assert record["stored_bytes"] >= saved.stored_bytes
    assert (record["caches"], record["caches_of_project"], record["bucket"]) == (2, 1, None)


def test_the_store_can_be_a_folder_of_the_project(
    orbyard: Orbyard, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "orbyard.yml").write_text("ci: {store: ../caches}\n")
    record = json.loads(orbyard("ci.cache.stats", "--json").out)
    assert record["folder"] == str(project / "../caches")
    monkeypatch.setenv("ORBYARD_CI_STORE", str(project / "other"))
    assert json.loads(orbyard("ci.cache.stats", "--json").out)["folder"] == str(project / "other")


def test_a_bucket_is_not_asked_for_its_name(orbyard: Orbyard, project: Path) -> None:
    (project / "orbyard.yml").write_text("ci: {store: 's3://acme/ci'}\n")
    record = json.loads(orbyard("ci.cache.stats", "--json").out)
    assert record["bucket"] == "s3://acme/ci"


def test_mistakes_in_the_settings_are_told_with_their_line(orbyard: Orbyard, project: Path) -> None:
    (project / "orbyard.yml").write_text(
        "ci:\n  store: ftp://x\n  store_limit: many\n  keep_runs: 0\n"
    )
    done = orbyard("ci.cache.ls")
    assert done.code == 2
    for line, word in ((2, "ftp://"), (3, "'many'"), (4, "at least 1")):
        assert f"orbyard.yml:{line}:" in done.err
        assert word in done.err


def test_one_person_can_do_without_the_bucket_of_the_team(
    orbyard: Orbyard, project: Path, store_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "orbyard.yml").write_text(
        "ci: {store: 's3://acme/ci', store_endpoint: 'http://minio:9000', store_region: x}\n"
    )
    monkeypatch.setenv("ORBYARD_CI_STORE", "")
    record = json.loads(orbyard("ci.cache.stats", "--json").out)
    assert (record["bucket"], record["folder"]) == (None, str(store_folder))


def test_without_boto3_it_says_how_to_install_it(
    orbyard: Orbyard, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "orbyard.yml").write_text("ci: {store: 's3://acme/ci'}\n")
    monkeypatch.setattr("pipeline.runner.bucket.find_spec", lambda _name: None)
    done = orbyard("ci.cache.ls")
    assert done.code == 3
    assert "pip install 'orbyard[s3]'" in done.err
