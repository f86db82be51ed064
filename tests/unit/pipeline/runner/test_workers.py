"""Threads that work off calls, and keep nobody waiting for those that never end."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.runner.workers import Left, Workers, call_or_leave


def test_calls_begin_in_their_order_and_as_many_as_there_is_room_for() -> None:
    begun: list[int] = []
    meeting = threading.Barrier(2)

    def work(number: int) -> int:
        begun.append(number)
        meeting.wait(timeout=20)
        return number

    workers = Workers(2, "test")
    futures = [workers.submit(work, number) for number in range(4)]
    assert workers.close()
    assert [future.result() for future in futures] == [0, 1, 2, 3]
    assert set(begun[:2]) == {0, 1}


def test_what_a_call_raises_is_raised_to_who_asks_for_its_result() -> None:
    with Workers(1, "test") as workers:
        future = workers.submit(int, "x")
        after = workers.submit(lambda: "goes on")
    with pytest.raises(ValueError, match="invalid literal"):
        future.result()
    assert after.result() == "goes on"


def test_a_call_that_was_cancelled_before_is_not_made() -> None:
    go, made = threading.Event(), []
    workers = Workers(1, "test")
    workers.submit(go.wait, 20)
    second = workers.submit(made.append, 1)
    assert second.cancel()
    go.set()
    assert workers.close()
    assert made == []


def test_a_call_that_does_not_end_is_left_alone() -> None:
    never, asked = threading.Event(), iter([False, True])
    with pytest.raises(Left):
        call_or_leave(never.wait, lambda: next(asked))
    never.set()
    assert call_or_leave(lambda: 3, lambda: True) == 3


def test_a_call_that_never_ends_does_not_keep_the_process() -> None:
    script = (
        "import threading; from pipeline.runner.workers import Workers; w = Workers(1, 'a');"
        "w.submit(threading.Event().wait); print(w.close(gives_up=lambda: True))"
    )
    project = Path(__file__).resolve().parents[4]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == "False\n"
