from __future__ import annotations

from orbs.kubernetes.rehearsal import parse_fault
from tests.unit.orbs.kubernetes.rehearsal.conftest import Http, Start
from tests.unit.orbs.kubernetes.rehearsal.manifests import (
    JOBS,
    PODS,
    condition,
    has_ended,
    job,
)

MIGRATE = f"{JOBS}/migrate"


def log_of(api: Http, query: str = "") -> str:
    [pod, *_] = api.get(f"{PODS}?labelSelector=job-name%3Dmigrate")["items"]
    return api.ask_text(f"{PODS}/{pod['metadata']['name']}/log?{query}")


def test_a_job_runs_a_pod_and_is_complete(api: Http) -> None:
    api.post(JOBS, job())
    seen = api.until(MIGRATE, has_ended)
    assert condition(seen, "Complete")["status"] == "True"
    assert seen["status"]["succeeded"] == 1
    assert {"startTime", "completionTime"} <= seen["status"].keys()
    assert "active" not in seen["status"]


def test_its_log_reads_like_a_migration_and_stays_readable(api: Http) -> None:
    api.post(JOBS, job())
    api.until(MIGRATE, has_ended)
    lines = log_of(api).splitlines()
    assert lines[0].startswith("== 20230101120000 CreateUsers: migrating ===")
    assert log_of(api, "tailLines=2").splitlines() == lines[-2:]


def test_a_job_knows_its_pods_by_labels_of_both_kinds(api: Http) -> None:
    made = api.post(JOBS, job())
    api.until(PODS, lambda pods: pods["items"])
    for label in ("job-name", "batch.kubernetes.io/job-name"):
        assert len(api.get(f"{PODS}?labelSelector={label}%3Dmigrate")["items"]) == 1
    uid = made["metadata"]["uid"]
    assert len(api.get(f"{PODS}?labelSelector=controller-uid%3D{uid}")["items"]) == 1


def test_a_failing_migration_fails_the_job_with_its_log(start: Start) -> None:
    api = start(parse_fault("migration-fails"))
    api.post(JOBS, job())
    seen = api.until(MIGRATE, has_ended)
    assert condition(seen, "Failed")["reason"] == "BackoffLimitExceeded"
    assert seen["status"]["failed"] == 1
    [pod] = api.get(PODS)["items"]
    ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (pod["status"]["phase"], ended["exitCode"], ended["reason"]) == ("Failed", 1, "Error")
    assert "rails aborted!" in log_of(api)


def test_a_failed_pod_is_tried_again_as_often_as_the_limit_says(start: Start) -> None:
    api = start(parse_fault("migration-fails"))
    api.post(JOBS, job(backoffLimit=2))
    seen = api.until(MIGRATE, has_ended)
    assert seen["status"]["failed"] == 3
    assert len(api.get(PODS)["items"]) == 3


def test_restarts_in_place_count_against_the_limit(start: Start) -> None:
    api = start(parse_fault("migration-fails"))
    api.post(JOBS, job(policy="OnFailure", backoffLimit=2))
    seen = api.until(MIGRATE, has_ended)
    assert condition(seen, "Failed")["reason"] == "BackoffLimitExceeded"
    api.until(PODS, lambda pods: not pods["items"])


def test_a_job_that_takes_too_long_is_stopped(start: Start) -> None:
    api = start(parse_fault("slow-migration"))
    api.post(JOBS, job(activeDeadlineSeconds=20))
    seen = api.until(MIGRATE, has_ended)
    assert condition(seen, "Failed")["reason"] == "DeadlineExceeded"
    api.until(PODS, lambda pods: not pods["items"])


def test_a_finished_job_goes_when_its_time_to_live_is_over(api: Http) -> None:
    api.post(JOBS, job(ttlSecondsAfterFinished=20))
    api.until(MIGRATE, has_ended)
    api.until(JOBS, lambda found: not found["items"])
    api.until(PODS, lambda pods: not pods["items"])


def test_a_log_is_followed_while_the_migration_runs(start: Start) -> None:
    api = start(parse_fault("slow-migration"))
    api.post(JOBS, job())
    [pod] = api.until(
        PODS, lambda pods: [item for item in pods["items"] if item["status"]["phase"] == "Running"]
    )["items"]
    moments = []
    with api.open("GET", f"{PODS}/{pod['metadata']['name']}/log?follow=true") as stream:
        lines = []
        while line := stream.readline():
            lines.append(line)
            moments.append(api.get(MIGRATE)["status"].get("succeeded", 0))
    assert len(lines) == 100
    assert moments[0] == 0
    api.until(MIGRATE, has_ended)


def test_a_follower_of_a_deleted_pod_is_let_go(start: Start) -> None:
    api = start(parse_fault("slow-migration"), speed=20.0)
    api.post(JOBS, job())
    [pod] = api.until(
        PODS, lambda pods: [item for item in pods["items"] if item["status"]["phase"] == "Running"]
    )["items"]
    with api.open("GET", f"{PODS}/{pod['metadata']['name']}/log?follow=true") as stream:
        stream.readline()
        api.ask("DELETE", f"{MIGRATE}?propagationPolicy=Background")
        rest = stream.read().splitlines()
    assert len(rest) < 90, "the whole migration prints a hundred lines"


def test_time_stamps_and_since_select_lines(api: Http) -> None:
    api.post(JOBS, job())
    api.until(MIGRATE, has_ended)
    stamped = log_of(api, "timestamps=true").splitlines()
    middle = stamped[7].split(" ", 1)[0]
    later = log_of(api, f"sinceTime={middle}").splitlines()
    assert later == [line.split(" ", 1)[1] for line in stamped[7:]]
    assert len(log_of(api, "limitBytes=10")) == 10


def test_a_since_that_is_no_moment_is_refused(api: Http) -> None:
    api.post(JOBS, job())
    api.until(MIGRATE, has_ended)
    for query in ("sinceTime=yesterday", "sinceTime=2026-01-01T00:00:00", "tailLines=few"):
        assert "unable to decode PodLogOptions" in log_of(api, query)
