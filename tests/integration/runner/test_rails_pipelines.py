"""Pipelines as Rails projects have them, in ``pipelines/``, run from the first to the last job.

Images that they name, of databases say, are built here of Debian's packages and taken in their place, as
by the settings of a team behind a mirror.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.runner.debian_images import debian_image
from tests.integration.runner.harness import IMAGE, Checkout

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
