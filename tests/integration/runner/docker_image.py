"""An image with a Docker daemon and client, made of Debian's packages."""

from __future__ import annotations

import io
from typing import Any

from tests.integration.runner.harness import PLAIN_IMAGE

DOCKER_IMAGE = "orbyard-test/docker:1"
_DOCKERFILE = f"""
FROM {PLAIN_IMAGE}
RUN apt-get update \\
 && apt-get install -y --no-install-recommends docker.io git sudo openssh-client \\
 && rm -rf /var/lib/apt/lists/* \\
 && useradd -m -u 3434 -s /bin/bash circleci
"""


def make_docker_image(engine: Any) -> str:
    """Build the image where it is not there yet, and return its name."""
    if not engine.images.list(name=DOCKER_IMAGE):
        engine.images.build(fileobj=io.BytesIO(_DOCKERFILE.encode()), tag=DOCKER_IMAGE, rm=True)
    return DOCKER_IMAGE
