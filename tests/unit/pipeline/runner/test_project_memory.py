"""What is remembered of a project from run to run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import WorkFailed
from pipeline.runner.project_memory import ProjectMemory
from pipeline.runner.test_results import CaseResult


def test_numbers_grow_over_all_branches_and_tell_the_branchs_last(tmp_path: Path) -> None:
    memory = ProjectMemory(tmp_path / "project")
    assert memory.next_build("main") == (1, None)
    assert memory.next_build("other") == (2, None)
    assert ProjectMemory(tmp_path / "project").next_build("main") == (3, 1)


def test_no_number_is_given_out_twice(tmp_path: Path) -> None:
    memories = [ProjectMemory(tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda number: memories[number % 4].next_build("main")[0], range(40)))
    assert sorted(given) == list(range(1, 41))


def test_the_times_of_a_test_replace_what_was_known_of_it(tmp_path: Path) -> None:
    memory = ProjectMemory(tmp_path)
    assert memory.timings().filename == {}
    memory.note_tests(
        [CaseResult("a", file="a.rb", time_s=2), CaseResult("b", file="b.rb", time_s=1)]
    )
    memory.note_tests([CaseResult("a", file="a.rb", time_s=5)])
    timings = ProjectMemory(tmp_path).timings()
    assert timings.filename == {"a.rb": 5, "b.rb": 1}
    assert timings.testname == {"a": 5, "b": 1}


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_what_was_half_written_is_learnt_anew(tmp_path: Path, content: str) -> None:
    (tmp_path / "builds.json").write_text(content)
    assert ProjectMemory(tmp_path).next_build("main") == (1, None)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkFailed, match="cannot be written"):
        ProjectMemory(tmp_path / "file").next_build("main")
