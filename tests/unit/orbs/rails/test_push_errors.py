"""What a failed push is: for good or to be tried again; and a stream that only looks like success."""

from __future__ import annotations

import io
from typing import Any

import pytest

from orbs.rails.engine_types import EngineError
from orbs.rails.push import PushFailed, classify_push_error, follow_push
from orbs.rails.registry import Answer, RegistryError, find_digest, is_plain_http, split_host
from pipeline.errors import OrbyardError
from pipeline.output import Console


def classified(text: str, status: int = 0) -> OrbyardError:
    error = EngineError(f"push failed: {text}", text=text, status=status)
    return classify_push_error(error, "registry.example.com/app", "v1")


@pytest.mark.parametrize(
    "text",
    [
        "received unexpected HTTP status: 503 Service Unavailable",
        "toomanyrequests: rate exceeded",
        "net/http: TLS handshake timeout",
        "read tcp 10.0.0.1:1->10.0.0.2:443: read: connection reset by peer",
        "unexpected EOF",
        'Get "https://registry.example.com/v2/": dial tcp 10.0.0.2:443: connect: connection refused',
    ],
)
def test_what_passes_is_tried_again(text: str) -> None:
    assert classified(text).retryable


@pytest.mark.parametrize(
    ("text", "code", "advice"),
    [
        ("unauthorized: authentication required", 3, "docker login registry.example.com"),
        ("denied: requested access to the resource is denied", 3, "may this user push"),
        ("name unknown: The repository with name 'app' does not exist", 1, "create the repository"),
        ("x509: certificate signed by unknown authority", 1, "certificate authority"),
        ("http: server gave HTTP response to HTTPS client", 1, "insecure-registries"),
    ],
)
def test_what_is_final_is_not_tried_again_and_says_what_to_do(
    text: str, code: int, advice: str
) -> None:
    error = classified(text)
    assert not error.retryable
    assert error.exit_code == code
    assert advice in str(error.hint)


def test_a_registry_that_cannot_be_reached_is_something_missing() -> None:
    error = classified("dial tcp: lookup registry.example.com: no such host")
    assert (error.exit_code, error.retryable) == (3, True)


def follow(*events: dict[str, Any]) -> tuple[str, str]:
    err = io.StringIO()
    digest = follow_push(events, Console(err=err, colour=False), clock=lambda: 0.0)
    return digest, err.getvalue()


def test_layers_are_told_and_the_digest_comes_back() -> None:
    digest, said = follow(
        {"id": "aaa", "status": "Layer already exists"},
        {"id": "bbb", "status": "Pushing", "progressDetail": {"current": 5, "total": 2_000_000}},
        {"id": "bbb", "status": "Pushed"},
        {"aux": {"Tag": "v1", "Digest": "sha256:1", "Size": 7}},
    )
    assert digest == "sha256:1"
    assert "bbb pushed (2.0 MB)" in said
    assert "1 pushed, 1 already there" in said


def test_a_stream_without_a_digest_is_no_success() -> None:
    with pytest.raises(PushFailed) as caught:
        follow({"id": "aaa", "status": "Pushed"})
    assert caught.value.retryable


@pytest.mark.parametrize(
    ("name", "host", "path"),
    [
        ("ruby", "docker.io", "library/ruby"),
        ("me/app", "docker.io", "me/app"),
        ("localhost/app", "localhost", "app"),
        ("localhost:5000/a/b", "localhost:5000", "a/b"),
        ("registry.example.com/app", "registry.example.com", "app"),
    ],
)
def test_a_name_is_split_as_docker_does(name: str, host: str, path: str) -> None:
    assert split_host(name) == (host, path)


def test_only_loopback_and_named_registries_are_spoken_to_without_tls() -> None:
    assert is_plain_http("127.0.0.1:5000")
    assert is_plain_http("localhost")
    assert is_plain_http("reg.example.com", ("reg.example.com",))
    assert not is_plain_http("127.0.0.1.example.com")
    assert not is_plain_http("registry.example.com")


def test_a_challenge_is_answered_with_a_token() -> None:
    asked: list[tuple[str, str, dict[str, str]]] = []

    def registry(method: str, url: str, headers: Any) -> Answer:
        asked.append((method, url, dict(headers)))
        if url.startswith("https://auth.example.com/token"):
            return Answer(200, {}, b'{"token": "t0ken"}')
        if headers.get("Authorization") == "Bearer t0ken":
            return Answer(200, {"docker-content-digest": "sha256:1"}, b"")
        challenge = (
            'Bearer realm="https://auth.example.com/token",service="s",scope="repository:app:pull"'
        )
        return Answer(401, {"www-authenticate": challenge}, b"")

    assert find_digest("registry.example.com/app", "v1", None, transport=registry) == "sha256:1"
    assert asked[1][1] == "https://auth.example.com/token?service=s&scope=repository%3Aapp%3Apull"


@pytest.mark.parametrize(("status", "retryable"), [(500, True), (429, True), (403, False)])
def test_an_answer_that_is_no_success_is_an_error(status: int, retryable: bool) -> None:
    with pytest.raises(RegistryError) as caught:
        find_digest("r.example.com/a", "v1", None, transport=lambda *_: Answer(status, {}, b""))
    assert caught.value.retryable is retryable


def test_an_image_that_is_not_there_has_no_digest() -> None:
    assert (
        find_digest("r.example.com/a", "v1", None, transport=lambda *_: Answer(404, {}, b""))
        is None
    )
