"""The login of a registry."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pipeline.config.model import DockerImage
from pipeline.errors import InvalidInput, Unavailable
from pipeline.runner.registry_login import registry_login


def image(**auth: Any) -> DockerImage:
    return DockerImage("registry.test/app:1", auth=auth)


def test_an_image_without_auth_needs_no_login() -> None:
    assert registry_login(DockerImage("a"), {}) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("$TOKEN", "s3cret"),
        ("${TOKEN}", "s3cret"),
        ("a-${TOKEN}_b", "a-s3cret_b"),
        ("$TOKEN-$USER_1", "s3cret-robot"),
        ("plain", "plain"),
        ("100$", "100$"),
        ("$5 and $", "$5 and $"),
        ("${}", "${}"),
    ],
)
def test_variables_in_a_login_are_replaced(written: str, meant: str) -> None:
    login = registry_login(
        image(username="me", password=written), {"TOKEN": "s3cret", "USER_1": "robot"}
    )
    assert login == {"username": "me", "password": meant}


def test_a_value_that_looks_like_a_variable_is_not_replaced_again() -> None:
    assert registry_login(image(password="$A"), {"A": "$B", "B": "no"}) == {"password": "$B"}


@pytest.mark.parametrize("written", ["$TOKEN", "${TOKEN}"])
def test_a_variable_that_is_not_given_is_named_with_its_image(written: str) -> None:
    with pytest.raises(InvalidInput, match=r"registry\.test/app:1 needs the variable TOKEN") as e:
        registry_login(image(password=written), {"OTHER": "x"})
    assert "--env TOKEN" in (e.value.hint or "")


def test_a_service_account_logs_in_with_its_key() -> None:
    key = '{"type": "service_account",\n "private_key": "$not-a-variable"}'
    written = DockerImage("gcr.io/team/app:1", gcp_auth={"key": "$GCLOUD_SERVICE_KEY"})
    login = registry_login(written, {"GCLOUD_SERVICE_KEY": key})
    assert login == {"username": "_json_key", "password": key}


def test_a_service_account_without_a_key_is_refused_with_what_to_write() -> None:
    written = DockerImage("gcr.io/team/app:1", gcp_auth={"service_account": "ci@team"})
    with pytest.raises(InvalidInput, match=r"gcr\.io/team/app:1 takes a service account") as caught:
        registry_login(written, {})
    assert "_json_key" in (caught.value.hint or "")


def test_aws_auth_is_for_images_of_ecr() -> None:
    keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "$KEY"}
    with pytest.raises(InvalidInput, match="another registry"):
        registry_login(DockerImage("docker.io/team/app:1", aws_auth=keys), {"KEY": "s3cret"})
    ours = "012345678910.dkr.ecr.eu-west-1.amazonaws.com/app:1"
    with pytest.raises(InvalidInput, match="needs the variable KEY"):
        registry_login(DockerImage(ours, aws_auth=keys), {})


def test_without_boto3_an_image_of_ecr_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    keys = {"aws_access_key_id": "AKIATEST", "aws_secret_access_key": "s3cret"}
    image = DockerImage("012345678910.dkr.ecr.eu-west-1.amazonaws.com/app:1", aws_auth=keys)
    with pytest.raises(Unavailable, match="boto3") as caught:
        registry_login(image, {})
    assert "pip install" in (caught.value.hint or "")
