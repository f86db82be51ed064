"""Serial groups of several runs."""

from __future__ import annotations

from pathlib import Path

from pipeline.runner.serial_groups import SerialGroups


def test_one_run_is_in_a_group_and_the_next_enters_when_it_has_left(tmp_path: Path) -> None:
    first, second = SerialGroups(tmp_path, "1"), SerialGroups(tmp_path, "2")
    assert first.enter("deploy", "w/a") == "entered"
    assert second.enter("deploy", "w/a") == "waiting"
    assert second.holder("deploy") == "1"
    first.leave("deploy", "w/a")
    assert second.enter("deploy", "w/a") == "entered"
    assert second.enter("deploy", "w/a") == "entered"


def test_groups_of_other_names_do_not_meet(tmp_path: Path) -> None:
    first, second = SerialGroups(tmp_path, "1"), SerialGroups(tmp_path, "2")
    assert first.enter("deploy", "w/a") == "entered"
    assert second.enter("other", "w/a") == "entered"


def test_those_that_wait_take_turns_by_the_time_at_which_they_began(tmp_path: Path) -> None:
    runs = [SerialGroups(tmp_path, str(number)) for number in range(3)]
    assert [run.enter("g", "w/a") for run in runs] == ["entered", "waiting", "waiting"]
    runs[0].leave("g", "w/a")
    assert runs[2].enter("g", "w/a") == "waiting"
    assert runs[1].enter("g", "w/a") == "entered"


def test_a_run_that_comes_after_a_newer_one_is_overtaken(tmp_path: Path) -> None:
    newer, older = SerialGroups(tmp_path, "2"), SerialGroups(tmp_path, "1")
    assert newer.enter("g", "w/a") == "entered"
    assert older.enter("g", "w/a") == "overtaken"


def test_two_workflows_of_a_run_do_not_overtake_each_other(tmp_path: Path) -> None:
    run = SerialGroups(tmp_path, "1")
    assert run.enter("g", "one/a") == "entered"
    assert run.enter("g", "two/a") == "waiting"
    run.leave("g", "one/a")
    assert run.enter("g", "two/a") == "entered"


def test_a_run_that_ends_leaves_all_groups(tmp_path: Path) -> None:
    first, waits, last = (SerialGroups(tmp_path, number) for number in "123")
    first.enter("g", "w/a")
    waits.enter("g", "w/a")
    assert last.enter("g", "w/a") == "waiting"
    first.close()
    waits.close()
    assert last.enter("g", "w/a") == "entered"


def test_a_ticket_of_a_run_that_is_gone_holds_nobody_up(tmp_path: Path) -> None:
    first = SerialGroups(tmp_path, "1")
    first.enter("g", "w/a")
    first.leave("g", "w/a")
    (next(tmp_path.iterdir()) / "0.dead.waiting").touch()
    assert SerialGroups(tmp_path, "2").enter("g", "w/a") == "entered"
