"""Deploys that fail: exit code, cause, and what is left as it was. They follow each other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from examples.support.workbench import Finished, Workbench

QUICK = {"ORBYARD_IMAGE_REPRODUCIBLE": "false", "ORBYARD_DEPLOY_ROLLOUT_TIMEOUT": "90s"}


@pytest.fixture(scope="module")
def running(bench: Workbench) -> str:
    """The image of a deploy that went well."""
    done = bench.orbyard("deploy", "--env", "staging", **QUICK)
    assert done.code == 0, done.text
    return image(bench)


@pytest.fixture(autouse=True)
def _restored(bench: Workbench) -> Iterator[None]:
    yield
    bench.git("reset", "-q", "--hard")
    bench.git("clean", "-fdq")


def image(bench: Workbench) -> str:
    return str(live(bench)["spec"]["template"]["spec"]["containers"][0]["image"])


def live(bench: Workbench) -> dict[str, Any]:
    from orbs.kubernetes.cluster import DEPLOYMENT

    with bench.cluster() as cluster:
        return dict(cluster.get(DEPLOYMENT, "hoge-app") or {})


def deploy(bench: Workbench, *words: str, **environ: str) -> Finished:
    return bench.orbyard("deploy", "--env", "staging", *words, **QUICK, **environ)


def test_a_lockfile_out_of_step_fails_the_build(bench: Workbench, running: str) -> None:
    bench.replace("Gemfile", 'gem "puma"', 'gem "sinatra"\ngem "puma"')
    done = deploy(bench)
    assert done.code == 1, done.text
    assert "Gemfile.lock" in done.err
    assert "bundle lock" in done.err
    assert "==> Configuration" not in done.err
    assert image(bench) == running


def test_a_failing_instruction_of_the_dockerfile_is_named(bench: Workbench, running: str) -> None:
    path = "deploy/Dockerfile"
    bench.write(path, (bench.root / path).read_text() + "RUN echo it cannot be; exit 9\n")
    done = deploy(bench)
    assert done.code == 1
    assert f"error: {path}:" in done.err
    assert "RUN echo it cannot be; exit 9" in done.err
    assert image(bench) == running


def test_a_failing_migration_stops_the_deploy(bench: Workbench, running: str) -> None:
    bench.write(
        "db/migrate/20240601120000_break.rb",
        "class Break < ActiveRecord::Migration[6.1]\n"
        "  def change\n    execute 'SELECT nothing FROM nowhere'\n  end\nend\n",
    )
    before = live(bench)["spec"]
    done = deploy(bench)
    assert done.code == 1, done.text
    assert "PG::UndefinedTable" in done.err
    assert 'relation "nowhere" does not exist' in done.err
    assert "the database refused a statement" in done.err
    assert "==> Rollout" not in done.err
    assert live(bench)["spec"] == before
    assert bench.get("/ready") == (200, "ready")


def test_an_app_that_crashes_at_boot_fails_the_rollout_with_its_last_words(
    bench: Workbench, running: str
) -> None:
    bench.write(
        "config/initializers/zz_crash.rb",
        'raise "no way to boot" if $PROGRAM_NAME.include?("puma")\n',
    )
    done = deploy(bench, "--skip-migration")
    assert done.code == 1, done.text
    assert "error: Deployment/hoge-app: " in done.err
    assert "no way to boot" in done.err
    assert "what to do:" in done.err
    assert "the version before still runs: 2 Pods ready" in done.err
    assert bench.get("/ready") == (200, "ready")


def test_an_unknown_environment_is_bad_input(bench: Workbench, running: str) -> None:
    done = bench.orbyard("deploy", "--env", "stagin")
    assert done.code == 2
    assert "did you mean 'staging'?" in done.err


def test_a_mistake_in_a_manifest_is_told_by_file_and_line_before_anything_is_built(
    bench: Workbench, running: str
) -> None:
    bench.replace("deploy/deploy.yml", "  replicas: 2", "  replicaz: 2")
    done = deploy(bench)
    assert done.code == 2
    assert "deploy/deploy.yml:8" in done.err
    assert "replicaz" in done.err
    assert "==> Image" not in done.err


def test_a_missing_engine_and_a_missing_cluster_end_with_3(bench: Workbench, running: str) -> None:
    no_engine = bench.orbyard("build.image", DOCKER_HOST="unix:///nowhere/docker.sock")
    assert no_engine.code == 3, no_engine.text
    config = json.loads(json.dumps(bench.kubeconfig))
    for cluster in config["clusters"]:
        cluster["cluster"]["server"] = "https://127.0.0.1:9"
    bench._encrypt(config, "deploy/kubeconfig/staging.kubeconfig.enc")
    no_cluster = bench.orbyard("status", "--env", "staging")
    assert no_cluster.code == 3, no_cluster.text
    assert "127.0.0.1:9" in no_cluster.err


def test_another_cluster_than_expected_is_refused(bench: Workbench, running: str) -> None:
    settings = (bench.root / "orbyard.yml").read_text()
    bench.write(
        "orbyard.yml",
        settings + "environments: {staging: {expect_server: 'https://other.example.com'}}\n",
    )
    done = bench.orbyard("plan", "--env", "staging")
    assert done.code == 2
    assert "must be on https://other.example.com" in done.err


def interrupt_at(child: subprocess.Popen[str], words: str) -> tuple[int, str]:
    """Send SIGINT when these words are printed; return exit code and output."""
    assert child.stdout is not None
    said = ""
    for line in child.stdout:
        said += line
        if words in line:
            os.kill(child.pid, signal.SIGINT)
            break
    with child:
        said += child.stdout.read()
    return child.returncode, said


def test_an_interrupted_migration_is_left_running_and_said_so(
    bench: Workbench, running: str
) -> None:
    from orbs.kubernetes.cluster import JOB

    bench.replace(
        "deploy/dbmigration.job.yml", '["bin/rails", "db:migrate"]', '["sh", "-c", "sleep 6"]'
    )
    child = bench.start("migrate", "--env", "staging", "--image", running)
    code, said = interrupt_at(child, ": running")
    assert code == 130, said
    assert "is left running" in said
    assert "kubectl logs" in said
    with bench.cluster() as cluster:
        jobs, _ = cluster.list(JOB, labels="orbyard.dev/job=hoge-app-dbmigration")
    assert any((job.get("status") or {}).get("active") for job in jobs)
    bench.git("reset", "-q", "--hard")
    # The next one waits for it, and then runs.
    after = bench.orbyard("migrate", "--env", "staging", "--image", running)
    assert after.code == 0, after.text
    assert "of another deploy is still running" in after.err
