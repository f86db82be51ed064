"""What a run takes over from an earlier one."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config.compiler import compile as compile_config
from pipeline.errors import InvalidInput
from pipeline.runner.model import JobResult
from pipeline.runner.plan import Choice, PlannedWorkflow, plan_run
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord, status_of
from pipeline.runner.resume import Resumed, resume_failed, resume_from

JOBS = "version: 2.1\njobs:\n" + "".join(
    f"  {name}: {{docker: [{{image: i}}], steps: [checkout]}}\n" for name in "abcde"
)
CHAIN = "[a, {b: {requires: [a]}}, {c: {requires: [b]}}, d, {e: {requires: [c, d]}}]"


def planned(jobs: str) -> tuple[PlannedWorkflow, ...]:
    compiled = compile_config(f"{JOBS}workflows:\n  w: {{jobs: {jobs}}}\n")
    return plan_run(compiled, Choice(), branch="main")


def earlier(run_id: str = "r1", **statuses: Any) -> RunRecord:
    jobs = tuple(JobRecord(name, "build", status=status) for name, status in statuses.items())
    flow = WorkflowRecord("w", 1, status_of(statuses.values()), jobs)
    return RunRecord(run_id, workflows=(flow,))


def kept(resumed: Resumed) -> set[str]:
    return {name for jobs in resumed.kept.values() for name in jobs}


def names(resumed: Resumed) -> list[str]:
    return [job.name for flow in resumed.workflows for job in flow.jobs]


def test_what_went_well_is_kept_and_the_rest_is_run() -> None:
    record = earlier(a="success", b="failed", c="not_run", d="success", e="not_run")
    resumed = resume_failed(planned(CHAIN), record)
    assert kept(resumed) == {"a", "d"}
    assert resumed.kept["w"]["a"].kept_from == "r1"
    assert names(resumed) == list("abcde")


def test_a_job_behind_one_that_runs_again_is_run_again() -> None:
    record = earlier(a="failed", b="success", c="success", d="success", e="success")
    assert kept(resume_failed(planned(CHAIN), record)) == {"d"}


def test_a_job_that_is_new_is_run() -> None:
    assert kept(resume_failed(planned("[a, b]"), earlier(a="success"))) == {"a"}


def test_a_handler_of_a_failure_that_went_well_is_not_run_again() -> None:
    record = earlier(a="failed", b="success")
    assert kept(resume_failed(planned("[a, {b: {requires: [{a: failed}]}}]"), record)) == {"b"}


def test_what_was_taken_over_already_keeps_the_run_it_came_from() -> None:
    record = earlier("r2", a="success", b="failed")
    flow = record.workflows[0]
    first = JobRecord("a", "build", status="success", kept_from="r1")
    again = RunRecord("r2", workflows=(WorkflowRecord("w", 1, "failed", (first, flow.jobs[1])),))
    resumed = resume_failed(planned("[a, {b: {requires: [a]}}]"), again)
    assert resumed.kept["w"]["a"].kept_from == "r1"


def test_what_is_kept_is_taken_from_the_run_that_is_gone_on_with() -> None:
    first = JobRecord("a", "build", status="success", kept_from="r1")
    record = RunRecord("r2", workflows=(WorkflowRecord("w", 1, "failed", (first,)),))
    assert resume_failed(planned("[a, b]"), record).run == "r2"


def test_a_job_of_which_one_chosen_instance_was_run_is_run_again() -> None:
    one = JobRecord(
        "a", "build", status="success", parallelism=2, instances=(JobResult("a", 1, "success", 1),)
    )
    record = RunRecord("r1", workflows=(WorkflowRecord("w", 1, "success", (one,)),))
    with pytest.raises(InvalidInput, match="b needs a"):
        resume_from(planned("[a, {b: {requires: [a]}}]"), "b", [record])


def test_a_lock_is_taken_again_unless_all_of_its_workflow_went_well() -> None:
    take = JobRecord("a", "lock", status="success")
    more = (JobRecord("b", "build", status="failed"),)
    record = RunRecord("r1", workflows=(WorkflowRecord("w", 1, "failed", (take, *more)),))
    assert kept(resume_failed(planned("[a, b]"), record)) == set()
    guarded = (JobRecord("b", "build", status="success"), JobRecord("c", "build", status="failed"))
    record = RunRecord("r1", workflows=(WorkflowRecord("w", 1, "failed", (take, *guarded)),))
    jobs = "[a, {b: {requires: [a]}}, {c: {requires: [b]}}]"
    assert kept(resume_failed(planned(jobs), record)) == {"b"}


def test_of_several_attempts_the_last_counts() -> None:
    once = earlier(a="success", b="failed").workflows[0]
    twice = WorkflowRecord("w", 2, "failed", earlier(a="failed", b="success").workflows[0].jobs)
    resumed = resume_failed(planned("[a, b]"), RunRecord("r", workflows=(once, twice)))
    assert kept(resumed) == {"b"}


def test_a_run_in_which_all_went_well_has_nothing_to_be_run_again() -> None:
    with pytest.raises(InvalidInput, match="all its jobs went well"):
        resume_failed(planned("[a, b]"), earlier(a="success", b="success"))


def test_from_a_job_on_what_is_before_is_kept_and_what_is_beside_is_left_out() -> None:
    jobs = "[a, {b: {requires: [a]}}, {c: {requires: [b]}}, d]"
    resumed = resume_from(planned(jobs), "b", [earlier(a="success", b="success", d="failed")])
    assert names(resumed) == ["a", "b", "c"]
    assert kept(resumed) == {"a"}


def test_from_a_job_on_what_its_followers_need_besides_is_kept_too() -> None:
    resumed = resume_from(planned(CHAIN), "c", [earlier(a="success", b="success", d="success")])
    assert names(resumed) == list("abcde")
    assert kept(resumed) == {"a", "b", "d"}


def test_the_first_run_is_taken_in_which_all_went_well_that_is_needed() -> None:
    records = [earlier("r3", a="failed"), earlier("r2", a="success"), earlier("r1", a="success")]
    resumed = resume_from(planned("[a, {b: {requires: [a]}}]"), "b", records)
    assert resumed.kept["w"]["a"].kept_from == "r2"


def test_a_job_that_needs_nothing_needs_no_run() -> None:
    resumed = resume_from(planned(CHAIN), "a", [])
    assert names(resumed) == list("abcde")
    assert kept(resumed) == set()


def test_what_followers_need_besides_is_run_where_it_did_not_go_well() -> None:
    resumed = resume_from(planned(CHAIN), "c", [earlier(a="success", b="success", d="failed")])
    assert names(resumed) == list("abcde")
    assert kept(resumed) == {"a", "b"}


def test_without_such_a_run_it_says_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="b needs a") as error:
        resume_from(planned("[a, {b: {requires: [a]}}]"), "b", [earlier(a="failed")])
    assert "--job b" in (error.value.hint or "")


def test_an_unknown_job_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'x'"):
        resume_from(planned(CHAIN), "x", [])
