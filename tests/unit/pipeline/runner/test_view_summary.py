"""The last page of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.runner.model import JobResult, StepResult, StepStatus
from pipeline.runner.record import JobRecord, RunRecord, RunStatus, WorkflowRecord
from pipeline.runner.schedule import Status
from pipeline.runner.view_summary import summary_lines

BEGAN = 1_800_000_000.0


def step(
    name: str, seconds: float, status: StepStatus = "success", log: str = "", code: int = 0
) -> StepResult:
    return StepResult(name, "run", status, seconds, code, "config.yml:7:9", log, started_at=BEGAN)


def job(
    name: str,
    after: float,
    seconds: float,
    *steps: StepResult,
    status: Status = "success",
    requires: tuple[str, ...] = (),
    reason: str = "",
    facts: dict[str, Any] | None = None,
    **more: Any,
) -> JobRecord:
    start = BEGAN + after
    result = JobResult(name, 0, status, seconds, steps, reason, facts or {}, started_at=start)
    needs = dict.fromkeys(requires, ("success",))
    return JobRecord(
        name,
        "build",
        status=status,
        requires=needs,
        started_at=start,
        seconds=seconds,
        instances=(result,),
        **more,
    )


def summary(*jobs: JobRecord, status: RunStatus = "success", **more: Any) -> list[str]:
    record = RunRecord(
        "20300101-000000-abcdef",
        status=status,
        started_at=BEGAN,
        seconds=62.0,
        workflows=(WorkflowRecord("main", 1, status, jobs),),
        **more,
    )
    return list(summary_lines(record, Path("/runs/x"), lambda text, *_: text))


def test_every_job_is_a_row_with_its_time_and_what_it_did() -> None:
    facts = {
        "tests": {"total": 1280, "failed": 0, "skipped": 3},
        "caches": [
            {"key": "a", "action": "restored"},
            {"key": "b", "action": "missed"},
            {"key": "b", "action": "saved"},
        ],
    }
    lines = summary(
        job("日本", 0, 12), job("test", 12, 45, requires=("日本",), facts=facts, reason="")
    )
    assert lines[1:4] == [
        "==> Summary",
        "  ✓ 日本      12s",
        "  ✓ test      45s  1,280 tests, cache hit, cache miss",
    ]
    assert "  critical path  日本 12s → test 45s" in lines
    assert "  caches         1 found, 1 missed, 1 saved" in lines
    assert "  tests          1,280, 3 skipped" in lines
    assert lines[-1] == "✓ went well in 1m 02s; logs in /runs/x"


def test_waiting_for_room_is_told_with_the_critical_path() -> None:
    lines = summary(job("a", 0, 10), job("b", 15, 10, requires=("a",)))
    assert "  critical path  a 10s → b 10s, and 5.0s of waiting for room" in lines


def test_the_slowest_steps_are_told() -> None:
    steps = [step(f"step {number}", number) for number in (0.2, 4, 9, 3, 5)]
    lines = summary(job("a", 0, 21, *steps))
    first = lines.index("  slowest steps  9.0s a: step 9")
    assert [line.strip() for line in lines[first + 1 : first + 3]] == [
        "5.0s a: step 5",
        "4.0s a: step 4",
    ]
    assert not any("step 3" in line for line in lines)


def test_what_failed_is_told_with_its_end_its_place_and_how_to_go_on(tmp_path: Path) -> None:
    log = tmp_path / "01-run.log"
    log.write_text("".join(f"line {number}\n" for number in range(30)))
    failed = step("Run tests", 3, "failed", str(log), 7)
    lines = summary(job("build", 0, 1), job("test", 0, 4, failed, status="failed"), status="failed")
    start = lines.index("==> What failed")
    assert lines[start + 1 : start + 3] == ["  ✗ test: Run tests: exit code 7", "      line 20"]
    assert lines[start + 11 : start + 15] == [
        "      line 29",
        "    written at config.yml:7:9",
        f"    log {log}",
        "  to go on: orbyard ci.run --failed last",
    ]
    assert lines[-1].startswith("✗ failed in 1m 02s")


def test_the_end_of_the_only_step_that_ran_is_not_shown_twice(tmp_path: Path) -> None:
    log = tmp_path / "01-run.log"
    log.write_text("boom\n")
    lines = summary(
        job("test", 0, 4, step("Run", 3, "failed", str(log), 7), status="failed"), status="failed"
    )
    assert not any("boom" in line for line in lines)


def test_a_reason_that_no_step_tells_is_told() -> None:
    lines = summary(
        job("test", 0, 0, status="failed", reason="the image x:1 cannot be pulled"),
        JobRecord("deploy", "build", status="unauthorized", reason="no variables for 'prod'"),
        status="failed",
    )
    assert "  ✗ test: the image x:1 cannot be pulled" in lines
    assert "  ✗ deploy: no variables for 'prod'" in lines


def test_a_long_reason_is_told_in_full_once() -> None:
    reason = "the image x:1 cannot be pulled: " + "no such host " * 10
    lines = summary(job("test", 0, 0, status="failed", reason=reason.strip()), status="failed")
    assert [line for line in lines if reason.strip() in line] == [f"  ✗ test: {reason.strip()}"]
    assert [line for line in lines if "cannot be pulled" in line and line.endswith("…")]


def test_a_reason_follows_the_status_that_it_is_of_and_facts_stand_between() -> None:
    missed = {"caches": [{"action": "missed"}]}
    lines = summary(
        job("ios", 0, 0, status="not_run", reason="a macOS job"),
        job("slow", 0, 9, status="timedout", reason="it took longer", facts=missed),
        status="failed",
    )
    assert "  - ios            not run: a macOS job" in lines
    assert "  ✗ slow     9.0s  timed out, cache miss, it took longer" in lines


def test_a_reason_that_no_step_tells_stands_with_its_place() -> None:
    broken = JobResult("a", 0, "failed", 1.0, reason="no image", where="config.yml:4:9")
    record = JobRecord("a", "build", status="failed", instances=(broken,))
    denied = JobRecord(
        "b", "build", status="unauthorized", reason="no variables", where="config.yml:20:5"
    )
    lines = summary(record, denied, status="failed")
    assert lines[lines.index("  ✗ a: no image") + 1] == "    written at config.yml:4:9"
    assert lines[lines.index("  ✗ b: no variables") + 1] == "    written at config.yml:20:5"


def test_what_waits_for_approval_is_told_with_the_command_that_lets_it_pass() -> None:
    lines = summary(
        JobRecord("hold", "approval", status="on_hold", reason="waits for approval"),
        JobRecord("deploy", "build", status="not_run", reason="waits for hold"),
        status="on_hold",
    )
    assert "  ? hold             on hold: waits for approval" in lines
    assert "  - deploy           not run: waits for hold" in lines
    assert "  to let it pass: orbyard ci.run --failed last --approve hold" in lines


def test_of_very_many_jobs_those_are_listed_that_did_not_go_well() -> None:
    jobs = [job(f"job-{number}", 0, 1) for number in range(199)]
    lines = summary(*jobs, job("bad", 0, 1, status="failed"), status="failed")
    assert lines[2:4] == ["  ✗ bad     1.0s  failed", "  ✓ 199 more jobs went well"]


def test_what_was_not_done_as_on_circleci_is_told() -> None:
    lines = summary(job("a", 0, 1), not_emulated=("add_ssh_keys was passed over",))
    assert "  not as on CircleCI: add_ssh_keys was passed over" in lines


def test_jobs_of_an_earlier_run_are_told_as_such_and_not_counted() -> None:
    facts = {"tests": {"total": 5, "failed": 0, "skipped": 0}}
    kept = job("a", -100, 50, step("slow", 40), facts=facts, kept_from="20291231-000000-aaaaaa")
    lines = summary(kept, job("b", 0, 1))
    assert any(line.endswith("as in the run 20291231-000000-aaaaaa") for line in lines)
    assert not any("slow" in line or line.startswith("  tests") for line in lines)
