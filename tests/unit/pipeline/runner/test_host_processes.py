"""Processes that a job leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from pipeline.runner.host_processes import (
    MARK,
    end_left_over_processes,
    end_processes,
    mark_of,
)
from pipeline.runner.owner import this_process

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


def start(mark: str, script: str = "sleep 60") -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", script],
        env={"PATH": os.environ["PATH"], MARK: mark},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def lives(pid: int) -> bool:
    for _ in range(40):
        try:
            with open(f"/proc/{pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return False
        except OSError:
            return False
        time.sleep(0.05)
    return True


def test_a_job_s_processes_end_with_those_that_hide_their_variables() -> None:
    mark, other = mark_of("one"), start(mark_of("two"))
    script = "setsid sleep 60 & echo $!; env -i /bin/sleep 60 & echo $!; wait"
    with start(mark, script) as child, other:
        assert child.stdout is not None
        pids = [int(child.stdout.readline()) for _ in range(2)]
        time.sleep(0.2)
        assert end_processes(lambda found: found == mark) >= 3
        assert not any(lives(pid) for pid in (child.pid, *pids))
        assert other.poll() is None
        other.kill()


def test_one_that_takes_no_notice_is_killed() -> None:
    mark = mark_of("stubborn")
    with start(mark, "trap '' TERM; echo ready; while :; do sleep 1; done") as child:
        assert child.stdout is not None
        child.stdout.readline()
        end_processes(lambda found: found == mark)
        assert child.wait(timeout=10) == -9


def test_what_a_killed_run_left_ends_and_what_others_run_does_not() -> None:
    gone = replace(this_process(), started="1")
    elsewhere = replace(gone, machine="0" * 16)
    with start(f"{gone}:a") as left, start(f"{elsewhere}:a") as foreign, start(mark_of("b")) as own:
        assert end_left_over_processes() >= 1
        assert left.wait(timeout=10) == -15
        assert (foreign.poll(), own.poll()) == (None, None)
        foreign.kill()
        own.kill()
