"""What the runner's tests share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing
from tests.integration.runner.bucket_service import BucketService, bucket_service
from tests.integration.runner.harness import IMAGE, PLAIN_IMAGE, Checkout


@pytest.fixture
def checkout(tmp_path: Path, docker_engine: Any) -> Checkout:
    for image in (IMAGE, PLAIN_IMAGE):
        if not docker_engine.images.list(name=image):
            docker_engine.images.pull(image)
    folder = tmp_path / "app"
    folder.mkdir()
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    (folder / "Gemfile.lock").write_text("rails\n")
    (folder / "name with spaces.txt").write_text("spaces\n")
    (folder / ".gitignore").write_text("secret.env\n")
    (folder / "secret.env").write_text("not for jobs\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "first"], check=True)
    (folder / "untracked.txt").write_text("new\n")
    return Checkout(folder, tmp_path / "store")


@pytest.fixture
def service() -> Iterator[BucketService]:
    """A service that speaks S3, with an empty bucket."""
    try:
        import boto3  # noqa: F401
        import moto  # noqa: F401
    except ImportError as error:
        missing(f"no S3 stand-in: {error}")
    with bucket_service() as found:
        yield found
