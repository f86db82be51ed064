from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import InvalidInput, Unavailable
from tests.integration.sops.support import (
    SECRET,
    SECRET_FILE,
    Project,
    refusing_kms,
    silent_kms,
)

PRODUCTION_FILE = Path("deploy/secrets/production.secret.yml.enc")


def test_a_secret_for_a_kms_key_comes_back(kms_project: Project) -> None:
    encrypted = kms_project.encrypt(SECRET)
    assert "arn:aws:kms:" in encrypted
    assert "env: staging" in encrypted
    assert "s3cr3t-pass-word" in kms_project.decrypt()


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        ("AccessDeniedException", 400, "denies access"),
        ("ExpiredTokenException", 400, "session has expired"),
        ("UnrecognizedClientException", 400, "does not accept the credentials"),
        ("NotFoundException", 400, "knows no such key"),
        ("DisabledException", 400, "disabled"),
        ("ThrottlingException", 400, "throttling"),
        ("KMSInternalException", 500, "key service failed"),
    ],
)
def test_a_refusal_of_kms_is_said_with_the_key(
    kms_project: Project, error: str, status: int, words: str
) -> None:
    kms_project.encrypt(SECRET)
    with refusing_kms(error, status) as endpoint, pytest.raises(Unavailable) as caught:
        kms_project.decrypt(AWS_ENDPOINT_URL_KMS=endpoint)
    assert len(caught.value.details) == 1
    assert caught.value.details[0].startswith("arn:aws:kms:")
    assert words in caught.value.details[0]
    assert caught.value.hint


def test_a_refusal_to_encrypt_is_said_too(kms_project: Project) -> None:
    with refusing_kms("AccessDeniedException") as endpoint, pytest.raises(Unavailable) as caught:
        kms_project.encrypt(SECRET, AWS_ENDPOINT_URL_KMS=endpoint)
    assert "cannot be encrypted" in str(caught.value)
    assert "denies access" in caught.value.details[0]


def test_an_unreachable_kms_is_said(kms_project: Project) -> None:
    kms_project.encrypt(SECRET)
    with pytest.raises(Unavailable) as caught:
        kms_project.decrypt(AWS_ENDPOINT_URL_KMS="http://127.0.0.1:1")
    assert "cannot be reached" in caught.value.details[0]
    assert caught.value.retryable


def test_a_kms_that_stays_silent_is_given_up_after_the_time_limit(kms_project: Project) -> None:
    kms_project.encrypt(SECRET)
    with (
        silent_kms() as endpoint,
        pytest.raises(Unavailable, match=r"within 0\.5 s") as caught,
    ):
        kms_project.decrypt(AWS_ENDPOINT_URL_KMS=endpoint, ORBYARD_SOPS_TIMEOUT="0.5s")
    assert str(SECRET_FILE) in str(caught.value)
    assert "key service" in (caught.value.hint or "")


def test_without_credentials_it_says_so(kms_project: Project) -> None:
    kms_project.encrypt(SECRET)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"):
        kms_project.environ.pop(name)
    with pytest.raises(Unavailable) as caught:
        kms_project.decrypt()
    assert "no AWS credentials" in caught.value.details[0]


def test_a_file_bound_to_staging_is_not_opened_as_production(kms_project: Project) -> None:
    encrypted = kms_project.encrypt(SECRET)
    kms_project.write(PRODUCTION_FILE, encrypted.replace("env: staging", "env: production"))
    with pytest.raises(InvalidInput) as caught:
        kms_project.decrypt(PRODUCTION_FILE)
    assert "another encryption context than app:hoge,env:production" in caught.value.details[0]
    assert "copied from another environment" in (caught.value.hint or "")
