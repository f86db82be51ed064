"""The folders of runs, and what a user calls them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.errors import InvalidInput
from pipeline.runner.record import RunRecord, write_record
from pipeline.runner.run_folder import find_run, list_runs, new_run_id, runs_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for run_id in ("20300101-100000-aaa111", "20300101-110000-bbb222", "20300102-100000-ccc222"):
        folder = runs_folder(tmp_path) / run_id
        folder.mkdir(parents=True)
        write_record(RunRecord(run_id), folder)
    return tmp_path


def test_ids_sort_by_the_time_at_which_they_were_made() -> None:
    ids = []
    for _ in range(5):
        ids.append(new_run_id())
        time.sleep(0.002)
    assert ids == sorted(set(ids))


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("last", "20300102-100000-ccc222"),
        ("20300101-110000-bbb222", "20300101-110000-bbb222"),
        ("aaa111", "20300101-100000-aaa111"),
        ("20300102", "20300102-100000-ccc222"),
        ("110000", "20300101-110000-bbb222"),
    ],
)
def test_a_run_is_found_by_its_id_or_a_part_of_it(root: Path, name: str, found: str) -> None:
    assert find_run(root, name)[1].id == found


@pytest.mark.parametrize(
    ("name", "message"),
    [("222", "could be"), ("20300101", "could be"), ("", "no run"), ("../../etc", "no run")],
)
def test_what_names_none_or_several_is_refused(root: Path, name: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        find_run(root, name)


def test_without_any_run_it_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no run yet"):
        find_run(tmp_path, "last")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1, "jobs": []}', '{"version": 2}'])
def test_what_is_no_record_is_left_out_of_the_list_and_refused_by_name(
    root: Path, text: str
) -> None:
    (runs_folder(root) / "20300102-100000-ccc222" / "run.json").write_text(text)
    assert [record.id for _, record in list_runs(root)] == [
        "20300101-110000-bbb222",
        "20300101-100000-aaa111",
    ]
    with pytest.raises(InvalidInput, match="ccc222"):
        find_run(root, "last")


def test_a_run_that_ended_before_anything_ran_is_not_the_last(root: Path) -> None:
    (runs_folder(root) / "20300103-100000-ddd333").mkdir()
    assert find_run(root, "last")[1].id == "20300102-100000-ccc222"
