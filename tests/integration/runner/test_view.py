"""What a person sees of real runs, in a terminal and elsewhere."""

from __future__ import annotations

import json
import re

from tests.integration.runner.harness import Checkout
from tests.integration.runner.session import Session

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
