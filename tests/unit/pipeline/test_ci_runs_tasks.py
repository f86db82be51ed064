"""The tasks ci.runs, ci.logs and ci.artifacts, as a user runs them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.runner.model import JobResult, StepResult, StepStatus
from pipeline.runner.record import JobRecord, RunRecord, RunStatus, WorkflowRecord, write_record
from pipeline.runner.run_retention import running
from pipeline.runner.schedule import Status
from tests.unit.pipeline.in_process import Orbyard, run_program

FIRST, SECOND = "20300101-000000-aaaaaa", "20300102-000000-bbbbbb"


@dataclass
class Project:
    folder: Path

    def run(
        self, name: str, status: RunStatus, *jobs: JobRecord, process: int = 1, branch: str = "main"
    ) -> Path:
        folder = self.folder / ".orbyard" / "runs" / name
        folder.mkdir(parents=True, exist_ok=True)
        flow = WorkflowRecord("main", 1, status, jobs)
        record = RunRecord(
            name, status, 1_800_000_000.0, 62.0, process, branch=branch, workflows=(flow,)
        )
        write_record(record, folder)
        return folder

    def job(
        self, run: str, name: str, status: Status, *steps: tuple[str, StepStatus, str]
    ) -> JobRecord:
        folder = self.folder / ".orbyard" / "runs" / run / "jobs" / name
        folder.mkdir(parents=True)
        done = []
        for number, (step, how, text) in enumerate(steps):
            log = folder / f"{number:02d}-{step}.log"
            log.write_text(text)
            code = 0 if how == "success" else 3
            done.append(StepResult(step, "run", how, 1.0, code, "config.yml:7:9", str(log)))
        result = JobResult(name, 0, status, 2.0, tuple(done), folder=str(folder))
        return JobRecord(name, "build", status=status, instances=(result,))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = tmp_path / "app"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.chdir(folder)
    return Project(folder)


@pytest.fixture
def orbyard(capsys: pytest.CaptureFixture[str]) -> Orbyard:
    return lambda *words: run_program(words, capsys)


def a_failed_run(project: Project) -> None:
    test = project.job(
        FIRST,
        "test",
        "failed",
        ("Install", "success", "installed\n"),
        ("Run tests", "failed", "1 of 2 \x1b[31mfailed\x1b[0m\x1b[2J\n"),
    )
    lint = project.job(FIRST, "lint", "success", ("Rubocop", "success", "no offenses\n"))
    project.run(FIRST, "failed", test, lint)


def test_runs_are_listed_the_newest_first(project: Project, orbyard: Orbyard) -> None:
    a_failed_run(project)
    project.run(SECOND, "success", branch="feature")
    lines = orbyard("ci.runs").out.splitlines()
    assert lines[0].split() == ["ID", "WHEN", "STATUS", "TOOK", "OF", "WHAT", "FAILED"]
    assert [line.split()[:2] for line in lines[1:]] == [["✓", SECOND], ["✗", FIRST]]
    assert "failed   1m 02s  main     main  test" in lines[2]
    assert len(orbyard("ci.runs", "--limit", "1").out.splitlines()) == 2
    assert orbyard("ci.runs", "--limit", "0").code == 2


def test_runs_are_printed_as_json(project: Project, orbyard: Orbyard) -> None:
    a_failed_run(project)
    (found,) = json.loads(orbyard("ci.runs", "--json").out)
    assert (found["id"], found["status"], found["failed"]) == (FIRST, "failed", ["test"])
    assert (found["branch"], found["seconds"]) == ("main", 62.0)


def test_a_run_whose_process_is_gone_was_killed(project: Project, orbyard: Orbyard) -> None:
    folder = project.run(FIRST, "running")
    with running(folder):
        assert "running" in orbyard("ci.runs").out
    assert "killed" in orbyard("ci.runs").out
    (found,) = json.loads(orbyard("ci.runs", "--json").out)
    assert found["status"] == "killed"


def test_without_a_run_it_is_said_how_to_make_one(project: Project, orbyard: Orbyard) -> None:
    assert project.folder.is_dir()
    assert "`orbyard ci.run` makes one" in orbyard("ci.runs").err
    missing = orbyard("ci.logs")
    assert missing.code == 2
    assert "there is no run yet" in missing.err


def test_the_logs_of_what_failed_are_printed_without_what_would_move_the_cursor(
    project: Project, orbyard: Orbyard
) -> None:
    a_failed_run(project)
    done = orbyard("ci.logs")
    assert done.out == "1 of 2 failed\n"
    assert done.err == "✗ test › Run tests exit code 3, 1.0s, written at config.yml:7:9\n"


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("--all",), "installed\n1 of 2 failed\nno offenses\n"),
        (("last", "--job", "lint"), "no offenses\n"),
        (("aaaaaa", "--step", "install"), "installed\n"),
        ((FIRST, "--failed"), "1 of 2 failed\n"),
        (("--job", "lint", "--failed"), ""),
    ],
)
def test_logs_are_chosen(
    project: Project, orbyard: Orbyard, words: tuple[str, ...], printed: str
) -> None:
    a_failed_run(project)
    assert orbyard("ci.logs", *words).out == printed


def test_of_a_run_that_went_well_all_logs_are_printed(project: Project, orbyard: Orbyard) -> None:
    project.run(SECOND, "success", project.job(SECOND, "a", "success", ("x", "success", "hi\n")))
    assert orbyard("ci.logs").out == "hi\n"
    assert "no step failed" in orbyard("ci.logs", "--failed").err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--job", "tset"), "there is no log of a job 'tset'"),
        (("--failed", "--all"), "--failed goes neither with --all nor with --follow"),
        (("a", "b"), "one run at a time, not a, b"),
        (("nothing",), "there is no run 'nothing'"),
    ],
)
def test_what_cannot_be_is_refused(
    project: Project, orbyard: Orbyard, words: tuple[str, ...], message: str
) -> None:
    a_failed_run(project)
    done = orbyard("ci.logs", *words)
    assert done.code == 2
    assert message in done.err


def test_artifacts_are_listed_with_their_sizes(project: Project, orbyard: Orbyard) -> None:
    job = project.job(FIRST, "test", "success")
    project.run(FIRST, "success", job)
    assert "stored no artifacts" in orbyard("ci.artifacts").err
    file = Path(job.instances[0].folder) / "artifacts" / "coverage" / "index.html"
    file.parent.mkdir(parents=True)
    file.write_text("x" * 2000)
    (line,) = orbyard("ci.artifacts").out.splitlines()
    shown = f".orbyard/runs/{FIRST}/jobs/test/artifacts/coverage/index.html"
    assert line.split()[0] == "test"
    assert line.endswith(shown)
    (found,) = json.loads(orbyard("ci.artifacts", "last", "--json").out)
    assert found == {"job": "test", "path": str(file), "size_bytes": 2000}
    assert orbyard("ci.artifacts", "--job", "deploy").code == 2
