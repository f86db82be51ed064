"""The bucket against a service that speaks S3."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pipeline.errors import Interrupted
from pipeline.runner.bucket import Bucket, BucketError
from pipeline.runner.bucket_address import BucketAddress
from tests.integration.runner.bucket_service import (
    CREDENTIALS,
    NAME,
    BucketService,
    Refusal,
    free_port,
)

LARGE = Random(1).randbytes(20_000_000)


@pytest.fixture
def bucket(service: BucketService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    made = Bucket(BucketAddress(NAME, "team", service.endpoint, "us-east-1"))
    yield made
    made.close()


def upload(bucket: Bucket, name: str, content: bytes, folder: Path) -> bool:
    path = folder / "content"
    path.write_bytes(content)
    with path.open("rb") as file:
        return bucket.upload(name, file, {"sha256": "of it"})


def download(bucket: Bucket, name: str, folder: Path) -> bytes:
    found = bucket.get(name)
    assert found is not None
    path = folder / "downloaded"
    with path.open("w+b") as file:
        bucket.download(found, file)
    return path.read_bytes()


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["whole", "in parts"])
def test_what_is_uploaded_comes_back_with_its_metadata(
    bucket: Bucket, service: BucketService, tmp_path: Path, content: bytes
) -> None:
    assert upload(bucket, "caches/a!2Fb.tar.zst", content, tmp_path)
    assert service.names() == ["team/caches/a!2Fb.tar.zst"]
    found = bucket.get("caches/a!2Fb.tar.zst")
    assert found is not None
    assert (found.size_bytes, found.metadata) == (len(content), {"sha256": "of it"})
    assert download(bucket, "caches/a!2Fb.tar.zst", tmp_path) == content
    assert [item.name for item in bucket.find("caches/a")] == ["caches/a!2Fb.tar.zst"]
    assert bucket.find("caches/b") == []


@pytest.mark.parametrize("content", [b"small", LARGE], ids=["whole", "in parts"])
def test_the_second_writer_is_refused_and_leaves_nothing(
    bucket: Bucket, service: BucketService, tmp_path: Path, content: bytes
) -> None:
    assert upload(bucket, "k", b"first", tmp_path)
    assert not upload(bucket, "k", content, tmp_path)
    assert service.read("team/k") == b"first"
    assert service.unfinished_uploads() == []


@pytest.mark.parametrize(
    ("content", "method"), [(b"small", "PUT"), (LARGE, "POST")], ids=["whole", "in parts"]
)
def test_a_service_that_takes_no_condition_is_written_to_without_one(
    bucket: Bucket, service: BucketService, tmp_path: Path, content: bytes, method: str
) -> None:
    service.refusals.append(
        Refusal(method, "501 Not Implemented", "NotImplemented", "If-None-Match")
    )
    assert upload(bucket, "k", content, tmp_path)
    assert service.read("team/k") == content
    assert service.unfinished_uploads() == []


def test_a_refusal_is_an_error_in_the_services_words(
    bucket: Bucket, service: BucketService, tmp_path: Path
) -> None:
    service.refusals.append(Refusal("PUT", "403 Forbidden", "AccessDenied"))
    with pytest.raises(BucketError, match="AccessDenied: not for you") as caught:
        upload(bucket, "k", b"x", tmp_path)
    assert caught.value.code == "AccessDenied"
    assert not caught.value.retryable


def test_what_is_not_there_is_none(bucket: Bucket) -> None:
    assert bucket.get("k") is None
    bucket.remove("k")


def test_what_is_removed_is_gone(bucket: Bucket, service: BucketService, tmp_path: Path) -> None:
    upload(bucket, "k", b"x", tmp_path)
    bucket.remove("k")
    assert service.names() == []


def test_an_object_that_changes_while_it_is_read_is_an_error(
    bucket: Bucket, service: BucketService, tmp_path: Path
) -> None:
    upload(bucket, "k", LARGE, tmp_path)
    found = bucket.get("k")
    assert found is not None
    service.put("team/k", LARGE[::-1])
    with (tmp_path / "downloaded").open("w+b") as file, pytest.raises(BucketError):
        bucket.download(found, file)


def test_a_run_that_is_stopped_leaves_no_parts(
    bucket: Bucket, service: BucketService, tmp_path: Path
) -> None:
    upload(bucket, "k", LARGE, tmp_path)
    stop = threading.Event()
    stop.set()
    stopped = Bucket(bucket.address, cancelled=stop.is_set)
    for content in (b"small", LARGE):
        with pytest.raises(Interrupted):
            upload(stopped, "other", content, tmp_path)
    assert service.names() == ["team/k"]
    assert service.unfinished_uploads() == []
    with pytest.raises(Interrupted):
        download(stopped, "k", tmp_path)
    stopped.close()


def test_credentials_are_masked_before_anything_is_said(
    service: BucketService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-an-hour")
    hidden: list[str] = []
    made = Bucket(BucketAddress(NAME, "", service.endpoint), hide=hidden.append)
    made.find("")
    made.close()
    assert hidden == ["sesame-opens-the-bucket", "token-of-an-hour"]


def test_a_bucket_that_does_not_exist_is_an_error(bucket: Bucket) -> None:
    absent = Bucket(BucketAddress("no-such", "", bucket.address.endpoint))
    with pytest.raises(BucketError, match="NoSuchBucket"):
        absent.find("")
    absent.close()


def test_a_service_that_does_not_answer_is_an_error_with_its_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    made = Bucket(BucketAddress(NAME, "", f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(BucketError, match=r"at http://127\.0\.0\.1.*nothing answers there"):
        made.find("")
    made.close()


def test_without_credentials_it_says_how_to_sign_in(
    service: BucketService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    made = Bucket(BucketAddress(NAME, "", service.endpoint))
    with pytest.raises(BucketError) as caught:
        made.find("")
    assert "AWS_PROFILE" in str(caught.value.hint)
    made.close()


def test_what_speaks_no_s3_is_an_error_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):
                connection, _address = server.accept()
                with connection:
                    connection.recv(65536)
                    page = b"<html>welcome"
                    connection.sendall(
                        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page)
                    )

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        made = Bucket(BucketAddress(NAME, "", f"http://127.0.0.1:{server.getsockname()[1]}"))
        with pytest.raises(BucketError):
            made.find("")
        made.close()
