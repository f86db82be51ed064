"""What is repeated, and how a wait ends; on a clock that does not make anyone wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pipeline.errors import OrbyardError
from pipeline.retry import Backoff, Clock, retrying, wait_for


class FakeClock(Clock):
    """Time passes by sleeping."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.naps: list[float] = []

    def now_s(self) -> float:
        return self.time_s

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        if wake is not None and wake.is_set():
            wake.clear()
            return
        self.naps.append(seconds)
        self.time_s += seconds


class Passing(OrbyardError):
    retryable = True


def failing(times: int, error: type[OrbyardError]) -> Iterator[str]:
    for number in range(times):
        yield f"{error.__name__} {number}"
    while True:
        yield ""


def test_a_passing_fault_is_tried_again_and_said() -> None:
    answers, told = failing(2, Passing), []

    def call() -> str:
        if message := next(answers):
            raise Passing(message)
        return "done"

    clock = FakeClock()
    result = retrying(call, clock=clock, on_retry=lambda n, wait, e: told.append((n, e.message)))
    assert result == "done"
    assert told == [(1, "Passing 0"), (2, "Passing 1")]
    assert clock.naps[0] < clock.naps[1]


def test_a_final_error_is_not_tried_again() -> None:
    tries: list[int] = []

    def call() -> None:
        tries.append(1)
        raise OrbyardError("final")

    with pytest.raises(OrbyardError, match="final"):
        retrying(call, clock=FakeClock())
    assert len(tries) == 1


def test_the_last_error_comes_through_when_the_tries_are_used_up() -> None:
    answers = failing(9, Passing)

    def call() -> None:
        raise Passing(next(answers))

    with pytest.raises(Passing, match="Passing 2"):
        retrying(call, backoff=Backoff(attempts=3), clock=FakeClock())


def test_a_wait_ends_with_the_first_decided_answer() -> None:
    answers = iter([1, 2, 3, 4])
    clock = FakeClock()
    seen = wait_for(
        lambda: next(answers), decided=lambda n: n == 3, timeout_s=60, poll_s=2, clock=clock
    )
    assert (seen, clock.time_s) == ((3, True), 4)


def test_a_wait_that_is_not_decided_returns_the_last_answer_when_its_time_is_over() -> None:
    clock = FakeClock()
    seen = wait_for(
        lambda: clock.time_s, decided=lambda _: False, timeout_s=5, poll_s=2, clock=clock
    )
    assert seen == (5, False)


def test_a_watch_makes_the_next_look_come_at_once() -> None:
    clock, wake = FakeClock(), threading.Event()
    answers = iter([1, 2])

    def look() -> int:
        wake.set()
        return next(answers)

    assert wait_for(look, decided=lambda n: n == 2, timeout_s=60, wake=wake, clock=clock) == (
        2,
        True,
    )
    assert clock.time_s == 0
