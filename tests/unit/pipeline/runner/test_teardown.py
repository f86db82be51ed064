"""Taking down what jobs leave."""

from __future__ import annotations

import threading

import pytest

from pipeline.runner.teardown import Teardown


def test_nobody_waits_for_it_until_the_end() -> None:
    teardown, go = Teardown(), threading.Event()
    done: list[int] = []

    def close(number: int) -> None:
        go.wait(timeout=20)
        done.append(number)

    teardown.later(lambda: close(1))
    teardown.later(lambda: close(2))
    assert done == []
    go.set()
    assert teardown.wait()
    assert sorted(done) == [1, 2]


def test_what_never_ends_holds_up_nobody() -> None:
    teardown, never = Teardown(), threading.Event()
    teardown.later(never.wait)
    assert not teardown.wait(longest_s=0.05)


def test_what_fails_is_told_at_the_end(capfd: pytest.CaptureFixture[str]) -> None:
    teardown, broken = Teardown(), {"engine": "gone"}
    teardown.later(lambda: broken["container"])
    assert not teardown.wait()
    assert "Traceback" not in capfd.readouterr().err


def test_nobody_waits_longer_for_what_is_given_up() -> None:
    teardown, never = Teardown(), threading.Event()
    teardown.later(never.wait)
    asked = iter([False, True])
    assert not teardown.wait(gives_up=lambda: next(asked))
    never.set()
