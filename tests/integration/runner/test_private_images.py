"""Images of a registry that asks for a login, and the logins that AWS gives."""

from __future__ import annotations

import base64
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.config.model import DockerImage
from pipeline.errors import Unavailable
from pipeline.runner.registry_login import registry_login
from tests.conftest import KmsStandIn
from tests.integration.runner.harness import PLAIN_IMAGE, Checkout
from tests.integration.runner.private_registry import (
    PASSWORD,
    USER,
    PrivateRegistry,
    private_registry,
)


@pytest.fixture(scope="module")
def registry_with_login(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateRegistry]:
    with private_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture
def image(
    checkout: Checkout, registry_with_login: PrivateRegistry, docker_engine: Any
) -> Iterator[str]:
    name = registry_with_login.push(docker_engine, PLAIN_IMAGE, "team/private:1")
    yield name
    if docker_engine.images.list(name=name):
        docker_engine.api.remove_image(name)


def configure(checkout: Checkout, image: str, login: str) -> None:
    checkout.write(f"""
version: 2.1
jobs:
  build:
    docker:
      - image: {image}
        {login}
    steps: [run: echo pulled]
workflows: {{main: {{jobs: [build: {{context: registry}}]}}}}
""")


def test_a_login_of_context_and_project_variables_pulls_an_image(
    checkout: Checkout, image: str, docker_engine: Any
) -> None:
    configure(checkout, image, "auth: {username: $REGISTRY_USER, password: '${REGISTRY_PASSWORD}'}")
    (checkout.folder / "registry.env").write_text(f"REGISTRY_PASSWORD={PASSWORD}\n")
    done = checkout.run("--context", "registry=registry.env", "--env", f"REGISTRY_USER={USER}")
    assert done.returncode == 0, done.stderr
    assert "pulled" in done.stderr
    assert docker_engine.images.list(name=image)
    assert PASSWORD not in done.stderr + (checkout.newest() / "run.json").read_text()


def test_a_refused_login_says_that_it_was_refused(checkout: Checkout, image: str) -> None:
    configure(checkout, image, "auth: {username: $REGISTRY_USER, password: $REGISTRY_PASSWORD}")
    (checkout.folder / "registry.env").write_text("REGISTRY_PASSWORD=wrong-sesame\n")
    done = checkout.run("--context", "registry=registry.env", "--env", f"REGISTRY_USER={USER}")
    assert done.returncode == 1
    assert f"the image {image} cannot be pulled" in done.stderr
    assert "are user name and password of its login right" in done.stderr
    assert "wrong-sesame" not in done.stderr


def test_without_a_login_it_says_how_to_give_one(checkout: Checkout, image: str) -> None:
    configure(checkout, image, "auth: {username: robot, password: $REGISTRY_PASSWORD}")
    done = checkout.run("--context", "registry=")
    assert done.returncode == 1
    assert "needs the variable REGISTRY_PASSWORD" in done.stderr
    configure(checkout, image, "user: root")
    done = checkout.run("--context", "registry=")
    assert done.returncode == 1
    assert "does the registry ask for a login" in done.stderr


ECR_IMAGE = "012345678910.dkr.ecr.eu-west-1.amazonaws.com/app:1"


@pytest.fixture
def ecr(kms: KmsStandIn, monkeypatch: pytest.MonkeyPatch) -> str:
    """The stand-in for AWS answers for ECR too, and nobody is logged in."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", kms.endpoint)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", "/nowhere")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    return kms.endpoint


def test_the_keys_of_aws_auth_get_a_login_of_ecr(ecr: str) -> None:
    written = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "$KEY"}
    login = registry_login(DockerImage(ECR_IMAGE, aws_auth=written), {"KEY": "s3cret"})
    assert login is not None
    assert login["username"] == "AWS"
    assert login["password"]


def test_ecr_is_asked_with_the_keys_and_in_the_region_of_the_image(
    ecr: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            signed.append(self.headers["Authorization"])
            token = base64.b64encode(b"AWS:a:token").decode()
            body = json.dumps({"authorizationData": [{"authorizationToken": token}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its own name
            """Stay quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOTHER")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "other")
        written = {"aws_access_key_id": "$ID", "aws_secret_access_key": "$KEY"}
        try:
            login = registry_login(
                DockerImage(ECR_IMAGE, aws_auth=written), {"ID": "AKIATEST", "KEY": "s3cret"}
            )
        finally:
            server.shutdown()
            thread.join()
    assert login == {"username": "AWS", "password": "a:token"}
    assert "Credential=AKIATEST/" in signed[0]
    assert "/eu-west-1/ecr/" in signed[0]


def test_a_role_is_replaced_by_the_credentials_of_who_runs_it(
    ecr: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = DockerImage(ECR_IMAGE, aws_auth={"oidc_role_arn": "arn:aws:iam::1:role/ci"})
    with pytest.raises(Unavailable, match="AWS gives no login") as caught:
        registry_login(image, {})
    assert "aws sso login" in (caught.value.hint or "")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    login = registry_login(image, {})
    assert login is not None
    assert login["username"] == "AWS"


def test_an_ecr_that_cannot_be_reached_is_said(ecr: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_ECR", "http://127.0.0.1:1")
    written = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "s3cret-key"}
    with pytest.raises(Unavailable, match="AWS gives no login") as caught:
        registry_login(DockerImage(ECR_IMAGE, aws_auth=written), {})
    assert "s3cret-key" not in str(caught.value)
