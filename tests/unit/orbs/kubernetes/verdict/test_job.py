"""When a Job has succeeded, and whether any of it ever ran."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from orbs.kubernetes.verdict import Failed, Progressing, Succeeded, has_ever_started, judge_job

from .recordings import load, observation


def look(name: str, index: int = -1) -> dict[str, Any]:
    return copy.deepcopy(load(name)[1][index])


def test_a_job_whose_pod_has_succeeded_is_not_done_before_it_is_complete() -> None:
    seen = look("job-ok")
    seen["workload"]["status"].pop("conditions")
    verdict, _ = judge_job(observation(seen))
    assert isinstance(verdict, Progressing)


def test_a_job_that_is_complete_is_done_even_if_it_was_deleted_since() -> None:
    seen = look("job-ok")
    seen["workload"]["metadata"]["deletionTimestamp"] = "2026-11-23T00:09:00Z"
    verdict, _ = judge_job(observation(seen))
    assert isinstance(verdict, Succeeded)


def test_a_failed_attempt_is_no_failure_while_the_job_may_try_again() -> None:
    seen = look("job-retry", 0)
    verdict, _ = judge_job(observation(seen))
    assert isinstance(verdict, Progressing)
    assert "failed" in verdict.message


def test_a_job_that_is_failing_is_failed_before_its_last_pod_has_ended() -> None:
    seen = look("job-fail")
    seen["workload"]["status"]["conditions"][0]["type"] = "FailureTarget"
    verdict, _ = judge_job(observation(seen))
    assert isinstance(verdict, Failed)


def test_a_suspended_job_does_not_run() -> None:
    seen = look("job-image")
    seen["workload"]["spec"]["suspend"] = True
    verdict, _ = judge_job(observation(seen))
    assert isinstance(verdict, Failed)
    assert verdict.cause.code == "suspended"


@pytest.mark.parametrize("name", ["job-ok", "job-fail", "job-retry", "job-onfailure"])
def test_a_container_that_ran_has_started(name: str) -> None:
    seen = look(name)
    assert has_ever_started(seen["workload"], seen["pods"])


@pytest.mark.parametrize("name", ["job-image", "job-config", "job-account"])
def test_a_job_that_waits_for_its_image_or_settings_has_never_started(name: str) -> None:
    seen = look(name)
    assert not has_ever_started(seen["workload"], seen["pods"])


def test_a_command_that_could_not_be_executed_has_never_started() -> None:
    assert not has_ever_started({}, look("command-missing")["pods"])


def test_an_init_container_that_ran_counts_as_started() -> None:
    assert has_ever_started({}, look("init-fail")["pods"])
