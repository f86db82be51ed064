"""A run in a terminal, as the screen shows it."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.output import Console
from pipeline.runner.model import JobResult, StepResult
from pipeline.runner.record import RunRecord
from pipeline.runner.view_frame import frame_lines
from pipeline.runner.view_live import LiveView, can_be_live
from pipeline.runner.view_state import RunState, ShownJob, ShownStep, StepStart
from pipeline.runner.view_text import cut, width_of
from tests.terminal import Terminal
from tests.unit.pipeline.runner.view_runs import WHERE, Told, job_spec, record_of


class Stream(io.StringIO):
    """A stream into a terminal, which is none for who asks."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def write(self, text: str) -> int:
        return self._terminal.write(text)


class Live(Told):
    """Told to a live view, with the terminal that it draws in."""

    def __init__(self, folder: Path, width: int = 80, height: int = 24) -> None:
        self.terminal = Terminal(width, height)
        console = Console(err=Stream(self.terminal), colour=True)
        super().__init__(LiveView(console, size=lambda: (width, height)), folder)
        self.view.__enter__()

    def shows(self, *texts: str) -> list[str]:
        """Wait until the screen shows all the texts, in this order."""
        return self.until(lambda: in_order("\n".join(self.terminal.screen), texts))

    def until(self, holds: Callable[[], bool]) -> list[str]:
        for _ in range(400):
            if holds():
                return self.terminal.screen
            threading.Event().wait(0.02)
        raise AssertionError("\n".join(self.terminal.screen))

    def ended(self) -> list[str]:
        self.view.close()
        return self.terminal.everything


def in_order(text: str, parts: tuple[str, ...]) -> bool:
    position = 0
    for part in parts:
        position = text.find(part, position)
        if position < 0:
            return False
    return True


def test_a_terminal_of_a_ci_service_is_not_drawn_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert not can_be_live()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    made = Live(tmp_path)
    yield made
    made.view.close()


def test_a_job_alone_shows_its_steps_and_the_output_of_the_one_that_runs(live: Live) -> None:
    live.workflow("test", "deploy")
    spec = live.begin("test")
    live.end_step(live.step(spec, "Checkout code", 0), note="214 files")
    step = live.step(spec, "Run tests", 2)
    live.output(step, "one", "\x1b[2J\x1b[31mtwo\x1b[0m", "10%\r20%")
    step.unfinished = lambda: "....F"
    screen = live.shows(
        " test  ",
        "  ✓ Checkout code (1.2s)  214 files",
        " 3/3 Run tests",
        "    │ one",
        "    │ two",
        "    │ 20%",
        "    │ ....F",
        "1 running · 2 waiting",
    )
    assert len(screen) == 8


def test_a_job_that_did_not_run_or_took_too_long_says_so_in_words(live: Live) -> None:
    live.workflow("ios", "slow")
    ios = live.begin("ios")
    live.view.instance_finished(ios, JobResult("ios", 0, "not_run", 0.0, (), "a macOS job"))
    live.end(live.begin("slow"), "timedout")
    assert live.ended() == ["- ios  not run: a macOS job", "✗ slow  3.0s  timed out"]


def test_a_finished_job_is_a_block_above_what_runs(live: Live) -> None:
    live.workflow("lint", "test")
    first, second = live.begin("lint"), live.begin("test")
    step = live.step(first, "Run rubocop")
    live.output(step, "no offenses")
    live.end(first, "success", live.end_step(step))
    live.output(live.step(second, "Run tests"), "....")
    live.shows("✓ lint  3.0s", "    ✓ Run rubocop (1.2s)", " test", "Run tests", "....")
    assert "no offenses" not in live.terminal.written.partition("✓ lint")[2]


def test_a_failed_step_is_unfolded_with_its_place_and_what_is_not_shown_is_counted(
    tmp_path: Path,
) -> None:
    live = Live(tmp_path, 300, 24)
    spec = live.begin("test")
    step = live.step(spec, "Run tests")
    live.output(step, *(f"line {number}" for number in range(250)))
    live.end(spec, "failed", live.end_step(step, "failed", 3))
    lines = live.ended()
    assert lines[:5] == [
        "✗ test  3.0s  failed",
        "    ✗ Run tests (1.2s)  exit code 3",
        "        … 150 lines more in the log",
        "        line 150",
        "        line 151",
    ]
    assert lines[-2] == f"        written at {WHERE}"
    assert lines[-1].startswith("        log ")


def test_an_approval_is_asked_for_below_what_runs_and_answered_by_a_key(live: Live) -> None:
    live.begin("test")
    keys = iter(["", "\r", "x", "y"])
    live.view._keyboard.key = lambda _timeout: next(keys)  # type: ignore[attr-defined]
    answers: list[bool | None] = []
    asked = threading.Event()
    keys_of_test = live.view._keyboard.key  # type: ignore[attr-defined]

    def key(timeout: float) -> str:
        asked.wait(20)
        return str(keys_of_test(timeout))

    live.view._keyboard.key = key  # type: ignore[attr-defined]
    thread = threading.Thread(target=lambda: answers.append(live.view.ask("Approve hold?")))
    thread.start()
    live.shows("test", "running", "? Approve hold?  y lets it pass, n cancels it")
    asked.set()
    thread.join(20)
    assert answers == [True]
    live.until(lambda: not any("Approve" in line for line in live.terminal.screen))


def test_a_question_is_given_up_when_the_run_is_stopped(live: Live) -> None:
    live.view._keyboard.key = lambda _timeout: ""  # type: ignore[attr-defined]
    answers: list[bool | None] = []
    thread = threading.Thread(target=lambda: answers.append(live.view.ask("Approve hold?")))
    thread.start()
    live.shows("? Approve hold?  y lets it pass, n cancels it")
    live.view.stopping()
    thread.join(20)
    assert answers == [None]


def test_a_stop_shows_at_once_what_is_waited_for(live: Live) -> None:
    spec = live.begin("test")
    step = live.step(spec, "Run tests")
    live.view.stopping()
    live.shows("stopping: waiting for test (Run tests)")
    live.end(spec, "canceled", live.end_step(step, "failed", 130))
    assert live.ended() == ["! test  3.0s  canceled", "    ! Run tests (1.2s)  stopped"]


def test_of_many_jobs_one_that_went_well_is_a_single_line(live: Live) -> None:
    live.workflow(*(f"job-{number}" for number in range(13)))
    for number in range(2):
        spec = live.begin(f"job-{number}")
        live.end(spec, "success", live.end_step(live.step(spec, "Run")))
    assert live.ended() == ["✓ job-0  3.0s", "✓ job-1  3.0s"]


def test_somebody_else_gets_the_terminal_after_the_failure_was_shown(live: Live) -> None:
    spec = live.begin("test")
    step = live.step(spec, "Run tests")
    live.output(step, "boom")
    live.end_step(step, "failed", 3)
    with live.view.paused("test") as say:
        say("shell in test")
        assert live.terminal.screen[-1] == "shell in test"
        assert in_order("\n".join(live.terminal.screen), ("Run tests", "boom", "shell in test"))
    live.shows("shell in test", " test")


def test_a_word_about_a_job_that_has_no_step_yet_stands_behind_it(live: Live) -> None:
    live.begin("test")
    live.begin("lint")
    live.view.note("pulling cimg/ruby:3.3", "test")
    live.view.note("of the run")
    live.shows("  of the run", " test", "pulling cimg/ruby:3.3", " lint", "preparing")


def test_the_run_is_named_first(live: Live) -> None:
    live.view.run_started(RunRecord("20300101-000000-abcdef", branch="main"))
    live.shows("==> run 20300101-000000-abcdef of main")


# The live part alone


def plain_style(text: str, *_: str) -> str:
    return text


def shown_job(name: str, folder: Path, *lines: str) -> ShownJob:
    spec = job_spec(name, folder)
    start = StepStart(1, "Run part", "run", WHERE, "log")
    step = ShownStep(spec, start, lambda _step, _result: None, began=90.0)
    step.take(list(lines))
    return ShownJob(spec, began=80.0, step=step)


def state_of(count: int, folder: Path, *lines: str) -> RunState:
    jobs = {f"job-{n}": shown_job(f"job-{n}", folder, *lines) for n in range(count)}
    records = {"main": {name: record_of(name, "running") for name in jobs}}
    return RunState(began=70.0, jobs=jobs, records=records)


def test_several_jobs_share_the_room(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(15)]
    shown = frame_lines(state_of(4, tmp_path, *lines), 80, 24, 100.0, plain_style)
    assert len(shown) == 4 * 5 + 1
    assert shown[:5] == [
        "⠋ job-0      20s  2/3 Run part 10s",
        *(f"    │ line {number}" for number in range(11, 15)),
    ]
    assert shown[-1] == "4 running · 30s"


def test_a_job_in_which_a_step_failed_is_told_while_it_goes_on(tmp_path: Path) -> None:
    state = state_of(2, tmp_path)
    failed = StepResult("Run", "run", "failed", 1.0, 3, WHERE, "log")
    state.jobs["job-1"].done.append((failed, 5))
    shown = frame_lines(state, 80, 24, 100.0, plain_style)
    assert [line[:7] for line in shown[:2]] == ["⠋ job-0", "✗ job-1"]


def test_where_there_is_room_for_a_line_each_the_output_stands_behind(tmp_path: Path) -> None:
    shown = frame_lines(state_of(20, tmp_path, "one", "two"), 80, 24, 100.0, plain_style)
    assert len(shown) == 21
    assert shown[0] == "⠋ job-0       20s  2/3 Run part 10s │ two"
    narrow = frame_lines(state_of(20, tmp_path, "one", "two"), 50, 24, 100.0, plain_style)
    assert narrow[0] == "⠋ job-0       20s  2/3 Run part 10s"


def test_of_more_jobs_than_lines_the_rest_is_counted(tmp_path: Path) -> None:
    shown = frame_lines(state_of(200, tmp_path), 60, 20, 100.0, plain_style)
    assert len(shown) == 18
    assert shown[-2:] == ["  … and 184 more running", "200 running · 30s"]


def test_jobs_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    state = state_of(1, tmp_path)
    state.records["main"] |= {
        name: record_of(name, status)
        for name, status in {
            "a": "waiting",
            "b": "success",
            "c": "success",
            "d": "failed",
            "e": "on_hold",
        }.items()
    }  # type: ignore[misc]  # a status is a text with few values
    foot = frame_lines(state, 80, 24, 100.0, plain_style)[-1]
    assert foot == "1 running · 1 waiting · 2 done · 1 failed · 1 on hold · 30s"


@given(
    count=st.integers(0, 60),
    width=st.integers(10, 120),
    height=st.integers(4, 50),
    lines=st.lists(st.text(max_size=200), max_size=30),
)
def test_the_live_part_never_outgrows_the_screen(
    count: int, width: int, height: int, lines: list[str]
) -> None:
    state = state_of(count, Path("/nowhere"), *lines)
    state.question = "Approve hold?"
    shown = frame_lines(state, width, height, 100.0, plain_style)
    assert len(shown) < height
    assert all(width_of(cut(line, width - 1)) < width for line in shown)
    assert not any("\n" in line for line in shown)
