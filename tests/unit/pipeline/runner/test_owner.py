"""Whether who made something has ended."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from pipeline.runner.owner import OWNER_LABEL, Owner, owner_of_labels, this_process


def test_this_process_is_not_gone() -> None:
    assert this_process().pid == os.getpid()
    assert not this_process().is_gone()


def test_it_is_read_as_it_was_written() -> None:
    assert owner_of_labels({OWNER_LABEL: str(this_process())}) == this_process()


def test_a_process_that_ended_is_gone() -> None:
    script = "from pipeline.runner.owner import this_process; print(this_process())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    owner = Owner.parse(done.stdout.strip())
    assert owner is not None
    assert owner.machine == this_process().machine
    assert owner.is_gone()


def test_another_process_with_the_same_number_is_another() -> None:
    assert replace(this_process(), started="1").is_gone()


def test_a_process_of_an_earlier_boot_is_gone() -> None:
    assert replace(this_process(), boot="0123456789abcdef").is_gone()


def test_nothing_is_said_about_another_machine() -> None:
    assert not replace(this_process(), machine="0" * 16, pid=1, started="1", boot="").is_gone()


@pytest.mark.parametrize(
    "text", ["", "12", "a/b/c/d", "a/b/12/", "/b/12/3", "a/b/12/3/4", "a/b/-1/3"]
)
def test_other_labels_name_no_owner(text: str) -> None:
    assert owner_of_labels({OWNER_LABEL: text}) is None
    assert owner_of_labels(None) is None
