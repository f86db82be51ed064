"""Apps for the tests with a real engine, and what they leave in it taken away."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orbs.rails.engine import open_engine
from pipeline.docker_endpoint import find_endpoint
from tests.integration.rails.support import (
    BASE_IMAGE,
    TEST_LABEL,
    App,
    CountingEngine,
    base_environ,
)


@pytest.fixture
def engine(docker_engine: Any) -> Iterator[CountingEngine]:
    """The real engine, counting."""
    with open_engine(os.environ) as opened:
        yield CountingEngine(opened._client, find_endpoint(os.environ))


@pytest.fixture
def app(tmp_path: Path, engine: CountingEngine) -> Iterator[App]:
    """An app with a builder image's Dockerfile and one lockfile; no installer yet."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    made = App(tmp_path / name, base_environ(tmp_path / "home"))
    # The name in the Dockerfile keeps the tests' images apart, and tells what a failed build leaves.
    made.write(
        "deploy/Dockerfile.builder",
        f"FROM {BASE_IMAGE}\nLABEL {TEST_LABEL}={name}\nENV APP={name}\nWORKDIR /app\n",
    )
    made.write("lock", "one\n")
    try:
        yield made
    finally:
        made.clean(engine)
