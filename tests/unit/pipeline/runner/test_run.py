"""A run of workflows, with a stand-in for what runs a job."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.compiler import compile as compile_config
from pipeline.errors import Interrupted, Location, WorkFailed
from pipeline.output import Console
from pipeline.runner.journal import Journal
from pipeline.runner.model import JobResult, JobSpec, StepResult
from pipeline.runner.plan import Choice, plan_run
from pipeline.runner.record import JobRecord, RunRecord, read_record
from pipeline.runner.run import Runner, RunRequest
from pipeline.runner.schedule import Status
from pipeline.runner.serial_groups import SerialGroups
from pipeline.runner.view import View

JOBS = """
version: 2.1
jobs:
  a: {docker: [{image: i}], steps: [checkout]}
  b: {docker: [{image: i}], steps: [checkout]}
  c: {docker: [{image: i}], steps: [checkout]}
  many: {docker: [{image: i}], parallelism: 3, steps: [checkout]}
  nothing: {type: no-op}
  take: {type: lock, key: house}
  give: {type: unlock, key: house}
"""
STEP = StepResult("Checkout code", "checkout", "success", 0.1, None, "config.yml:4", "log")


@dataclass
class Runs:
    """Runs configurations; jobs end as ``endings`` says, by default well."""

    folder: Path
    endings: Mapping[str, Status | BaseException] = field(default_factory=dict)
    approve: Callable[[str], bool | None] = lambda _name: None
    contexts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    at_once: int = 1
    meeting: threading.Barrier | None = None
    cancel: threading.Event = field(default_factory=threading.Event)
    started: list[str] = field(default_factory=list)
    specs: dict[str, JobSpec] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    groups: SerialGroups | None = None
    screen: io.StringIO = field(default_factory=io.StringIO)

    def instance(self, spec: JobSpec) -> JobResult:
        self.started.append(spec.label)
        self.specs[spec.label] = spec
        if self.meeting is not None:
            self.meeting.wait(timeout=20)
        ending = self.endings.get(spec.label, "success")
        if isinstance(ending, BaseException):
            raise ending
        return JobResult(spec.name, spec.node_index, ending, 0.1, (STEP,))

    def __call__(
        self, workflows: str, kept: Mapping[str, Mapping[str, JobRecord]] | None = None
    ) -> RunRecord:
        compiled = compile_config(JOBS + "workflows:\n" + workflows)
        request = RunRequest(
            record=RunRecord("20300101-000000-abc"),
            folder=self.folder,
            at_once=self.at_once,
            approve=self.approve,
            contexts=self.contexts,
            run_instance=self.instance,
            cancel=self.cancel,
            groups=self.groups,
            forget=self.forgotten.append,
            mask=lambda text: text.replace("hunter2", "****"),
        )
        view = View(Console(err=self.screen, colour=False))
        with view, Runner(request, view) as runner:
            runner.run(compiled, plan_run(compiled, Choice(), branch="main"), kept)
        return runner.record

    def shown(self, text: str) -> list[str]:
        return [line for line in self.screen.getvalue().splitlines() if text in line]


def jobs(record: RunRecord) -> list[JobRecord]:
    return [job for flow in record.last_attempts() for job in flow.jobs]


def statuses(record: RunRecord) -> dict[str, str]:
    return {job.name: job.status for job in jobs(record)}


def reasons(record: RunRecord) -> dict[str, str]:
    return {job.name: job.reason for job in jobs(record)}


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path / "run")


def test_jobs_run_after_those_that_they_require(runs: Runs) -> None:
    result = runs("  w: {jobs: [{c: {requires: [b]}}, {b: {requires: [a]}}, a]}")
    assert runs.started == ["a", "b", "c"]
    assert statuses(result) == {"a": "success", "b": "success", "c": "success"}
    assert result.is_success


def test_a_job_is_told_what_stands_before_it_in_the_order_of_the_graph(runs: Runs) -> None:
    runs("  w: {jobs: [{c: {requires: [b]}}, {b: {requires: [a]}}, a, many]}")
    assert runs.specs["c"].upstream == ("a", "b")
    assert runs.specs["a"].upstream == ()
    assert runs.specs["c"].requires == {"c": ("b",), "b": ("a",), "a": (), "many": ()}
    assert runs.specs["c"].workflow == "w"


def test_as_many_jobs_run_at_the_same_time_as_were_asked_for(runs: Runs) -> None:
    runs.at_once, runs.meeting = 3, threading.Barrier(3)
    assert runs("  w: {jobs: [a, b, c]}").is_success


def test_all_parallel_instances_of_a_job_run_at_the_same_time(runs: Runs) -> None:
    runs.at_once, runs.meeting = 3, threading.Barrier(3)
    result = runs("  w: {jobs: [many]}")
    assert [one.node_index for one in jobs(result)[0].instances] == [0, 1, 2]
    assert sorted(runs.started) == ["many[0]", "many[1]", "many[2]"]
    folders = {spec.folder for spec in runs.specs.values()}
    assert folders == {runs.folder / "jobs" / "many" / str(index) for index in range(3)}


def test_a_job_waits_for_all_instances_and_one_that_fails_fails_the_job(runs: Runs) -> None:
    runs.endings = {"many[1]": "failed"}
    result = runs("  w: {jobs: [many, {a: {requires: [many]}}, {b: {requires: [{many: failed}]}}]}")
    assert runs.started == ["many[0]", "many[1]", "many[2]", "b"]
    assert statuses(result)["a"] == "not_run"
    assert not result.is_success


def test_a_failure_stops_what_follows_on_it_and_nothing_else(runs: Runs) -> None:
    runs.endings = {"a": "failed"}
    result = runs("  w: {jobs: [a, {b: {requires: [a]}}, c]}")
    assert statuses(result) == {"a": "failed", "b": "not_run", "c": "success"}
    assert reasons(result)["b"] == "requirements not met"
    assert not result.is_success


def test_a_handler_of_failures_runs_and_the_run_has_failed_all_the_same(runs: Runs) -> None:
    runs.endings = {"a": "failed"}
    result = runs("  w: {jobs: [a, {b: {requires: [{a: [failed, canceled]}]}}]}")
    assert statuses(result) == {"a": "failed", "b": "success"}
    assert not result.is_success


def test_a_handler_of_failures_that_was_not_needed_does_not_fail_the_run(runs: Runs) -> None:
    result = runs("  w: {jobs: [a, {b: {requires: [{a: failed}]}}]}")
    assert statuses(result) == {"a": "success", "b": "not_run"}
    assert result.is_success


def test_a_job_that_is_not_run_here_keeps_back_what_requires_it_and_is_listed_once(
    runs: Runs,
) -> None:
    runs.endings = {"a": "not_run"}
    result = runs("  w: {jobs: [a, {b: {requires: [a]}}]}")
    assert [(job.name, job.status) for job in jobs(result)] == [
        ("a", "not_run"),
        ("b", "not_run"),
    ]


def test_a_job_whose_sandbox_cannot_be_made_fails_with_the_reason_said_once(runs: Runs) -> None:
    where = Location("config.yml", 4, 15)
    runs.endings = {"a": WorkFailed("no such image", hint="is it spelled right?", where=where)}
    result = runs("  w: {jobs: [a, b]}")
    assert statuses(result) == {"a": "failed", "b": "success"}
    assert reasons(result)["a"] == "no such image; is it spelled right?"
    assert len(runs.shown("a: failed")) == 1
    assert "    written at config.yml:4:15" in runs.screen.getvalue().splitlines()
    assert read_record(runs.folder).workflows[0].jobs[0].instances[0].where == "config.yml:4:15"


def test_an_approval_lets_those_pass_that_wait_for_it(runs: Runs) -> None:
    asked: list[str] = []
    runs.approve = lambda name: not asked.append(name)  # type: ignore[func-returns-value]
    result = runs(
        "  w: {jobs: [{hold: {type: approval, requires: [a]}}, a, {b: {requires: [hold]}}]}"
    )
    assert asked == ["hold"]
    assert statuses(result) == {"a": "success", "hold": "success", "b": "success"}
    assert len(runs.shown("hold")) == 1


def test_an_approval_that_is_not_given_says_how_to_give_it(runs: Runs) -> None:
    result = runs("  w: {jobs: [{hold: {type: approval}}, {b: {requires: [hold]}}, c]}")
    assert statuses(result) == {"hold": "on_hold", "c": "success", "b": "not_run"}
    assert "--approve hold" in reasons(result)["hold"]
    assert reasons(result)["b"] == "waits for hold"
    assert result.status == "on_hold"


def test_a_job_of_a_type_that_runs_nothing_goes_well_at_once(runs: Runs) -> None:
    result = runs("  w: {jobs: [nothing, {b: {requires: [nothing]}}]}")
    assert runs.started == ["b"]
    assert reasons(result)["nothing"] == "type no-op: nothing to do here"
    assert len(runs.shown("nothing: success")) == 1


def test_a_job_whose_context_is_not_given_is_unauthorized_and_says_how_to_give_it(
    runs: Runs,
) -> None:
    jobs = "[{a: {context: [aws, slack]}}, {b: {requires: [{a: unauthorized}]}}]"
    runs.contexts = {"aws": {}}
    result = runs(f"  w: {{jobs: {jobs}}}")
    assert statuses(result) == {"a": "unauthorized", "b": "success"}
    assert "--context slack=FILE" in reasons(result)["a"]
    assert len(runs.shown("a: unauthorized")) == 1
    assert not result.is_success


def test_of_several_contexts_the_last_wins(runs: Runs) -> None:
    runs.contexts = {"one": {"A": "1", "B": "1"}, "two": {"B": "2"}, "other": {"A": "no"}}
    runs("  w: {jobs: [{a: {context: [one, two]}}]}")
    assert runs.specs["a"].contexts == {"A": "1", "B": "2"}


def test_jobs_of_a_serial_group_do_not_meet(runs: Runs) -> None:
    runs.at_once = 2
    busy: list[str] = []
    met: list[str] = []

    def instance(spec: JobSpec) -> JobResult:
        met.extend(busy)
        busy.append(spec.name)
        threading.Event().wait(0.05)
        busy.remove(spec.name)
        return JobResult(spec.name, 0, "success", 0.0, (STEP,))

    runs.instance = instance  # type: ignore[method-assign]  # another stand-in
    runs("  w: {jobs: [{a: {serial-group: one}}, {b: {serial-group: one}}]}")
    assert met == []


def test_jobs_of_all_workflows_have_folders_of_their_own(runs: Runs) -> None:
    folders: list[Path] = []
    runs.approve = lambda _name: True
    instance = runs.instance

    def note(spec: JobSpec) -> JobResult:
        folders.append(spec.folder)
        return instance(spec)

    runs.instance = note  # type: ignore[method-assign]  # notes every folder
    runs("  first: {jobs: [a, {b: {name: A/1}}, {b: {name: A 1}}]}\n  second: {jobs: [a]}")
    assert [folder.relative_to(runs.folder / "jobs").as_posix() for folder in folders] == [
        "a",
        "A-1",
        "A-1-2",
        "a-2",
    ]


def test_a_failed_workflow_does_not_keep_others_from_running(runs: Runs) -> None:
    runs.endings = {"a": "failed"}
    result = runs("  first: {jobs: [a]}\n  second: {jobs: [b]}")
    assert statuses(result) == {"a": "failed", "b": "success"}


def test_a_job_is_shown_when_it_begins_not_while_it_waits_for_a_turn(runs: Runs) -> None:
    runs("  w: {jobs: [a, b]}")
    lines = [
        line for line in runs.screen.getvalue().splitlines() if "==>" in line or "success" in line
    ]
    assert [line.split(" (")[0] for line in lines] == [
        "==> a",
        "✓ a: success",
        "==> b",
        "✓ b: success",
    ]


def test_the_record_tells_of_every_job_and_step(runs: Runs) -> None:
    runs.endings = {"b": "failed"}
    told = runs("  w: {jobs: [a, b, {c: {requires: [b]}}]}")
    data: dict[str, Any] = json.loads((runs.folder / "run.json").read_text())
    assert (data["version"], data["id"], data["status"]) == (2, "20300101-000000-abc", "failed")
    assert [(job["name"], job["status"]) for job in data["workflows"][0]["jobs"]] == [
        ("a", "success"),
        ("b", "failed"),
        ("c", "not_run"),
    ]
    first = data["workflows"][0]["jobs"][0]
    assert first["instances"][0]["steps"][0]["where"] == "config.yml:4"
    assert first["executor"] == "docker: i"
    assert data["started_at"].endswith("+00:00")
    read = read_record(runs.folder)
    assert reasons(read) == reasons(told)
    assert abs(read.started_at - told.started_at) < 0.01


def test_a_run_that_goes_on_is_told_to_be_running(runs: Runs) -> None:
    seen: list[RunRecord] = []
    instance = runs.instance

    def look(spec: JobSpec) -> JobResult:
        seen.append(read_record(runs.folder))
        return instance(spec)

    runs.instance = look  # type: ignore[method-assign]  # looks at the record meanwhile
    runs("  w: {jobs: [a]}")
    assert [record.status for record in seen] == ["running"]


def test_workflows_run_at_the_same_time_and_tell_apart_jobs_of_one_name(runs: Runs) -> None:
    runs.at_once, runs.meeting = 2, threading.Barrier(2)
    assert runs("  one: {jobs: [a]}\n  two: {jobs: [a]}").is_success
    assert sorted(runs.started) == ["one/a", "two/a"]


def test_a_workflow_that_failed_is_rerun_from_where_it_failed(runs: Runs) -> None:
    tries: list[str] = []

    def instance(spec: JobSpec) -> JobResult:
        tries.append(spec.name)
        ending: Status = "failed" if tries.count("b") < 3 and spec.name == "b" else "success"
        return JobResult(spec.name, 0, ending, 0.1, (STEP,))

    runs.instance = instance  # type: ignore[method-assign]  # fails twice
    result = runs(
        "  w: {max_auto_reruns: 3, jobs: [a, {b: {requires: [a]}}, {c: {requires: [b]}}]}"
    )
    assert tries == ["a", "b", "b", "b", "c"]
    assert result.is_success
    assert [(flow.attempt, flow.status) for flow in result.workflows] == [
        (1, "failed"),
        (2, "failed"),
        (3, "success"),
    ]


def test_what_a_job_has_persisted_is_forgotten_when_a_rerun_starts_it_again(runs: Runs) -> None:
    runs.endings = {"b": "failed"}
    runs("  w: {max_auto_reruns: 1, jobs: [a, {b: {requires: [a]}}]}")
    assert runs.forgotten == ["w: b"]


def test_a_rerun_takes_a_lock_again_for_what_it_guards(runs: Runs) -> None:
    runs.groups = SerialGroups(runs.folder / "groups", "20300101-000000-abc")
    holders: list[str] = []

    def instance(spec: JobSpec) -> JobResult:
        assert runs.groups is not None
        holders.append(runs.groups.holder("lock house"))
        return JobResult(spec.name, 0, "failed" if len(holders) == 1 else "success", 0.1, (STEP,))

    runs.instance = instance  # type: ignore[method-assign]  # fails once
    result = runs(
        "  w: {max_auto_reruns: 1, jobs: [take, {a: {requires: [take]}},"
        " {give: {requires: [{a: [success, failed]}]}}]}"
    )
    assert result.is_success
    assert holders == ["20300101-000000-abc"] * 2


def test_an_approval_that_cannot_be_asked_for_ends_the_run(runs: Runs) -> None:
    def approve(_name: str) -> bool | None:
        raise ValueError("I/O operation on closed file")

    runs.approve = approve
    with pytest.raises(ValueError, match="closed file"):
        runs("  w: {jobs: [{hold: {type: approval}}]}")


def test_no_secret_of_a_reason_is_written_down(runs: Runs) -> None:
    runs.endings = {"a": WorkFailed("no login with hunter2")}
    runs("  w: {jobs: [a]}")
    assert "hunter2" not in (runs.folder / "run.json").read_text()


def test_a_run_that_is_killed_while_one_job_goes_on_has_told_how_others_ended(runs: Runs) -> None:
    told: list[str] = []
    instance = runs.instance

    def look(spec: JobSpec) -> JobResult:
        deadline = time.monotonic() + 20
        while spec.name == "b" and time.monotonic() < deadline and told[-1:] != ["success"]:
            told.append(statuses(read_record(runs.folder)).get("a", ""))
            time.sleep(0.05)
        return instance(spec)

    runs.instance = look  # type: ignore[method-assign]  # waits for what is written
    runs("  w: {jobs: [a, {b: {requires: [a]}}]}")
    assert told[-1] == "success"


def test_a_workflow_is_rerun_no_more_than_it_says(runs: Runs) -> None:
    runs.endings = {"a": "failed"}
    result = runs("  w: {max_auto_reruns: 2, jobs: [a]}")
    assert runs.started == ["a", "a", "a"]
    assert result.status == "failed"


def test_what_an_earlier_run_did_is_not_run_again_and_lets_others_start(runs: Runs) -> None:
    done = JobRecord("a", "build", status="success", kept_from="an-earlier-run")
    result = runs("  w: {jobs: [a, {b: {requires: [a]}}]}", {"w": {"a": done}})
    assert runs.started == ["b"]
    assert runs.specs["b"].upstream == ("a",)
    assert jobs(result)[0].kept_from == "an-earlier-run"
    assert result.is_success


def test_a_timed_out_job_has_failed_for_those_that_require_it(runs: Runs) -> None:
    runs.endings = {"a": "timedout"}
    result = runs("  w: {jobs: [a, {b: {requires: [{a: failed}]}}, {c: {requires: [a]}}]}")
    assert statuses(result) == {"a": "timedout", "b": "success", "c": "not_run"}
    assert result.status == "failed"


def test_a_run_in_which_nothing_could_run_is_no_success(runs: Runs) -> None:
    runs.endings = {"a": "not_run"}
    assert not runs("  w: {jobs: [a]}").is_success


def test_when_a_run_is_stopped_nothing_more_starts(runs: Runs) -> None:
    instance = runs.instance

    def stop(spec: JobSpec) -> JobResult:
        runs.cancel.set()
        instance(spec)
        return JobResult(spec.name, 0, "canceled", 0.0, (STEP,))

    runs.instance = stop  # type: ignore[method-assign]  # stops at the first job
    result = runs("  w: {jobs: [a, b, {c: {requires: [a]}}]}\n  next: {jobs: [many]}")
    assert runs.started == ["a"]
    assert statuses(result) == {"a": "canceled", "b": "canceled", "c": "not_run", "many": "not_run"}
    assert reasons(result)["many"] == reasons(result)["b"] == "the run was stopped"
    assert not result.is_success


def test_an_error_of_our_own_stops_the_run_and_is_raised(runs: Runs) -> None:
    runs.endings = {"a": ZeroDivisionError("a bug")}
    with pytest.raises(ZeroDivisionError, match="a bug"):
        runs("  w: {jobs: [a, {b: {requires: [a]}}]}")
    assert runs.cancel.is_set()
    assert runs.started == ["a"]


def test_a_run_that_an_error_ends_after_its_jobs_is_no_success(tmp_path: Path) -> None:
    view = View(Console(out=io.StringIO(), err=io.StringIO()))
    for broken_off, status in [(False, "not_run"), (True, "failed")]:
        journal = Journal(tmp_path, RunRecord("id"), view)
        assert journal.close(broken_off=broken_off).status == status
        assert read_record(tmp_path).status == status


@pytest.mark.parametrize(
    ("error", "status"), [(ZeroDivisionError("a bug"), "failed"), (Interrupted("now"), "canceled")]
)
def test_a_run_that_an_error_ends_has_failed_and_one_that_is_stopped_was_canceled(
    runs: Runs, error: Exception, status: str
) -> None:
    def approve(_name: str) -> bool | None:
        raise error

    runs.approve = approve
    with pytest.raises(type(error)):
        runs("  w: {jobs: [{hold: {type: approval}}, {a: {requires: [hold]}}]}")
    assert read_record(runs.folder).status == status


def test_a_job_fails_with_the_disk_that_is_full_and_others_go_on(runs: Runs) -> None:
    runs.endings = {"a": OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))}
    result = runs("  w: {jobs: [a, b]}")
    assert statuses(result) == {"a": "failed", "b": "success"}
    assert re.search(r"No space left on device: the disk at \S+ .* is full", reasons(result)["a"])
    assert "make room" in reasons(result)["a"]


def test_a_run_keeps_room_for_its_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path, RunRecord("id"), View(Console(err=io.StringIO())))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) > 200_000
    journal.close()
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_an_error_tells_jobs_that_still_run_to_end(runs: Runs) -> None:
    runs.at_once, runs.meeting = 2, threading.Barrier(2)
    told: list[bool] = []

    def instance(spec: JobSpec) -> JobResult:
        assert runs.meeting is not None
        runs.meeting.wait(timeout=20)
        if spec.name == "a":
            raise ZeroDivisionError("a bug")
        told.append(runs.cancel.wait(timeout=20))
        return JobResult(spec.name, 0, "canceled", 0.0, (STEP,))

    runs.instance = instance  # type: ignore[method-assign]  # one that fails, one that waits
    with pytest.raises(ZeroDivisionError):
        runs("  w: {jobs: [a, b]}")
    assert told == [True]


def test_the_time_of_a_job_begins_when_there_is_room_for_it(runs: Runs) -> None:
    ended: dict[str, float] = {}
    instance = runs.instance

    def slow(spec: JobSpec) -> JobResult:
        result = instance(spec)
        threading.Event().wait(0.05)
        ended[spec.name] = time.time()
        return result

    runs.instance = slow  # type: ignore[method-assign]
    first, second = jobs(runs("  w: {jobs: [a, b]}"))
    assert first.started_at is not None
    assert second.started_at is not None
    assert first.started_at < ended["a"] <= second.started_at
    assert second.status == "success"


def test_a_job_that_nobody_waits_for_any_more_was_stopped(runs: Runs) -> None:
    released = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def stubborn(_spec: JobSpec) -> JobResult:
        # To the main thread, as Ctrl-C, and while it waits: what another thread gets, and what comes
        # just before, does not end its waiting.
        threading.Event().wait(0.3)
        signal.pthread_kill(main, signal.SIGINT)
        runs.cancel.wait(20)
        threading.Event().wait(0.3)
        signal.pthread_kill(main, signal.SIGINT)
        released.wait(20)
        return JobResult("a", 0, "success", 0.1)

    runs.instance = stubborn  # type: ignore[method-assign]
    try:
        with pytest.raises(KeyboardInterrupt):
            runs("  w: {jobs: [a]}")
    finally:
        released.set()
    (job,) = jobs(read_record(runs.folder))
    assert (job.status, job.reason) == ("canceled", "the run was stopped")
    assert runs.shown("Stopping: waiting for a")
