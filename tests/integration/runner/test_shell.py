"""`ci.run --shell`, as somebody at a terminal uses it."""

from __future__ import annotations

import os
import select
import subprocess
import time

import pytest

from tests.integration.runner.harness import Checkout

CONFIG = """
version: 2.1
jobs:
  build:
    EXECUTOR
    environment: {OF_JOB: job}
    steps:
      - run: echo 'export CARRIED=over' >> "$BASH_ENV"
      - run: {name: breaks, command: 'echo tried; test -f mended', environment: {OF_STEP: step}}
      - run: {name: after, command: test -f mended, when: always}
workflows: {main: {jobs: [build]}}
"""
EXECUTORS = {"docker": "docker: [{image: IMAGE}]", "host": "machine: true"}


class Person:
    """Types at a terminal, and reads what is printed there."""

    def __init__(self, checkout: Checkout, *words: str) -> None:
        self._terminal, theirs = os.openpty()
        self.child = subprocess.Popen(
            checkout.argv(*words),
            cwd=checkout.folder,
            env={**checkout.environ(), "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.screen = ""

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + 60
        while text not in self.screen:
            assert time.monotonic() < deadline, self.screen
            if not select.select([self._terminal], [], [], 1)[0]:
                continue
            try:
                self.screen += os.read(self._terminal, 65536).decode(errors="replace")
            except OSError:
                break
        assert text in self.screen, self.screen

    def type(self, line: str) -> None:
        self.screen = ""
        os.write(self._terminal, line.encode() + b"\n")

    def end(self) -> int:
        try:
            while chunk := os.read(self._terminal, 65536):
                self.screen += chunk.decode(errors="replace")
        except OSError:
            pass
        os.close(self._terminal)
        return self.child.wait(timeout=60)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_where_a_step_failed_a_shell_has_its_variables_and_runs_it_again(
    checkout: Checkout, executor: str
) -> None:
    checkout.write(CONFIG.replace("EXECUTOR", EXECUTORS[executor]))
    person = Person(checkout, "--shell")
    person.read_until("`rerun` runs the step's command again")
    person.type('echo "<$CARRIED $OF_STEP $OF_JOB>"')
    person.read_until("<over step job>")
    person.type("sleep 600; true")
    time.sleep(0.5)
    person.type("\x03")
    person.type("rerun || touch mended; rerun && echo it goes w''ell")
    person.read_until("exit code 1")
    person.read_until("it goes well")
    person.type("exit")
    assert person.end() == 1
    statuses = [step["status"] for step in checkout.jobs()["build"]["steps"]]
    assert statuses == ["success", "failed", "success"]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_a_run_that_is_told_to_end_does_not_wait_for_its_shell(
    checkout: Checkout, executor: str
) -> None:
    checkout.write(CONFIG.replace("EXECUTOR", EXECUTORS[executor]))
    person = Person(checkout, "--shell")
    person.read_until("build:~/project")
    person.child.terminate()
    assert person.end() == 130


def test_a_shell_opens_before_a_step_which_then_goes_on(checkout: Checkout) -> None:
    checkout.write(CONFIG.replace("EXECUTOR", "docker: [{image: PLAIN}]"))
    person = Person(checkout, "--shell-at", "breaks")
    person.read_until("`rerun` runs the step's command again")
    person.type("touch mended; exit")
    assert person.end() == 0


def test_a_step_that_no_job_comes_to_is_told(checkout: Checkout) -> None:
    checkout.build("- run: echo")
    person = Person(checkout, "--shell-at", "misspelt")
    assert person.end() == 0
    assert "--shell-at misspelt: no job came to a step of that name" in person.screen


def test_without_a_terminal_there_is_no_shell(checkout: Checkout) -> None:
    checkout.write(CONFIG.replace("EXECUTOR", "docker: [{image: PLAIN}]"))
    done = checkout.run("--shell")
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
