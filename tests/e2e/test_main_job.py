"""The main job, from source to a running Deployment; the tests of this module follow each other."""

from __future__ import annotations

import json
import re
import urllib.request
from typing import Any

import pytest

from examples.support.workbench import Finished, Workbench

MIGRATION = """# frozen_string_literal: true

class AddNotesToInvoices < ActiveRecord::Migration[6.1]
  def change
    add_column :invoices, :notes, :text
  end
end
"""


def deploy(bench: Workbench, *words: str, **environ: str) -> Finished:
    return bench.orbyard("deploy", "--env", "staging", *words, **environ)


def deployment(bench: Workbench) -> dict[str, Any]:
    from orbs.kubernetes.cluster import DEPLOYMENT

    with bench.cluster() as cluster:
        found = cluster.get(DEPLOYMENT, "hoge-app")
    assert found is not None
    return dict(found)


def rollout_number(bench: Workbench) -> int:
    """How often the Deployment's Pods were replaced."""
    return int(deployment(bench)["metadata"]["annotations"]["deployment.kubernetes.io/revision"])


def image_of(found: dict[str, Any]) -> str:
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def migration_jobs(bench: Workbench) -> list[dict[str, Any]]:
    from orbs.kubernetes.cluster import JOB

    with bench.cluster() as cluster:
        found, _ = cluster.list(JOB, labels="orbyard.dev/job=hoge-app-dbmigration")
    return sorted(found, key=lambda job: str(job["metadata"]["creationTimestamp"]))


@pytest.fixture(scope="module")
def first(bench: Workbench) -> Finished:
    """The first deploy, of a clean commit."""
    return deploy(bench)


@pytest.fixture(scope="module")
def second(bench: Workbench, first: Finished) -> Finished:
    """The second deploy, with a new migration and nothing else new."""
    bench.write("db/migrate/20240501120000_add_notes_to_invoices.rb", MIGRATION)
    bench.commit("add notes to invoices")
    return deploy(bench, ORBYARD_IMAGE_REPRODUCIBLE="false")


def test_the_first_deploy_brings_the_app_up(bench: Workbench, first: Finished) -> None:
    assert first.code == 0, first.text
    assert bench.get("/ready") == (200, "ready")
    assert bench.sql("select count(*) from invoices") == "0"
    status, body = bench.get("/invoices.json")
    assert (status, json.loads(body)) == (200, [])


def test_the_deployment_runs_the_pushed_image_by_digest(
    bench: Workbench, registry: str, first: Finished
) -> None:
    found = deployment(bench)
    repository, _, digest = image_of(found).partition("@")
    assert repository == bench.repository
    assert f"{repository}@{digest}" in first.err
    tag = bench.git("rev-list", "--max-parents=0", "HEAD")
    request = urllib.request.Request(
        f"http://{registry}/v2/hoge-app/manifests/{tag}",
        headers={"Accept": "application/vnd.docker.distribution.manifest.v2+json"},
        method="HEAD",
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Docker-Content-Digest"] == digest


def test_objects_say_who_deployed_what(bench: Workbench, first: Finished) -> None:
    metadata = deployment(bench)["metadata"]
    assert metadata["labels"]["app.kubernetes.io/managed-by"] == "orbyard"
    assert (
        metadata["annotations"]["orbyard.dev/revision"]
        == bench.git("rev-list", "--max-parents=0", "HEAD")[:12]
    )
    assert "@" in metadata["annotations"]["orbyard.dev/deployed-by"]


def test_the_summary_says_what_happened(first: Finished) -> None:
    for words in ("==> Checks", "==> Image", "==> Migration", "==> Rollout", "==> Summary"):
        assert words in first.err
    assert re.search(r"Deployment/hoge-app: 2 Pods ready", first.err)
    assert re.search(r"staging at [0-9a-f]{12}: done in ", first.err)


def test_the_second_deploy_migrates_and_unchanged_dependencies_cost_nothing(
    bench: Workbench, first: Finished, second: Finished
) -> None:
    assert second.code == 0, second.text
    assert bench.sql("select version from schema_migrations order by 1").split() == [
        "20240115090000",
        "20240501120000",
    ]
    assert "notes" in bench.sql(
        "select column_name from information_schema.columns where table_name = 'invoices'"
    )
    assert bench.get("/ready") == (200, "ready")
    assert "bundle: unchanged" in second.err
    assert "yarn: unchanged" in second.err
    assert "bundle |" not in second.err
    assert "AddNotesToInvoices: migrated" in second.err


def test_each_migration_is_a_job_of_its_own_and_its_log_stays(
    bench: Workbench, second: Finished
) -> None:
    jobs = migration_jobs(bench)
    assert len(jobs) >= 2
    assert len({job["metadata"]["labels"]["orbyard.dev/revision"] for job in jobs[:2]}) == 2
    log = bench.orbyard("logs", "--env", "staging", "--migration")
    assert log.code == 0
    assert "AddNotesToInvoices: migrated" in log.out


def test_a_third_deploy_with_nothing_new_builds_pushes_and_rolls_out_nothing(
    bench: Workbench, second: Finished
) -> None:
    before = rollout_number(bench)
    third = deploy(bench)
    assert third.code == 0, third.text
    assert "app image" in third.err
    assert "is there already" in third.err
    assert "pushing" not in third.err
    assert "image |" not in third.err
    assert rollout_number(bench) == before


def test_a_plan_after_a_deploy_has_only_the_migration_to_run(
    bench: Workbench, second: Finished
) -> None:
    image = image_of(deployment(bench))
    planned = bench.orbyard("plan", "--env", "staging", "--image", image, "--json")
    assert planned.code == 0, planned.err
    counts = json.loads(planned.out)["counts"]
    assert counts == {"create": 0, "update": 0, "run": 1, "none": 4}


def test_status_and_logs_show_what_runs(bench: Workbench, second: Finished) -> None:
    status = bench.orbyard("status", "--env", "staging", "--json")
    assert status.code == 0, status.err
    (workload,) = json.loads(status.out)["workloads"]
    assert (workload["ref"], workload["verdict"], workload["ready"]) == (
        "Deployment/hoge-app",
        "running",
        "2/2",
    )
    logs = bench.orbyard("logs", "--env", "staging", "--tail", "200")
    assert "Puma starting" in logs.out


def test_a_changed_setting_restarts_the_pods(bench: Workbench, second: Finished) -> None:
    before = rollout_number(bench)
    path = "deploy/configmaps/staging.configmap.yml"
    bench.replace(path, "Invoices (staging)", "Invoices, renamed")
    done = bench.orbyard("rollout", "--env", "staging", "--image", image_of(deployment(bench)))
    bench.git("checkout", "-q", path)
    assert done.code == 0, done.text
    assert rollout_number(bench) > before
