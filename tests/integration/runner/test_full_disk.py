"""A disk that gets full while a run goes on: what is said, and what can be read of the run afterwards."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.runner.harness import Checkout

FULL = "No space left on device: the disk at "
CONFIG = """
version: 2.1
jobs:
  log:
    docker: [{image: PLAIN}]
    steps:
      - run: {name: Print, command: 'head -c 30000000 /dev/zero | tr "\\0" x | fold -w 100; sleep 600'}
      - run: {name: After, command: echo one}
  host-log:
    machine: true
    steps:
      - run: {name: Print, command: 'head -c 30000000 /dev/zero | tr "\\0" x | fold -w 100; sleep 600'}
  artifact:
    docker: [{image: PLAIN}]
    steps:
      - run: head -c 30000000 /dev/zero > /tmp/big
      - store_artifacts: {path: /tmp/big}
      - run: {name: After, command: echo after, when: always}
  fill:
    machine: true
    steps: [run: {name: Fill, command: 'head -c 30000000 /dev/zero > OTHER || true'}]
  cache:
    docker: [{image: PLAIN}]
    steps:
      - run: head -c 30000000 /dev/urandom > /tmp/big
      - save_cache: {key: big, paths: [/tmp/big]}
"""


@contextmanager
def small_disk(at: Path) -> Iterator[None]:
    at.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(at)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a small disk")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)


@pytest.mark.parametrize("job", ["log", "host-log", "artifact"])
def test_a_run_on_a_full_disk_says_so_and_can_be_read_afterwards(
    checkout: Checkout, job: str
) -> None:
    checkout.write(CONFIG)
    folder = checkout.folder / ".orbyard"
    with small_disk(folder):
        done = checkout.run("--job", job)
        assert done.returncode == 1
        assert f"{FULL}{folder}" in done.stderr
        assert "make room on that disk" in done.stderr
        assert "Traceback" not in done.stderr
        assert checkout.record()["status"] == "failed"
        assert checkout.statuses() == {job: "failed"}
        listed = checkout.run(task="ci.runs")
        assert listed.returncode == 0
        assert "failed" in listed.stdout
        logs = checkout.run(task="ci.logs")
        assert logs.returncode == 0
        assert f"{FULL}{folder}" in logs.stdout


def test_the_record_is_whole_where_something_else_has_filled_the_disk(checkout: Checkout) -> None:
    other = checkout.folder / ".orbyard" / "other"
    checkout.write(CONFIG.replace("OTHER", str(other)))
    with small_disk(other.parent):
        checkout.run("--job", "fill")
        assert other.exists()
        assert checkout.record()["status"] in ("success", "failed")
        again = checkout.run("--job", "fill")
        assert again.returncode == 1
        assert FULL in again.stderr
        assert "make room on that disk" in again.stderr


def test_a_cache_that_has_no_room_says_which_disk_is_full(checkout: Checkout) -> None:
    checkout.write(CONFIG)
    with small_disk(checkout.store):
        done = checkout.run("--job", "cache")
        assert done.returncode == 1
        text = checkout.steps("cache")["Saving cache"]["text"]
        assert f"the cache big cannot be saved: {FULL}{checkout.store}" in text
        assert "make room on that disk" in text
