"""What a person sees of real runs, in a terminal and elsewhere."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from collections.abc import Callable

from tests.integration.runner.harness import Checkout
from tests.terminal import Terminal

CONFIG = """
version: 2.1
jobs:
  good:
    docker: [{image: PLAIN}]
    steps: [run: {name: Go well, command: 'echo "output of good"'}]
  bad:
    docker: [{image: PLAIN}]
    steps:
      - run: {name: Fail, command: 'printf "\\033[31mboom\\033[0m\\033[2J\\n"; exit 3'}
  waits:
    docker: [{image: PLAIN}]
    steps: [run: {name: Deploy, command: echo deployed}]
workflows:
  main:
    jobs: [good, bad, {hold: {type: approval}}, waits: {requires: [hold]}]
"""


class Session:
    """A run in a terminal."""

    def __init__(self, checkout: Checkout, *words: str) -> None:
        self.terminal = Terminal(100, 30)
        argv = checkout.argv(*words)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(checkout.folder)
            environ = checkout.environ() | {"TERM": "xterm-256color"}
            for name in ("NO_COLOR", "CI"):
                environ.pop(name, None)
            os.execve(sys.executable, argv, environ)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self._rest = b""

    def shows(self, text: str) -> None:
        """Wait until the screen shows a text."""
        self.until(lambda: text in "\n".join(self.terminal.screen))

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 90
        while not holds():
            assert self._read(), "\n".join(self.terminal.everything)
            assert time.monotonic() < deadline, "\n".join(self.terminal.everything)

    def press(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def ended(self) -> tuple[int, list[str]]:
        """Wait until the run ends; return its exit code and all lines that were shown."""
        while self._read():
            continue
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status), self.terminal.everything

    def _read(self) -> bool:
        ready, _, _ = select.select([self.fd], [], [], 1)
        if not ready:
            return True
        try:
            data = self._rest + os.read(self.fd, 65536)
        except OSError:
            return False  # The program at the other end is gone.
        # A character or a control sequence may be cut in two.
        cut = re.search(rb"(?:\x1b(?:\[[0-9;?]*)?|[\xc0-\xff][\x80-\xbf]{0,2})\Z", data)
        whole = data[: cut.start()] if cut else data
        try:
            self.terminal.write(whole.decode())
            self._rest = data[len(whole) :]
        except UnicodeDecodeError:
            self._rest = data
        return True


def test_a_run_in_a_terminal(checkout: Checkout) -> None:
    checkout.write(CONFIG)
    session = Session(checkout, "--jobs", "2")
    session.shows("? Approve hold?  y lets it pass, n cancels it")
    session.press("y")
    code, lines = session.ended()
    text = "\n".join(lines)
    assert code == 1
    assert "    ✓ Go well" in text
    assert "output of good" not in text
    assert re.search(r"    ✗ Fail \(\S+\)  exit code 3\n", text)
    assert "        boom\n        Exited with code exit status 3\n" in text
    assert "        written at .circleci/config.yml:10:9\n" in text
    assert "    ✓ Deploy" in text
    assert "hold: success" in text
    assert "  ✗ bad: Fail: exit code 3" in text
    assert "  to go on: orbyard ci.run --failed last" in text
    assert session.terminal.shows_cursor
    assert session.terminal.wraps


def test_ctrl_c_says_at_once_what_is_waited_for(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  build:
    docker: [{image: PLAIN}]
    steps: [run: {name: Sleep, command: 'trap "" TERM; echo asleep; while :; do sleep 1; done'}]
""")
    session = Session(checkout)
    session.shows("│ asleep")
    session.press("\x03")
    session.shows("stopping: waiting for build (Sleep)")
    code, lines = session.ended()
    assert code == 130
    assert any(re.fullmatch(r"    ! Sleep \(\S+\)  stopped", line) for line in lines)
    assert any(line.startswith("! canceled in") for line in lines)


def test_a_step_that_prints_much_is_kept_whole_and_shown_at_its_end(checkout: Checkout) -> None:
    done = checkout.build("- run: {name: Much, command: 'seq 300000; exit 1'}\n")
    assert "… 299,603 lines more in the log" in done.stderr
    assert done.stderr.count("\n") < 500
    lines = checkout.steps()["Much"]["lines"]
    assert len(lines) == 300_003
    assert lines[2] == "1"


def test_events_are_json_lines(checkout: Checkout) -> None:
    checkout.write(CONFIG)
    done = checkout.run("--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "run_started"
    assert events[-1] == {**events[-1], "event": "run_ended", "status": "failed"}
    (ended,) = [one for one in events if one["event"] == "step_ended" and one["job"] == "bad"]
    assert (ended["name"], ended["status"], ended["exit_code"]) == ("Fail", "failed", 3)
    assert done.stderr == ""


def test_logs_are_found_again(checkout: Checkout) -> None:
    checkout.write(CONFIG)
    checkout.run()
    logs = checkout.run("--job", "good", task="ci.logs")
    assert logs.stdout.endswith("output of good\n")
    assert checkout.run(task="ci.logs").stdout.endswith("Exited with code exit status 3\n")
    assert "failed" in checkout.run(task="ci.runs").stdout
