"""Which job may start when."""

from __future__ import annotations

from pipeline.config.model import Filters, JobRequirement, WorkflowJob
from pipeline.errors import Location
from pipeline.runner.schedule import Schedule

SUCCESS = ("success",)
TERMINAL = ("success", "failed", "canceled", "unauthorized", "not_run")


def job(name: str, group: str | None = None, **requires: tuple[str, ...]) -> WorkflowJob:
    needs = tuple(JobRequirement(need, statuses) for need, statuses in requires.items())
    return WorkflowJob(name, "job", needs, Filters(), (), group, Location("config.yml", 1, 1))


def ready(schedule: Schedule) -> list[str]:
    return [job.name for job in schedule.ready()]


def test_jobs_without_requirements_may_start_in_the_order_of_the_document() -> None:
    assert ready(Schedule([job("b"), job("a"), job("c", a=SUCCESS)])) == ["b", "a"]


def test_a_job_that_runs_is_not_given_again() -> None:
    schedule = Schedule([job("a")])
    schedule.start("a")
    assert ready(schedule) == []
    assert not schedule.is_over


def test_a_job_starts_when_all_that_it_requires_went_well() -> None:
    schedule = Schedule([job("a"), job("b"), job("join", a=SUCCESS, b=SUCCESS)])
    schedule.start("a")
    schedule.start("b")
    assert schedule.finish("a", "success") == []
    assert ready(schedule) == []
    schedule.finish("b", "success")
    assert ready(schedule) == ["join"]


def test_a_failure_keeps_back_all_that_follows_on_it() -> None:
    jobs = [job("a"), job("b", a=SUCCESS), job("c", b=SUCCESS), job("other")]
    schedule = Schedule(jobs)
    schedule.start("a")
    assert schedule.finish("a", "failed") == ["b", "c"]
    assert schedule.status == {"a": "failed", "b": "not_run", "c": "not_run", "other": "waiting"}
    assert ready(schedule) == ["other"]


def test_a_failure_of_one_of_several_requirements_keeps_the_job_back_while_others_still_run() -> (
    None
):
    schedule = Schedule([job("a"), job("b"), job("join", a=SUCCESS, b=SUCCESS)])
    schedule.start("a")
    schedule.start("b")
    assert schedule.finish("a", "failed") == ["join"]
    assert not schedule.is_over
    schedule.finish("b", "success")
    assert schedule.is_over


def test_a_handler_of_failures_runs_after_a_failure_and_not_after_a_success() -> None:
    for ending, expected in (("failed", ["handler"]), ("canceled", ["handler"]), ("success", [])):
        schedule = Schedule([job("a"), job("handler", a=("failed", "canceled"))])
        schedule.start("a")
        schedule.finish("a", ending)  # type: ignore[arg-type]  # one of the statuses
        assert ready(schedule) == expected


def test_a_job_may_wait_for_another_not_to_run() -> None:
    jobs = [job("a"), job("b", a=SUCCESS), job("instead", b=("not_run",)), job("end", b=TERMINAL)]
    schedule = Schedule(jobs)
    schedule.start("a")
    assert schedule.finish("a", "failed") == ["b"]
    assert ready(schedule) == ["instead", "end"]


def test_what_waits_for_another_not_to_run_is_given_up_when_it_did() -> None:
    schedule = Schedule([job("a"), job("instead", a=("not_run",)), job("after", instead=SUCCESS)])
    schedule.start("a")
    assert schedule.finish("a", "success") == ["instead", "after"]
    assert schedule.is_over


def test_a_requirement_that_a_filter_left_out_is_passed_over() -> None:
    assert ready(Schedule([job("a", gone=SUCCESS)])) == ["a"]


def test_of_a_serial_group_one_runs_at_a_time() -> None:
    schedule = Schedule([job("a", "deploy"), job("b", "deploy"), job("c", "other"), job("d")])
    assert ready(schedule) == ["a", "c", "d"]
    schedule.start("a")
    assert ready(schedule) == ["c", "d"]
    schedule.finish("a", "failed")
    assert ready(schedule) == ["b", "c", "d"]


def test_a_job_that_still_waits_for_others_does_not_hold_its_serial_group() -> None:
    schedule = Schedule([job("build"), job("late", "deploy", build=SUCCESS), job("now", "deploy")])
    assert ready(schedule) == ["build", "now"]


def test_when_a_run_is_stopped_nothing_more_starts_but_what_runs_is_waited_for() -> None:
    schedule = Schedule([job("a"), job("b"), job("on_stop", b=("not_run",))])
    schedule.start("a")
    assert schedule.cancel_waiting() == ["b", "on_stop"]
    assert ready(schedule) == []
    assert not schedule.is_over
    schedule.finish("a", "canceled")
    assert schedule.is_over


def test_a_workflow_without_jobs_is_over() -> None:
    assert Schedule([]).is_over
