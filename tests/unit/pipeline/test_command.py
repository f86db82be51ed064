"""A task's frame: errors become words and exit codes, and never a traceback unless asked for."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TASKS = '''
import errno, os, time
from invoke import Collection
from pipeline.command import command
from pipeline.errors import InvalidInput, Location, Unavailable, WorkFailed

@command()
def fail(run, how):
    """Fail in one way or another."""
    run.console.masker.add("hunter22")
    if how == "ok":
        return
    if how == "work":
        raise WorkFailed("the work failed with hunter22", details=["log: hunter22"])
    if how == "input":
        raise InvalidInput("wrong", where=Location("a.yml", 3, 1, "b.c"), hint="correct it")
    if how == "missing":
        raise Unavailable("no engine")
    if how == "bug":
        raise ValueError("hunter22")
    if how == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if how == "read-only":
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/a/b")
    if how == "interrupt":
        raise KeyboardInterrupt
    try:
        print("ready", flush=True)
        time.sleep(30)
    finally:
        time.sleep(0.5)
        open("cleared", "w").close()

ns = Collection(fail)
'''


def invoke(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tasks.py").write_text(TASKS)
    return tmp_path


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [
        ("ok", 0, ""),
        ("work", 1, "error: the work failed with ****\n  log: ****\n"),
        ("input", 2, "error: a.yml:3:1 (b.c): wrong\nwhat to do: correct it\n"),
        ("missing", 3, "error: no engine\n"),
        ("interrupt", 130, "error: interrupted\n"),
    ],
)
def test_an_error_becomes_its_words_and_its_exit_code(
    folder: Path, how: str, code: int, said: str
) -> None:
    done = invoke(folder, "fail", "--how", how)
    assert (done.returncode, done.stderr, done.stdout) == (code, said, "")


@pytest.mark.parametrize(
    ("how", "code", "said"),
    [("full", 1, "No space left on device"), ("read-only", 3, "/a/b: Read-only file system")],
)
def test_a_disk_that_cannot_be_written_is_no_bug(
    folder: Path, how: str, code: int, said: str
) -> None:
    done = invoke(folder, "fail", "--how", how)
    assert done.returncode == code
    assert f"error: {said}\nwhat to do: make" in done.stderr
    assert "mistake in Orbyard" not in done.stderr


def test_a_bug_is_said_in_a_line_and_shown_in_full_only_when_asked_for(folder: Path) -> None:
    plain = invoke(folder, "fail", "--how", "bug")
    assert plain.returncode == 1
    assert "Traceback" not in plain.stderr
    assert "unexpected ValueError: ****" in plain.stderr
    detailed = invoke(folder, "--debug", "fail", "--how", "bug")
    assert "Traceback" in detailed.stderr
    assert "hunter22" not in detailed.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_task_with_130(folder: Path, number: signal.Signals) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "invoke", "fail", "--how", "sleep"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    started = time.monotonic()
    child.send_signal(number)
    _, err = child.communicate(timeout=20)
    assert child.returncode == 130
    assert "Traceback" not in err
    assert time.monotonic() - started < 10


def test_a_terminal_that_is_closed_ends_a_task_with_130(folder: Path) -> None:
    """There is nowhere to say why, which is not to become a mistake of its own."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        project = str(Path(__file__).resolve().parents[3])
        argv = [sys.executable, "-m", "invoke", "fail", "--how", "sleep"]
        os.execve(sys.executable, argv, {**os.environ, "PYTHONPATH": project})
    assert b"ready" in os.read(terminal, 100)
    os.close(terminal)
    time.sleep(0.2)
    os.kill(pid, signal.SIGHUP)  # as the shell does that began it
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 130
    assert (folder / "cleared").exists()
