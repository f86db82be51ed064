"""Other programs are run to their end, streamed, limited and never left behind."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from pipeline.errors import Interrupted, Unavailable, WorkFailed
from pipeline.process import TimeLimitExceeded, run_process

PYTHON = sys.executable


def test_output_and_exit_code_come_back() -> None:
    done = run_process(
        [PYTHON, "-c", "import sys; print('o'); print('e', file=sys.stderr); sys.exit(3)"]
    )
    assert (done.exit_code, done.text, done.error_text) == (3, "o\n", "e\n")


def test_input_is_piped_and_a_program_that_does_not_read_it_is_no_error() -> None:
    echo = "import sys; sys.stdout.write(sys.stdin.read().upper())"
    assert run_process([PYTHON, "-c", echo], stdin=b"abc").text == "ABC"
    assert run_process([PYTHON, "-c", "pass"], stdin=b"x" * 1_000_000).exit_code == 0


def test_lines_are_streamed_as_they_come_and_broken_text_survives() -> None:
    lines: list[str] = []
    code = r"import sys; sys.stdout.buffer.write(b'a\xff\r\nb')"
    done = run_process([PYTHON, "-c", code], on_line=lines.append)
    assert (lines, done.stdout) == (["a\ufffd", "b"], b"")


def test_a_missing_program_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="'no-such-program' was not found"):
        run_process(["no-such-program"])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return (
        Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True
    )


FAMILY = (
    "import subprocess, sys, time; "
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
    "open(sys.argv[1], 'w').write(str(child.pid)); time.sleep(60)"
)


def _grandchild_is_gone(pid_file: Path) -> bool:
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + 5
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _alive(pid)


def test_a_time_limit_ends_the_program_and_its_children(tmp_path: Path) -> None:
    with pytest.raises(TimeLimitExceeded, match="did not end within 1 s"):
        run_process([PYTHON, "-c", FAMILY, str(tmp_path / "pid")], timeout_s=1)
    assert _grandchild_is_gone(tmp_path / "pid")


def test_cancelling_ends_the_program_and_its_children(tmp_path: Path) -> None:
    cancel = threading.Event()
    pid_file = tmp_path / "pid"

    def when_started() -> None:
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.02)
        cancel.set()

    threading.Thread(target=when_started, daemon=True).start()
    with pytest.raises(Interrupted):
        run_process([PYTHON, "-c", FAMILY, str(pid_file)], cancel=cancel)
    assert _grandchild_is_gone(pid_file)


def test_a_program_whose_output_cannot_be_taken_is_ended(tmp_path: Path) -> None:
    """It would write on to nobody: the log of a step is on a disk that is full."""

    def take(_piece: bytes) -> None:
        raise WorkFailed("the disk is full")

    script = (
        "import time, pathlib; print('x', flush=True); time.sleep(20); pathlib.Path('on').touch()"
    )
    for tty in (False, True):
        with pytest.raises(WorkFailed, match="the disk is full"):
            run_process(
                [PYTHON, "-c", script],
                cwd=tmp_path,
                on_output=take,
                cancel=threading.Event(),
                tty=tty,
            )
    assert not (tmp_path / "on").exists()
