"""This project's own pipeline, run by itself.

Left out is the job ``integration``: it starts a registry and a cluster on a machine of its own, and runs
these very tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing
from tests.integration.runner.debian_images import debian_image
from tests.integration.runner.harness import PROJECT, Checkout

REGISTRY = "127.0.0.1:5000"
"""Where the example's settings push to."""
FEW_TESTS = (
    "--ignore=tests/unit/pipeline/config --ignore=tests/unit/orbs"
    " -k 'test_house_rules or test_cache_keys or test_secret'"
)
"""All of ``tests/unit`` would take minutes, three times."""


@pytest.fixture
def own(tmp_path: Path) -> Checkout:
    """A checkout of this project as it is, with what is not committed."""
    folder = tmp_path / "orbyard"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        check=True,
    )
    for name in map(os.fsdecode, listed.stdout.split(b"\0")):
        if name and (PROJECT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name, follow_symlinks=False)
    checkout = Checkout(folder, tmp_path / "store")
    checkout.git("init", "-q", "-b", "main")
    checkout.git("add", "-A")
    checkout.git("commit", "-qm", "as it is")
    return checkout


def test_the_project_s_own_pipeline_runs(own: Checkout, docker_engine: Any, registry: str) -> None:
    if registry != REGISTRY:
        missing(f"the example pushes to {REGISTRY}, and the registry is {registry}")
    python = debian_image(docker_engine, "python")
    done = own.run(
        *("--job", "example", "--jobs", "2", "--quiet"),
        *("--image", f"cimg/python={python}", "--env", f"PYTEST_ADDOPTS={FEW_TESTS}"),
        timeout_s=900,
    )
    assert done.returncode == 0, done.stderr
    assert own.statuses() == {
        "check": "success",
        "secrets": "success",
        "unit-3.11": "success",
        "unit-3.12": "success",
        "unit-3.13": "success",
        "example": "success",
    }
    steps = {name: own.steps(name) for name in ("check", "secrets", "unit-3.11", "example")}
    checked = steps["check"]["Lint, format, types, import directions"]["text"]
    assert "Success: no issues found" in checked
    assert "0 broken" in checked
    assert 'Config file at ".circleci/config.yml" is valid' in checked
    assert (
        "no secret stands in plain text"
        in steps["secrets"]["Check that secrets stand encrypted"]["text"]
    )
    results = own.jobs()["unit-3.11"]["facts"]["tests"]
    assert results["total"] > 50
    assert "staging at" in steps["example"]["Deploy"]["text"]
    assert (own.newest() / "jobs/example/artifacts/examples/rails-app/.orbyard/image.txt").is_file()
