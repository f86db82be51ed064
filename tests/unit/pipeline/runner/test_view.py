"""A run as it is printed where nothing can be redrawn, as in the log of a CI service."""

from __future__ import annotations

import io
import sys
import unicodedata
from pathlib import Path

import pytest

from pipeline.output import Console
from pipeline.runner.model import JobResult
from pipeline.runner.view import View, open_view, still_running
from pipeline.runner.view_state import RunState, ShownJob, ShownStep, StepStart
from tests.unit.pipeline.runner.view_runs import WHERE, Told, job_spec, record_of


class Plain(Told):
    """Told to a plain view, with what it printed."""

    def __init__(self, folder: Path, *, quiet: bool = False, colour: bool = False) -> None:
        self.stream = io.StringIO()
        self.console = Console(err=self.stream, colour=colour)
        super().__init__(View(self.console, quiet=quiet), folder)
        self.view.__enter__()

    @property
    def text(self) -> str:
        self.view.flush()
        return self.stream.getvalue()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@pytest.fixture
def plain(tmp_path: Path) -> Plain:
    return Plain(tmp_path)


def test_a_step_is_printed_as_a_block_when_it_ends(plain: Plain) -> None:
    spec = plain.begin("test")
    step = plain.step(spec, "Run tests")
    plain.output(step, "one", "two")
    assert plain.lines == ["==> test"]
    plain.end_step(step, note="2 tests")
    plain.end(spec)
    assert plain.lines == [
        "==> test",
        "  ✓ Run tests (1.2s)  2 tests",
        "      one",
        "      two",
        "✓ test: success (3.0s)",
    ]


def test_of_jobs_at_the_same_time_each_line_says_whose_it_is(plain: Plain) -> None:
    first, second = plain.begin("lint"), plain.begin("test", index=1, parallelism=2)
    step = plain.step(second, "Run tests")
    plain.output(step, "one")
    plain.end_step(step)
    plain.end(first)
    assert plain.lines[2:4] == ["test[1] | ✓ Run tests (1.2s)", "test[1] |     one"]


def test_a_long_output_of_a_step_that_went_well_is_printed_whole(plain: Plain) -> None:
    step = plain.step(plain.begin("test"), "Run tests")
    plain.output(step, *(f"line {number}" for number in range(3000)))
    plain.end_step(step)
    assert sum("line" in line for line in plain.lines) == 3000


def test_of_a_step_that_failed_the_end_is_printed_with_its_place_and_log(plain: Plain) -> None:
    step = plain.step(plain.begin("test"), "Run tests")
    plain.output(step, *(f"line {number}" for number in range(12_434)))
    plain.end_step(step, "failed", 7)
    assert plain.lines[1:4] == [
        "  ✗ Run tests (1.2s)  exit code 7",
        "      … 12,034 lines more in the log",
        "      line 12034",
    ]
    assert plain.lines[-2:] == [f"      written at {WHERE}", f"      log {step.start.log}"]


def test_quiet_leaves_out_what_went_well(tmp_path: Path) -> None:
    plain = Plain(tmp_path, quiet=True)
    spec = plain.begin("test")
    install, tests = plain.step(spec, "Install", 1), plain.step(spec, "Run tests", 2)
    plain.output(install, "output of Install")
    plain.output(tests, "output of Run tests")
    plain.end_step(install)
    plain.end_step(tests, "failed")
    assert "output of Install" not in plain.text
    assert "output of Run tests" in plain.text


def test_no_control_character_reaches_a_log(plain: Plain) -> None:
    step = plain.step(plain.begin("te\x1b[2Jst"), "Run\x07 tests")
    plain.output(step, "\x1b[31mred\x1b[0m", "10%\r100%", "\x1b]0;title\x07x")
    plain.end_step(step)
    assert not [c for c in plain.text if unicodedata.category(c) == "Cc" and c != "\n"]
    assert "      100%\n" in plain.text


def test_colours_of_steps_are_kept_where_colours_are_wanted(tmp_path: Path) -> None:
    plain = Plain(tmp_path, colour=True)
    step = plain.step(plain.begin("test"), "Run tests")
    plain.output(step, "\x1b[31mred\x1b[2J")
    plain.end_step(step)
    assert "\x1b[31mred\x1b[0m" in plain.text
    assert "\x1b[2J" not in plain.text


def test_words_of_others_come_in_their_turn_and_masked(plain: Plain) -> None:
    plain.console.masker.add("hunter2-hunter2")
    plain.begin("test")
    plain.console.warning("the store is full of hunter2-hunter2")
    plain.view.note("pulling debian", "test")
    assert plain.lines == [
        "==> test",
        "  ! warning: the store is full of ****",
        "  test: pulling debian",
    ]
    plain.view.close()
    plain.console.line("afterwards")
    assert plain.stream.getvalue().endswith("afterwards\n")


def test_a_stop_is_said_at_once_with_what_is_waited_for(plain: Plain) -> None:
    first = plain.begin("lint")
    plain.begin("test")
    step = plain.step(first, "Run")
    plain.view.stopping()
    plain.view.stopping()
    assert plain.lines[2:] == ["==> Stopping: waiting for lint (Run), test"]
    plain.output(step, "its output is no news")
    plain.end_step(step, "failed", 130)
    assert plain.lines[-1] == "lint | ! Run (1.2s)  stopped"


def test_a_job_that_did_not_run_says_why(plain: Plain) -> None:
    flow = plain.workflow("deploy", "hold")
    plain.view.job_changed(flow, record_of("deploy", "not_run", reason="requirements not met"))
    plain.view.job_changed(flow, record_of("hold", "on_hold", reason="waits for approval"))
    assert plain.lines == ["? hold: waits for approval"]


def test_a_job_that_no_machine_here_can_run_says_so(plain: Plain, tmp_path: Path) -> None:
    spec = job_spec("ios", tmp_path)
    plain.view.instance_started(spec)
    plain.view.instance_finished(spec, JobResult("ios", 0, "not_run", 0.0, (), "a macOS job"))
    assert plain.lines[-1] == "- ios: not run: a macOS job"


def test_after_a_silence_a_word_tells_what_still_runs(tmp_path: Path) -> None:
    spec = job_spec("test", tmp_path)
    start = StepStart(1, "Run tests", "run", WHERE, "log")
    step = ShownStep(spec, start, lambda _step, _result: None, began=10.0)
    state = RunState()
    assert still_running(state, 130.0) == ""
    state.jobs = {"test": ShownJob(spec, began=0.0, step=step)}
    assert still_running(state, 130.0) == "… still running: test: Run tests (2m 00s)"
    state.jobs |= {f"job-{n}": ShownJob(job_spec(f"job-{n}", tmp_path), 0.0) for n in range(9)}
    assert still_running(state, 130.0).endswith("job-3: preparing (2m 10s) and 5 more")


def test_what_is_said_while_the_view_is_closed_is_not_lost(plain: Plain) -> None:
    plain.view.close()
    plain.view.note("late")
    assert plain.stream.getvalue() == "  late\n"


def test_a_stream_that_is_no_terminal_gets_the_plain_view(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    view = open_view(Console(err=io.StringIO()))
    assert type(view) is View
    with view:
        assert view.ask("Approve hold?") is None
