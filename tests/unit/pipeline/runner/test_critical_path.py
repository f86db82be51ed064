"""The chain of jobs that decided how long a run took."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runner.critical_path import critical_path, path_of_run
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord

BEGAN = 1_800_000_000.0


def job(
    name: str, after: float | None, seconds: float, *requires: str, kept_from: str = ""
) -> JobRecord:
    return JobRecord(
        name,
        "build",
        status="success",
        requires=dict.fromkeys(requires, ("success",)),
        started_at=None if after is None else BEGAN + after,
        seconds=seconds,
        kept_from=kept_from,
    )


def workflow(*jobs: JobRecord, name: str = "w") -> WorkflowRecord:
    return WorkflowRecord(name, 1, "success", jobs)


def names(*jobs: JobRecord) -> list[str]:
    return [part.name for part in critical_path(workflow(*jobs), BEGAN)]


def test_it_goes_from_the_job_that_ended_last_to_what_that_waited_for() -> None:
    assert names(
        job("build", 0, 10),
        job("lint", 0, 4),
        job("test", 10, 30, "build", "lint"),
        job("quick", 10, 5, "build"),
        job("deploy", 40, 3, "test", "quick"),
    ) == ["build", "test", "deploy"]


def test_a_long_job_that_nothing_waits_for_is_the_whole_path() -> None:
    assert names(job("build", 0, 10), job("deploy", 10, 3, "build"), job("audit", 0, 60)) == [
        "audit"
    ]


def test_the_time_that_a_job_waited_for_room_is_told() -> None:
    first, second = critical_path(
        workflow(job("build", 2, 10), job("test", 15, 30, "build")), BEGAN
    )
    assert (first.waited_s, second.waited_s) == (2, 3)


def test_jobs_that_took_no_time_are_seen_through() -> None:
    assert names(
        job("build", 0, 10), job("gate", None, 0, "build"), job("deploy", 10, 3, "gate")
    ) == ["build", "deploy"]


def test_what_an_earlier_run_did_is_no_part_of_it() -> None:
    assert names(job("build", -500, 10, kept_from="before"), job("test", 1, 30, "build")) == [
        "test"
    ]


def test_of_several_workflows_the_one_that_ended_last_counts() -> None:
    short = workflow(job("a", 0, 5), name="short")
    long = workflow(job("b", 0, 7), name="long")
    path = path_of_run(RunRecord("r", started_at=BEGAN, workflows=(long, short)))
    assert [(part.workflow, part.name) for part in path] == [("long", "b")]


def test_what_a_setup_workflow_handed_over_comes_after_it() -> None:
    setup = workflow(job("generate", 0, 4), job("lint", 0, 3), name="setup")
    main = replace(workflow(job("a", 5, 2), job("b", 5, 1), name="main"), continues=True)
    path = path_of_run(RunRecord("r", started_at=BEGAN, workflows=(setup, main)))
    assert [(part.workflow, part.name, part.waited_s) for part in path] == [
        ("setup", "generate", 0),
        ("main", "a", 1),
    ]


def test_a_run_in_which_nothing_started_has_none() -> None:
    assert path_of_run(RunRecord("r", started_at=BEGAN, workflows=(workflow(),))) == ()


@st.composite
def workflows(draw: st.DrawFn) -> WorkflowRecord:
    """A run that could have been: every job begins at some time after those that it requires."""
    count = draw(st.integers(1, 8))
    ends: list[float] = []
    jobs = []
    for number in range(count):
        needs = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        free = max((ends[need] for need in needs), default=0.0)
        started = draw(st.booleans()) or number == 0
        waited = draw(st.integers(0, 5))
        seconds = float(draw(st.integers(0, 20)))
        required = [f"j{need}" for need in sorted(needs)]
        if started:
            jobs.append(job(f"j{number}", free + waited, seconds, *required))
            ends.append(free + waited + seconds)
        else:
            jobs.append(job(f"j{number}", None, 0, *required))
            ends.append(free)
    return workflow(*jobs)


@given(workflows())
def test_waits_and_durations_come_to_the_whole_time(flow: WorkflowRecord) -> None:
    path = critical_path(flow, BEGAN)
    end = max(item.started_at + item.seconds for item in flow.jobs if item.started_at is not None)
    assert sum(part.waited_s + part.seconds for part in path) == pytest.approx(end - BEGAN)


@given(workflows())
def test_each_part_waited_for_the_one_before_which_ended_last_of_what_it_required(
    flow: WorkflowRecord,
) -> None:
    path = critical_path(flow, BEGAN)
    jobs = {item.name: item for item in flow.jobs}
    for before, part in pairwise(path):
        needs = required_by(part.name, jobs)
        assert before.name in needs
        assert all(
            jobs[need].started_at is None
            or jobs[need].started_at + jobs[need].seconds <= before.ended_at  # type: ignore[operator]  # None is out
            for need in jobs[part.name].requires
        )


def required_by(name: str, jobs: dict[str, JobRecord]) -> set[str]:
    direct = set(jobs[name].requires)
    return direct.union(*(required_by(need, jobs) for need in direct))


@given(workflows(), st.randoms())
def test_the_order_of_the_jobs_does_not_matter(flow: WorkflowRecord, random: object) -> None:
    jobs = list(flow.jobs)
    random.shuffle(jobs)  # type: ignore[attr-defined]  # hypothesis has no type for it
    assert critical_path(workflow(*jobs), BEGAN) == critical_path(flow, BEGAN)
