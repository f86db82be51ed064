"""PostgreSQL for an app under test: what is built, and what is applied to its namespace."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["POSTGRES_CONTEXT", "free_port", "postgres_manifests"]

POSTGRES_CONTEXT = Path(__file__).parent / "postgres"
"""The build context of the image; the cluster pulls it from the tests' registry."""


def postgres_manifests(image: str, *, database_url: str, port: int) -> str:
    """Return the YAML of a Secret, a Service and a Deployment, all called ``hoge-db``.

    Args:
        image: the reference of the built image.
        database_url: what the app's Secret says, ``postgresql://user:password@hoge-db/name``; the
            role and the database are made to fit it. The Service listens on 5432.
        port: where the server itself listens in the node's network; one no other test uses.

    Raises:
        ValueError: the URL lacks a user, a password or a database, or names another host.
    """
    url = urlsplit(database_url)
    database = url.path.removeprefix("/")
    if not (url.username and url.password and database and url.hostname == "hoge-db"):
        raise ValueError("expected postgresql://user:password@hoge-db/name")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hoge-db"},
        "stringData": {
            "POSTGRES_USER": unquote(url.username),
            "POSTGRES_PASSWORD": unquote(url.password),
            "POSTGRES_DB": database,
        },
    }
    manifests = (POSTGRES_CONTEXT / "postgres.yml").read_text()
    manifests = manifests.replace("HOGE_DB_IMAGE_NAME", image).replace("HOGE_DB_PORT", str(port))
    # kubectl takes a stream that begins with a brace for JSON as a whole.
    return f"---\n{json.dumps(secret)}\n---\n{manifests}"


def free_port() -> int:
    """Return a TCP port that nothing on this machine listens on now."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
