from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from orbs.rails.ownership import exclusive, owner_is_gone, owner_value, state_folder
from pipeline.errors import Interrupted


def test_a_living_process_is_not_gone():
    assert not owner_is_gone(owner_value())


def test_an_ended_process_is_gone():
    code = "from orbs.rails.ownership import owner_value; print(owner_value())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert owner_is_gone(done.stdout.strip())


def test_a_later_process_of_the_same_number_is_not_taken_for_the_owner():
    host, number, started = owner_value().split("/")
    if not started:
        pytest.skip("this system does not tell when a process began")
    assert owner_is_gone(f"{host}/{number}/1")


def test_a_process_of_another_host_or_an_unreadable_value_is_never_known_to_be_gone():
    assert not owner_is_gone("elsewhere/1/1")
    assert not owner_is_gone("")


def test_a_lock_keeps_others_out_until_it_is_freed(tmp_path):
    order: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        with exclusive(tmp_path, "name", on_wait=waiting.set):
            order.append("second")

    thread = threading.Thread(target=second)
    with exclusive(tmp_path, "name", on_wait=lambda: None):
        thread.start()
        assert waiting.wait(10)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_locks_of_different_names_do_not_meet(tmp_path):
    told: list[str] = []
    with (
        exclusive(tmp_path, "one", on_wait=lambda: told.append("one")),
        exclusive(tmp_path, "two", on_wait=lambda: told.append("two")),
    ):
        assert told == []


def test_waiting_for_a_lock_ends_when_the_run_is_interrupted(tmp_path):
    cancel = threading.Event()
    with (
        exclusive(tmp_path, "name", on_wait=lambda: None),
        pytest.raises(Interrupted),
        exclusive(tmp_path, "name", on_wait=cancel.set, cancel=cancel),
    ):
        pass


def test_the_state_folder_follows_the_users_cache_folder(tmp_path):
    assert state_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "orbyard"
    assert state_folder({"HOME": str(tmp_path)}) == tmp_path / ".cache" / "orbyard"


def test_a_home_that_cannot_be_written_to_does_not_stop_a_build(tmp_path):
    (tmp_path / "file").touch()
    assert state_folder({"HOME": str(tmp_path / "file")}).is_dir()
