"""Pipelines as Rails projects have them, in ``pipelines/``, run from the first to the last job.

Images that they name, of databases say, are built here of Debian's packages and taken in their place, as
by the settings of a team behind a mirror.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from tests.integration.runner.debian_images import debian_image
from tests.integration.runner.docker_image import make_docker_image
from tests.integration.runner.harness import IMAGE, PROJECT, Checkout

PIPELINES = Path(__file__).parent / "pipelines"
Make = Callable[..., Checkout]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a repository of a folder of ``pipelines/``, with its own store."""

    def made(name: str, **images: str) -> Checkout:
        folder = tmp_path / name
        shutil.copytree(PIPELINES / name, folder)
        rules = {"cimg/ruby": IMAGE, **{f"cimg/{key}": image for key, image in images.items()}}
        (folder / "orbyard.yml").write_text(json.dumps({"ci": {"images": rules}}))
        checkout = Checkout(folder, tmp_path / "store")
        checkout.git("init", "-q", "-b", "main")
        checkout.git("add", "-A")
        checkout.git("commit", "-qm", "first")
        return checkout

    return made


# --- tests with services, and a cache for each lockfile --------------------------------------------


def test_rails_tests_with_a_database_and_a_cache_of_gems(make: Make, docker_engine: Any) -> None:
    checkout = make(
        "rails-tests",
        postgres=debian_image(docker_engine, "postgres"),
        redis=debian_image(docker_engine, "redis"),
    )
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    steps = checkout.steps("test")
    assert "Installing activerecord" in steps["Install gems"]["text"]
    assert "created shop_test" in steps["Set the database up"]["text"]
    assert "4 runs, 6 assertions, 0 failures" in steps["Test"]["text"]
    log = checkout.newest() / "jobs/test"
    assert (
        "database system is ready to accept connections"
        in (log / "service-postgres.log").read_text()
    )

    again = checkout.run()
    assert again.returncode == 0, again.stderr
    steps = checkout.steps("test")
    assert "found gems-v1-" in steps["Restore gems"]["text"] + again.stderr
    assert "The Gemfile's dependencies are satisfied" in steps["Install gems"]["text"]
    assert "cache already exists for key" in steps["Save gems"]["text"]


# --- tests shared out among nodes ------------------------------------------------------------------


def files_of_nodes(checkout: Checkout) -> list[set[str]]:
    """The test files that each node ran."""
    nodes = []
    for instance in checkout.instances("test"):
        step = next(one for one in instance["steps"] if one["name"] == "Test")
        said = next(
            line for line in Path(step["log"]).read_text().splitlines() if line.startswith("node ")
        )
        nodes.append(set(said.partition(":")[2].split()))
    return nodes


def test_tests_are_split_by_the_times_of_the_run_before(make: Make, docker_engine: Any) -> None:
    checkout = make("split-tests")
    done = checkout.run()
    assert done.returncode == 0, done.stderr
    first = files_of_nodes(checkout)
    every = {
        f"test/{name}_test.rb" for name in ("cart", "invoice", "mailer", "order", "report", "user")
    }
    assert first[0] | first[1] == every
    assert len(first[0]) == len(first[1]) == 3
    assert "falling back to weighting by name" in done.stderr
    covered = checkout.newest() / "jobs/coverage/artifacts/coverage/all.txt"
    assert covered.read_text() == "6 files\n6 files\n"

    again = checkout.run()
    assert again.returncode == 0, again.stderr
    slow = {"test/report_test.rb"}
    assert sorted(files_of_nodes(checkout), key=len) == [slow, every - slow]
    assert checkout.record()["workflows"][0]["jobs"][0]["status"] == "success"


# --- assets: built once, checked in several ways, packed ---------------------------------------------


def test_assets_go_through_a_workspace_from_one_job_to_many_to_one(
    make: Make, docker_engine: Any
) -> None:
    checkout = make("workspaces", node=IMAGE)
    done = checkout.run("--jobs", "2")
    assert done.returncode == 0, done.stderr
    jobs = checkout.jobs()
    assert set(checkout.statuses().values()) == {"success"}
    assert set(jobs) == {
        "build", "lint", "test-18.20-en", "test-18.20-de", "test-lts-en", "package"
    }  # fmt: skip
    text = {name: checkout.steps(name) for name in jobs}
    assert "the cart works with de on v" in text["test-18.20-de"]["Run test"]["text"]
    assert "all scripts are strict" in text["lint"]["Run lint"]["text"]
    assert "Say that it is no release" in text["package"]
    contents = checkout.newest() / "jobs/package/artifacts/contents.txt"
    assert "public/assets/app-1.4.0.js" in contents.read_text()

    quick = checkout.run("--param", "lint=false", "--param", "release=v7")
    assert quick.returncode == 0, quick.stderr
    assert set(checkout.statuses()) == {"build", "package"}
    assert "Say that it is no release" not in checkout.steps("package")
    assert "cache already exists" in quick.stderr


def test_a_job_that_fails_stops_what_needs_it_and_goes_on_after_a_fix(
    make: Make, docker_engine: Any
) -> None:
    checkout = make("workspaces", node=IMAGE)
    script = checkout.folder / "app/javascript/cart.js"
    good = script.read_text()
    script.write_text(good.removeprefix('"use strict";\n'))
    done = checkout.run("--jobs", "2")
    assert done.returncode == 1
    assert checkout.statuses()["lint"] == "failed"
    assert checkout.statuses()["package"] == "not_run"
    assert "not strict: cart.js" in done.stderr
    assert "written at .circleci/config.yml:" in done.stderr

    script.write_text(good)
    again = checkout.run("--from", "build")
    assert again.returncode == 0, again.stderr
    assert checkout.statuses()["package"] == "success"


# --- an image, built and pushed ---------------------------------------------------------------------


def test_an_image_is_built_tried_pushed_and_handed_on_by_its_digest(
    make: Make, docker_engine: Any, registry: str
) -> None:
    checkout = make("docker-build", base=make_docker_image(docker_engine))
    revision = checkout.git("rev-parse", "HEAD").strip()
    name = f"{registry}/orbyard-test/shop"
    try:
        done = checkout.run("--param", f"registry={registry}")
        assert done.returncode == 0, done.stderr
        tried = checkout.steps("build")["Try"]["text"]
        assert f"shop at {revision[:7]}" in tried
        assert "open for business" in tried
        handed_on = checkout.newest() / "jobs/build/artifacts/image/digest.txt"
        digest = handed_on.read_text().strip()
        assert digest.startswith(f"{name}@sha256:")
        assert docker_engine.images.get(digest).tags == [f"{name}:{revision}"]
        assert revision in checkout.steps("verify")["Take it as it was pushed"]["text"]
    finally:
        with contextlib.suppress(docker.errors.ImageNotFound):
            docker_engine.images.remove(f"{name}:{revision}", force=True)


# --- from a branch to staging, and to production ----------------------------------------------------


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project itself, as jobs install it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", os.fspath(folder)]
    subprocess.run(build, cwd=PROJECT, check=True, capture_output=True)
    return next(folder.glob("orbyard-*.whl"))


@pytest.fixture
def shop(make: Make, docker_engine: Any, wheel: Path) -> Checkout:
    """The example app with a pipeline that deploys it."""
    checkout = make("deploy", base=IMAGE, python=debian_image(docker_engine, "python"))
    folder = checkout.folder
    example = PROJECT / "examples/rails-app"
    settings = json.loads((folder / "orbyard.yml").read_text())
    settings["ci"]["orbs"] = {"orbyard/kubernetes": os.fspath(PROJECT / "orbs/kubernetes/src")}
    shutil.copytree(example, folder, dirs_exist_ok=True)
    written = (example / "orbyard.yml").read_text() + json.dumps(settings)[1:-1] + "\n"
    (folder / "orbyard.yml").write_text(written)
    (folder / "vendor").mkdir()
    shutil.copy(wheel, folder / "vendor")
    contexts = folder / "deploy/contexts"
    contexts.mkdir()
    (contexts / "staging.env").write_text("DEPLOYER=Ada\nAPI_TOKEN=token-of-staging\n")
    (contexts / "production.env").write_text("DEPLOYER=Eve\nAPI_TOKEN=token-of-production\n")
    (folder / ".gitignore").write_text("/.orbyard/\n/deploy/contexts/*.env\n")
    checkout.git("add", "-A")
    checkout.git("commit", "-qm", "the app")
    return checkout


def test_a_branch_goes_to_staging_waits_and_goes_to_production(shop: Checkout) -> None:
    done = shop.run()
    assert done.returncode == 1, done.stderr
    assert shop.statuses() == {
        "build": "success",
        "deploy-staging": "success",
        "hold": "on_hold",
        "deploy-production": "not_run",
    }
    steps = shop.steps("deploy-staging")
    image = f"registry.example.com/hoge-app:{shop.git('rev-parse', 'HEAD').strip()}"
    said = steps["Say who deploys what"]["lines"][-1]
    assert said == f"Ada brings {image} to staging with ****"
    assert "token-of-staging" not in done.stderr
    assert "Deployment/hoge-app: 2 Pods ready" in steps["Deploy"]["text"]

    approved = shop.run("--failed", "last", "--approve", "hold")
    assert approved.returncode == 0, approved.stderr
    assert shop.statuses()["deploy-production"] == "success"
    assert shop.jobs()["deploy-staging"]["kept_from"]
    said = shop.steps("deploy-production")["Say who deploys what"]["lines"][-1]
    assert said == f"Eve brings {image} to production with ****"


def test_another_branch_is_only_built_and_a_tag_goes_to_production(shop: Checkout) -> None:
    done = shop.run("--branch", "feature/cart")
    assert done.returncode == 0, done.stderr
    assert shop.statuses() == {"build": "success"}

    tagged = shop.run("--tag", "v2")
    assert tagged.returncode == 0, tagged.stderr
    assert shop.statuses() == {"build": "success", "deploy-release": "success"}
    said = shop.steps("deploy-release")["Say who deploys what"]["text"]
    assert "brings registry.example.com/hoge-app:v2 to production" in said


# --- parts of a repository, chosen by what changed --------------------------------------------------


@pytest.fixture
def parts(make: Make) -> Checkout:
    """A repository with an origin, on a branch that changes one of its parts."""
    checkout = make("monorepo", base=IMAGE, node=IMAGE)
    origin = checkout.folder.parent / "origin.git"
    checkout.git("clone", "-q", "--bare", os.fspath(checkout.folder), os.fspath(origin))
    checkout.git("remote", "add", "origin", os.fspath(origin))
    checkout.git("fetch", "-q", "origin")
    checkout.git("checkout", "-qb", "faster-api")
    test = checkout.folder / "api/test.sh"
    test.write_text(test.read_text() + "echo 'and it is faster'\n")
    checkout.git("commit", "-qam", "a faster API")
    return checkout


def test_only_the_parts_that_a_branch_changes_are_tested(
    parts: Checkout, docker_engine: Any
) -> None:
    done = parts.run()
    assert done.returncode == 0, done.stderr
    assert parts.statuses() == {"choose": "success", "api": "success"}
    api = parts.steps("api")
    tested = api["Test in a container that sees the checkout"]["text"]
    assert "the API is tested by root" in tested
    assert "and it is faster" in tested
    assert "it answers" in api["Ask it"]["text"]

    # What is not committed yet counts as well.
    (parts.folder / "web/page.js").write_text("")
    more = parts.run()
    assert more.returncode == 0, more.stderr
    assert parts.statuses() == {"choose": "success", "api": "success", "web": "success"}


def test_all_parts_are_tested_where_that_is_asked_for(parts: Checkout, docker_engine: Any) -> None:
    done = parts.run("--param", "everything=true", "--branch", "main")
    assert done.returncode == 0, done.stderr
    assert parts.statuses() == {"choose": "success", "api": "success", "web": "success"}
