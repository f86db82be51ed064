"""Migrations and rollouts against the in-process cluster: what succeeds, what fails, and the words."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orbs.kubernetes.cluster import DEPLOYMENT, JOB, Cluster, open_cluster
from orbs.kubernetes.job_names import outdated_jobs, run_name
from orbs.kubernetes.kubeconfig import read_config, select_source
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.migrate import MigrationFailed, migrate
from orbs.kubernetes.migration_hints import migration_hint
from orbs.kubernetes.rehearsal import DEFAULT_SPEED, Rehearsal, parse_fault
from orbs.kubernetes.rollout import RolloutFailed, wait_for_rollouts
from orbs.kubernetes.settings import DeploySettings
from orbs.kubernetes.verdict import Grace
from pipeline.errors import InvalidInput, WorkFailed
from pipeline.output import Console
from pipeline.yamlfile import Document

SETTINGS = DeploySettings()
GRACE = Grace().scaled(1 / DEFAULT_SPEED)
CONTAINER = {"name": "app", "image": "registry.example.com/app:1"}


def pod(**more: Any) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "app"}}, "spec": {"containers": [CONTAINER], **more}}


def job(**spec: Any) -> RenderedManifest:
    value = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "app-dbmigration"},
        "spec": {"backoffLimit": 0, "template": pod(restartPolicy="Never"), **spec},
    }
    return RenderedManifest(Document(value, "deploy/dbmigration.job.yml"))


def deployment(replicas: int = 2) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "app", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "app"}},
            "template": pod(),
        },
    }


@contextmanager
def rehearsed(*faults: str) -> Iterator[tuple[Cluster, Console, io.StringIO]]:
    said = io.StringIO()
    console = Console(out=said, err=said, colour=False)
    with Rehearsal(faults=[parse_fault(name) for name in faults]) as stand_in:
        config = read_config(
            json.dumps(stand_in.kubeconfig), origin="test", file="kubeconfig", folder=Path.cwd()
        )
        with open_cluster(select_source(config, environ={}), "default") as cluster:
            yield cluster, console, said


def run_job(cluster: Cluster, console: Console, manifest: RenderedManifest | None = None) -> str:
    return migrate(
        cluster,
        manifest or job(),
        console=console,
        revision="abc123",
        settings=SETTINGS,
        grace=GRACE,
    ).name


def test_a_migration_streams_its_log_and_ends_with_the_job() -> None:
    with rehearsed() as (cluster, console, said):
        name = run_job(cluster, console)
        found = cluster.get(JOB, name)
    assert found is not None
    assert name.startswith("app-dbmigration-abc123-")
    assert found["metadata"]["labels"]["orbyard.dev/job"] == "app-dbmigration"
    assert found["metadata"]["labels"]["orbyard.dev/revision"] == "abc123"
    assert "migrated" in said.getvalue()
    assert f"Job/{name}: complete" in said.getvalue()


def test_each_run_is_a_job_of_its_own_and_only_the_newest_are_kept() -> None:
    settings = replace(SETTINGS, migration_history=2)
    with rehearsed() as (cluster, console, _):
        names = [
            migrate(
                cluster, job(), console=console, revision="a", settings=settings, grace=GRACE
            ).name
            for _ in range(4)
        ]
        left, _version = cluster.list(JOB)
    assert len(set(names)) == 4
    # Those finished when the last one was made, up to the limit, and the last one itself.
    assert len(left) == 3
    assert names[-1] in {one["metadata"]["name"] for one in left}


def test_a_failing_migration_says_why_and_what_to_do() -> None:
    with (
        rehearsed("migration-fails") as (cluster, console, said),
        pytest.raises(MigrationFailed) as caught,
    ):
        run_job(cluster, console)
    assert caught.value.exit_code == 1
    assert "exit code 1" in caught.value.message
    assert "rails aborted!" in said.getvalue()
    assert "the database refused a statement" in str(caught.value.hint)
    assert "kubectl logs" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("image-pull:job", "cannot be pulled"),
        ("config-missing:job", "not found"),
    ],
)
def test_a_migration_that_cannot_start_is_taken_back(fault: str, words: str) -> None:
    with rehearsed(fault) as (cluster, console, _):
        with pytest.raises(MigrationFailed) as caught:
            run_job(cluster, console)
        left, _version = cluster.list(JOB)
    assert words in caught.value.message + " ".join(caught.value.details)
    assert any("was deleted, so that it cannot start later" in one for one in caught.value.details)
    assert left == []


def test_a_migration_that_another_deploy_runs_can_be_refused() -> None:
    settings = replace(SETTINGS, migration_running="refuse")
    running = job(suspend=False).value
    running["metadata"] = {"name": "other", "labels": {"orbyard.dev/job": "app-dbmigration"}}
    with rehearsed("image-pull:job") as (cluster, console, _):
        cluster.create(JOB, running)
        with pytest.raises(WorkFailed, match="Job/other of another deploy is still running"):
            migrate(cluster, job(), console=console, revision="a", settings=settings, grace=GRACE)
        left, _version = cluster.list(JOB)
    assert [one["metadata"]["name"] for one in left] == ["other"]


def test_a_suspended_job_is_bad_input() -> None:
    with rehearsed() as (cluster, console, _), pytest.raises(InvalidInput, match="never runs"):
        run_job(cluster, console, job(suspend=True))


@pytest.mark.parametrize("faults", [(), ("watch-drops",), ("api-500",), ("watch-drops", "api-500")])
def test_a_rollout_is_done_when_every_pod_is_ready_whatever_the_api_does(
    faults: tuple[str, ...],
) -> None:
    with rehearsed(*faults) as (cluster, console, said):
        applied = cluster.apply(DEPLOYMENT, deployment(), manager="test")
        (result,) = wait_for_rollouts(
            cluster, [applied], console=console, settings=SETTINGS, grace=GRACE
        )
    assert result.ref == "Deployment/app"
    assert "✓ Deployment/app: 2 Pods ready" in said.getvalue()


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ("image-pull:deployment", "image", "cannot be pulled"),
        ("crash-loop", "crash", "ends again and again"),
        ("unschedulable:deployment", "", "no node"),
        ("config-missing:deployment", "", "not found"),
        ("progress-deadline", "", "no progress"),
    ],
)
def test_a_rollout_that_fails_names_its_cause(fault: str, code: str, words: str) -> None:
    settings = replace(SETTINGS, rollout_timeout_s=40.0)
    with rehearsed(fault) as (cluster, console, _):
        applied = cluster.apply(DEPLOYMENT, deployment(), manager="test")
        with pytest.raises(RolloutFailed) as caught:
            wait_for_rollouts(cluster, [applied], console=console, settings=settings, grace=GRACE)
    error = caught.value
    assert words in error.message + " ".join(error.details)
    assert error.hint
    assert error.exit_code == 1


def test_a_rollout_that_never_gets_ready_ends_with_the_time_and_the_probe() -> None:
    settings = replace(SETTINGS, rollout_timeout_s=3.0)
    with rehearsed("never-ready") as (cluster, console, said):
        applied = cluster.apply(DEPLOYMENT, deployment(), manager="test")
        with pytest.raises(RolloutFailed) as caught:
            wait_for_rollouts(cluster, [applied], console=console, settings=settings, grace=GRACE)
    assert "0 of 2 new Pods ready" in said.getvalue()
    assert caught.value.exit_code == 1


@pytest.mark.parametrize(
    ("base", "revision"),
    [
        ("app-dbmigration", "abc123"),
        ("x" * 80, "abc123-dirty"),
        ("App_Migrate", "v1.2/Ä"),
        ("a", ""),
    ],
)
def test_a_runs_name_is_a_label_whatever_it_is_made_of(base: str, revision: str) -> None:
    name = run_name(base, revision)
    assert len(name) <= 57
    assert name == name.lower()
    assert name[0].isalnum()
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_outdated_jobs_are_all_but_the_newest() -> None:
    jobs = [
        {"metadata": {"name": str(n), "creationTimestamp": f"2024-01-0{n}T00:00:00Z"}}
        for n in (2, 3, 1)
    ]
    assert [one["metadata"]["name"] for one in outdated_jobs(jobs, 1)] == ["2", "1"]


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ('FATAL:  password authentication failed for user "hoge"', "refuses the user"),
        ("ActiveRecord::ConcurrentMigrationError: Cannot run migrations", "another migration"),
        ("could not connect to server: Connection refused", "does not answer"),
        ("PG::UndefinedTable: ERROR", "refused a statement"),
    ],
)
def test_what_the_database_says_becomes_advice(line: str, advice: str) -> None:
    assert advice in str(migration_hint(["booting", line]))
    assert migration_hint(["all fine"]) is None
