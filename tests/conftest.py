"""What tests need from the machine; each fixture skips with a reason where it is not there.

``ORBYARD_TESTS_REQUIRE=all`` (set in CI) turns such a skip into a failure.
"""

from __future__ import annotations

import os
import signal
import socket
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tests.browser import Browser, find_browser, start_browser

REQUIRE_ALL = os.environ.get("ORBYARD_TESTS_REQUIRE") == "all"
PROJECT = Path(__file__).resolve().parent.parent


def missing(reason: str) -> NoReturn:
    """Skip the test, or fail it where everything has to be there."""
    if REQUIRE_ALL:
        pytest.fail(f"needed here: {reason}")
    pytest.skip(reason)


def pytest_configure() -> None:
    """Take signals as a terminal's programs do.

    What starts the tests in the background (``make test &``, ``nohup``) has them ignored, and so
    would every program that a test starts and interrupts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Any]:
    """A client of the Docker engine."""
    import docker
    import docker.errors

    try:
        client = docker.from_env(timeout=300)  # a step of a build may be silent for minutes
        client.ping()
    except docker.errors.DockerException as error:
        missing(f"no Docker engine answers: {error}")
    yield client
    client.close()


@pytest.fixture(scope="session")
def registry() -> str:
    """``host:port`` of an image registry that takes pushes without a login (plain HTTP)."""
    address = os.environ.get("ORBYARD_TEST_REGISTRY", "127.0.0.1:5000")
    try:
        with urllib.request.urlopen(f"http://{address}/v2/", timeout=5):
            return address
    except OSError as error:
        missing(f"no image registry at {address} (ORBYARD_TEST_REGISTRY names another): {error}")


@pytest.fixture(scope="session")
def kubeconfig() -> dict[str, Any]:
    """The kubeconfig of a real cluster that answers, as a mapping."""
    import kubernetes
    import yaml

    path = os.environ.get("KUBECONFIG")
    if not path or not Path(path).exists():
        missing("no cluster: KUBECONFIG names no file")
    loaded = yaml.safe_load(Path(path).read_text())
    try:
        client = kubernetes.config.new_client_from_config_dict(loaded)
        kubernetes.client.VersionApi(client).get_code(_request_timeout=10)
        client.close()
    except Exception as error:
        missing(f"the cluster of KUBECONFIG does not answer: {error}")
    return dict(loaded)


@pytest.fixture
def namespace(kubeconfig: dict[str, Any]) -> Iterator[str]:
    """A namespace of the test's own in the real cluster, deleted afterwards."""
    import kubernetes

    name = f"orbyard-test-{uuid.uuid4().hex[:8]}"
    with kubernetes.config.new_client_from_config_dict(kubeconfig) as client:
        core = kubernetes.client.CoreV1Api(client)
        core.create_namespace({"metadata": {"name": name}})
        try:
            yield name
        finally:
            core.delete_namespace(name)


@dataclass(frozen=True)
class KmsStandIn:
    """A local KMS: where it answers, and a key's ARN in it."""

    endpoint: str
    key_arn: str

    def environ(self) -> dict[str, str]:
        """The variables with which the AWS SDK, and so sops, finds it."""
        return {
            "AWS_ENDPOINT_URL_KMS": self.endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test-secret-access-key",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@pytest.fixture(scope="session")
def kms() -> Iterator[KmsStandIn]:
    """moto's KMS server with one key."""
    try:
        import boto3
        from moto.server import ThreadedMotoServer
    except ImportError as error:
        missing(f"no KMS stand-in: {error}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "kms",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test-secret-access-key",
    )
    try:
        yield KmsStandIn(endpoint, client.create_key()["KeyMetadata"]["Arn"])
    finally:
        server.stop()


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium."""
    found = find_browser()
    if found is None:
        missing("no browser: chromium and chromedriver (Debian: chromium, chromium-driver)")
    started = start_browser(*found, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own ORBYARD_* variables out of the tests."""
    for name in list(os.environ):
        if name.startswith("ORBYARD_") and not name.startswith("ORBYARD_TEST"):
            monkeypatch.delenv(name)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by the fixtures they use, so that `-m 'not cluster'` works."""
    marks = {
        "docker_engine": "docker",
        "registry": "registry",
        "kubeconfig": "cluster",
        "kms": "kms",
        "browser": "browser",
    }
    for item in items:
        for fixture in getattr(item, "fixturenames", ()):
            if fixture in marks:
                item.add_marker(marks[fixture])
