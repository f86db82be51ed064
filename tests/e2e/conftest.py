"""The example app, deployed for real."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.support.workbench import Workbench, cluster_namespace, ensure_database_image


@pytest.fixture(scope="session")
def database_image(docker_engine: Any, registry: str) -> str:
    """A PostgreSQL image that the cluster can pull."""
    return ensure_database_image(registry)


@pytest.fixture(scope="module")
def bench(
    docker_engine: Any,
    registry: str,
    kubeconfig: dict[str, Any],
    database_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Workbench]:
    """A copy of the example with namespace and database of its own, shared by a module's tests."""
    name = f"orbyard-e2e-{uuid.uuid4().hex[:8]}"
    with cluster_namespace(kubeconfig, name, keep=False):
        root: Path = tmp_path_factory.mktemp("bench") / "hoge-app"
        made = Workbench.make(root, kubeconfig, name, registry)
        made.start_database(database_image)
        yield made
