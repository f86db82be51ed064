"""Which bucket the settings name."""

from __future__ import annotations

import pytest

from pipeline.runner.bucket_address import (
    BucketAddress,
    check_endpoint,
    check_store,
    parse_bucket,
)


@pytest.mark.parametrize("folder", ["", "caches", "~/caches", "/var/cache/orbyard", "../caches"])
def test_a_folder_is_no_bucket(folder: str) -> None:
    assert check_store(folder) == folder
    assert parse_bucket(folder) is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://acme-ci", BucketAddress("acme-ci")),
        ("s3://acme-ci/", BucketAddress("acme-ci")),
        ("s3://acme.ci/team/caches/", BucketAddress("acme.ci", "team/caches")),
    ],
)
def test_a_bucket_has_a_name_and_perhaps_a_prefix(text: str, address: BucketAddress) -> None:
    assert parse_bucket(check_store(text)) == address


@pytest.mark.parametrize(
    "text",
    [
        "s3://",
        "s3:///prefix",
        "s3://a",
        "s3://UPPER",
        "s3://bucket/../other",
        "s3://bucket/a//b",
        "s3://bucket/sp ace",
        "s3://bucket?region=x",
        "gs://bucket",
        "https://bucket.s3.amazonaws.com",
    ],
)
def test_what_is_no_bucket_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket/prefix"):
        check_store(text)


@pytest.mark.parametrize(
    "url", ["", "http://127.0.0.1:9000", "https://minio.example.com", "https://[::1]:9000/"]
)
def test_an_endpoint_is_a_url(url: str) -> None:
    assert check_endpoint(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "minio.example.com:9000",
        "ftp://minio.example.com",
        "http://",
        "http://host:port",
        "http://host/?a=b",
        "https://key:sesame@minio.example.com",
    ],
)
def test_what_is_no_endpoint_is_refused_and_a_password_in_it_is_not_shown(url: str) -> None:
    with pytest.raises(ValueError, match="expected a URL") as caught:
        check_endpoint(url)
    assert "sesame" not in str(caught.value)


def test_a_password_before_a_buckets_name_is_not_shown() -> None:
    with pytest.raises(ValueError, match="bucket") as caught:
        check_store("s3://key:sesame@bucket/prefix")
    assert "sesame" not in str(caught.value)


def test_a_bucket_is_shown_with_its_endpoint() -> None:
    assert str(BucketAddress("acme", "a/b")) == "s3://acme/a/b"
    assert str(BucketAddress("acme", "", "http://m:9000")) == "s3://acme at http://m:9000"
