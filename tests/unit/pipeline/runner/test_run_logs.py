"""The logs of a run's steps, found and followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InvalidInput
from pipeline.runner.model import JobResult, StepResult, StepStatus
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord
from pipeline.runner.run_logs import choose_steps, follow_logs, logged_steps
from pipeline.runner.view_blocks import tail


def write(folder: Path, name: str, text: str = "") -> Path:
    path = folder / "jobs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def ended(name: str, log: Path, status: StepStatus = "success") -> StepResult:
    return StepResult(name, "run", status, 1.0, 0, "config.yml:1", str(log))


def record(folder: Path) -> RunRecord:
    """A run with a job that ended and one that goes on."""
    steps = (
        ended("Run tests", write(folder, "test/1/00-Run-tests.log")),
        ended("Upload it", write(folder, "test/1/01-Upload-it.log"), "failed"),
    )
    write(folder, "build/00-make.log")
    result = JobResult("test", 1, "failed", 2.0, steps)
    jobs = (
        JobRecord("test", "build", parallelism=2, instances=(result,)),
        JobRecord("build", "build", status="running"),
    )
    return RunRecord("r", workflows=(WorkflowRecord("main", 1, "running", jobs),))


def names(folder: Path, **what: object) -> list[str]:
    steps = choose_steps(logged_steps(record(folder), folder), **what)  # type: ignore[arg-type]
    return [f"{step.job} {step.name}" for step in steps]


def test_steps_of_jobs_that_ended_and_of_those_that_go_on_are_found(tmp_path: Path) -> None:
    assert names(tmp_path) == ["test[1] Run tests", "test[1] Upload it", "build make"]


def test_an_artifact_that_is_called_like_a_log_is_none(tmp_path: Path) -> None:
    write(tmp_path, "build/artifacts/00-log.log")
    write(tmp_path, "build/artifacts/0/00-log.log")
    assert "00-log" not in " ".join(names(tmp_path))
    assert len(names(tmp_path)) == 3


@pytest.mark.parametrize(
    ("what", "found"),
    [
        ({"job": "test"}, ["test[1] Run tests", "test[1] Upload it"]),
        ({"job": "test[1]", "step": "2"}, ["test[1] Upload it"]),
        ({"step": "run tests"}, ["test[1] Run tests"]),
        ({"step": "a"}, ["test[1] Upload it", "build make"]),
        ({"failed": True}, ["test[1] Upload it"]),
        ({"job": "build", "failed": True}, []),
    ],
)
def test_steps_are_chosen(tmp_path: Path, what: dict[str, object], found: list[str]) -> None:
    assert names(tmp_path, **what) == found


def test_a_job_or_step_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        names(tmp_path, job="tets")
    assert "did you mean" in str(caught.value.hint)
    with pytest.raises(InvalidInput) as caught:
        names(tmp_path, job="build", step="zzz")
    assert caught.value.hint == "there are make"


def test_logs_are_followed_line_by_line_until_the_run_ends(tmp_path: Path) -> None:
    log = write(tmp_path, "test/00-a.log", "one\nhal")
    looks = iter([True, True, False])
    seen: list[str] = []

    def sleep(_seconds: float) -> None:
        if len(seen) == 1:
            with log.open("a") as file:
                file.write("f\nlast, without an end")
            write(tmp_path, "later/00-b.log", "of another\n")

    for step, line in follow_logs(tmp_path, lambda _: True, lambda: next(looks), sleep=sleep):
        seen.append(f"{step.job}: {line}")
    assert seen == ["test: one", "later: of another", "test: half", "test: last, without an end"]


@pytest.mark.parametrize(
    ("text", "limit", "lines"),
    [
        ("", 3, []),
        ("\n", 3, [""]),
        ("a\nb\nc\n", 2, ["b", "c"]),
        ("a\nb", 5, ["a", "b"]),
        ("a\n\n", 5, ["a", ""]),
        ("é" * 400_000 + "\nb\n", 1, ["b"]),
    ],
)
def test_the_last_lines_of_a_log(tmp_path: Path, text: str, limit: int, lines: list[str]) -> None:
    log = tmp_path / "x.log"
    log.write_text(text)
    assert tail(log, limit) == lines
    assert tail(tmp_path / "missing", limit) == []
