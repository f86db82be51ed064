"""Orbs come over the network from a small real server, and from nowhere that was not asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.orb_references import OrbReference, parse_reference
from pipeline.errors import InvalidInput, OrbyardError, Unavailable
from pipeline.orb_fetch import OrbApi, fetch_orb
from pipeline.orb_lock import read_lock
from pipeline.orb_store import RepositoryOrbs
from pipeline.orb_vendor import fetch_all
from pipeline.retry import Backoff, Clock
from pipeline.secret import Secret
from tests.unit.pipeline.orb_server import Answer, OrbServer, serving_orbs

TOKEN = "token-that-nobody-may-see"


class NoWaiting(Clock):
    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        pass


@pytest.fixture
def server() -> Iterator[OrbServer]:
    with serving_orbs() as server:
        yield server


def api(server: OrbServer, token: str = "") -> OrbApi:
    return OrbApi(server.url, Secret(token) if token else None, Backoff(attempts=3), NoWaiting())


def reference(text: str) -> OrbReference:
    return parse_reference(text)


def url_orb(url: str) -> OrbReference:
    return OrbReference("", url, "")


def error_of(call: Callable[[], object]) -> OrbyardError:
    with pytest.raises(OrbyardError) as caught:
        call()
    assert TOKEN not in repr(caught.value) + str(caught.value) + str(caught.value.hint)
    return caught.value


def test_an_orb_is_asked_for_by_its_reference_and_comes_with_its_version(server: OrbServer) -> None:
    server.orbs["acme/node@5"] = ("5.2.0", "version: 2.1\n")
    found = fetch_orb(reference("acme/node@5"), api(server))
    assert (found.text, found.version) == ("version: 2.1\n", "5.2.0")
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.authorization) == ("POST", "/graphql-unstable", None)


def test_the_token_goes_along_and_is_never_shown(server: OrbServer) -> None:
    server.answers = [Answer(403, TOKEN.encode())]
    error = error_of(lambda: fetch_orb(reference("acme/node@5"), api(server, TOKEN)))
    assert isinstance(error, Unavailable)
    assert server.seen[0].authorization == TOKEN
    assert TOKEN not in repr(api(server, TOKEN))


def test_the_environment_names_host_and_token() -> None:
    found = OrbApi.from_environment(
        {"CIRCLECI_CLI_HOST": "https://ci.example.com/", "CIRCLE_TOKEN": f"{TOKEN}\n"}
    )
    assert (found.host, found.token) == ("https://ci.example.com", Secret(TOKEN))
    assert OrbApi.from_environment({}).host == "https://circleci.com"
    assert OrbApi.from_environment({"CIRCLECI_CLI_HOST": "x"}, "https://y").host == "https://y"
    error_of(lambda: OrbApi.from_environment({"CIRCLE_TOKEN": f"{TOKEN}\r\nHost: x"}))


def test_an_orb_that_does_not_exist_is_bad_input_with_advice(server: OrbServer) -> None:
    error = error_of(lambda: fetch_orb(reference("acme/nothing@1"), api(server)))
    assert isinstance(error, InvalidInput)
    assert "acme/nothing@1" in error.message
    assert error.hint is not None
    assert "CIRCLECI_CLI_TOKEN" in error.hint


def test_what_the_api_complains_of_is_said(server: OrbServer) -> None:
    server.answers = [Answer(body=b'{"data": null, "errors": [{"message": "not today"}]}')]
    error = error_of(lambda: fetch_orb(reference("acme/node@5"), api(server)))
    assert isinstance(error, Unavailable)
    assert "not today" in error.message


def test_a_passing_failure_is_tried_again_and_a_lasting_one_said(server: OrbServer) -> None:
    server.orbs["acme/node@5"] = ("5.2.0", "x: 1\n")
    server.answers = [Answer(503), Answer(429)]
    assert fetch_orb(reference("acme/node@5"), api(server)).version == "5.2.0"
    server.answers = [Answer(500)] * 3
    assert "500" in error_of(lambda: fetch_orb(reference("acme/node@5"), api(server))).message
    assert len(server.seen) == 6


def test_a_server_that_is_not_there_is_unavailable(server: OrbServer) -> None:
    gone = OrbApi("http://127.0.0.1:9", None, Backoff(attempts=1), NoWaiting())
    error = error_of(lambda: fetch_orb(reference("acme/node@5"), gone))
    assert isinstance(error, Unavailable)
    assert "cannot be reached" in error.message


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b'{"data": {"orbVersion": {"source": 5}}}', b"\xff", b'{"data": 5}'],
)
def test_an_answer_that_makes_no_sense_is_unavailable(server: OrbServer, body: bytes) -> None:
    server.answers = [Answer(body=body)]
    assert isinstance(
        error_of(lambda: fetch_orb(reference("acme/node@5"), api(server))), Unavailable
    )


def test_an_answer_that_breaks_off_is_tried_again(server: OrbServer) -> None:
    server.orbs["acme/node@5"] = ("5.2.0", "x: 1\n")
    server.answers = [Answer(body=b"{", headers={"Content-Length": "100"})]
    assert fetch_orb(reference("acme/node@5"), api(server)).version == "5.2.0"


def test_the_api_is_not_followed_elsewhere(server: OrbServer) -> None:
    server.answers = [Answer(302, headers={"Location": f"{server.url}/other"})]
    error = error_of(lambda: fetch_orb(reference("acme/node@5"), api(server, TOKEN)))
    assert "redirect" in error.message
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "host",
    ["http://ci.example.com", "ftp://127.0.0.1", "file:///etc", "", "https://", "https://["],
)
def test_only_https_is_asked(host: str) -> None:
    error = error_of(lambda: fetch_orb(reference("acme/node@5"), OrbApi(host, Secret(TOKEN))))
    assert isinstance(error, InvalidInput)


def test_a_url_orb_is_got_without_the_token(server: OrbServer) -> None:
    server.answers = [
        Answer(302, headers={"Location": f"{server.url}/there.yml"}),
        Answer(body=b"version: 2.1\n"),
    ]
    found = fetch_orb(url_orb(f"{server.url}/orb.yml"), api(server, TOKEN))
    assert (found.text, found.version) == ("version: 2.1\n", "")
    assert [(s.method, s.path, s.authorization) for s in server.seen] == [
        ("GET", "/orb.yml", None),
        ("GET", "/there.yml", None),
    ]


@pytest.mark.parametrize(
    "place", ["http://example.com/x.yml", "file:///etc/passwd", "ftp://example.com/x"]
)
def test_a_url_orb_is_not_followed_to_plain_http(server: OrbServer, place: str) -> None:
    server.answers = [Answer(302, headers={"Location": place})]
    assert isinstance(
        error_of(lambda: fetch_orb(url_orb(f"{server.url}/x.yml"), api(server))), Unavailable
    )


def test_redirects_in_a_circle_end(server: OrbServer) -> None:
    server.answers = [Answer(302, headers={"Location": f"{server.url}/x.yml"})] * 50
    error_of(lambda: fetch_orb(url_orb(f"{server.url}/x.yml"), api(server)))
    assert len(server.seen) < 20


def test_a_url_with_nothing_behind_it_is_bad_input(server: OrbServer) -> None:
    server.answers = [Answer(404)]
    error = error_of(lambda: fetch_orb(url_orb(f"{server.url}/x.yml"), api(server)))
    assert isinstance(error, InvalidInput)


def test_more_than_an_orb_can_be_is_not_read(server: OrbServer) -> None:
    server.answers = [Answer(body=b" " * 20_000_001)]
    assert (
        "bytes" in error_of(lambda: fetch_orb(url_orb(f"{server.url}/x.yml"), api(server))).message
    )


# --- into the store


def fetched(root: Path, server: OrbServer, *wanted: str, **options: Any) -> list[str]:
    found = fetch_all(
        root,
        [reference(text) for text in wanted],
        fetch=lambda orb: fetch_orb(orb, api(server)),
        here=RepositoryOrbs(root),
        **options,
    )
    return [str(vendored.reference) for vendored in found]


def test_an_orb_is_fetched_with_the_orbs_that_it_imports(server: OrbServer, tmp_path: Path) -> None:
    server.orbs = {
        "acme/a@1": (
            "1.0.3",
            "version: 2.1\norbs: {b: acme/b@2.0, c: {orbs: {d: acme/d@3.1.4}}}\n",
        ),
        "acme/b@2.0": ("2.0.9", "version: 2.1\norbs: {a: acme/a@1.0.3}\n"),
        "acme/d@3.1.4": ("3.1.4", "version: 2.1\n"),
    }
    assert fetched(tmp_path, server, "acme/a@1") == ["acme/a@1.0.3", "acme/b@2.0.9", "acme/d@3.1.4"]
    lock = read_lock(tmp_path / ".circleci/orbs")
    assert set(lock) == {("acme/a", "1.0.3"), ("acme/b", "2.0.9"), ("acme/d", "3.1.4")}
    assert RepositoryOrbs(tmp_path).find(reference("acme/b@2.0")).locked


def test_what_is_here_is_not_asked_for_unless_it_is_to_be_updated(
    server: OrbServer, tmp_path: Path
) -> None:
    server.orbs = {
        "acme/a@1": ("1.0.0", "version: 2.1\n"),
        "acme/b@1.1.1": ("1.1.1", "version: 2.1\n"),
    }
    assert fetched(tmp_path, server, "acme/a@1", "acme/b@1.1.1") == ["acme/a@1.0.0", "acme/b@1.1.1"]
    assert fetched(tmp_path, server, "acme/a@1", "acme/b@1.1.1") == []
    assert len(server.seen) == 2
    server.orbs["acme/a@1"] = ("1.2.0", "version: 2.1\n")
    assert fetched(tmp_path, server, "acme/a@1", "acme/b@1.1.1", update=True) == ["acme/a@1.2.0"]
    assert RepositoryOrbs(tmp_path).find(reference("acme/a@1")).resolved == "acme/a@1.2.0"
    assert fetched(tmp_path, server, "acme/b@1.1.1", always=True) == ["acme/b@1.1.1"]


@pytest.mark.parametrize("version", ["2.0.0", "../../../x", "1.0", "", "1.0.0/../../x"])
def test_a_version_that_was_not_asked_for_is_refused(
    server: OrbServer, tmp_path: Path, version: str
) -> None:
    server.orbs = {"acme/a@1": (version, "version: 2.1\n")}
    with pytest.raises(InvalidInput):
        fetched(tmp_path, server, "acme/a@1")
    assert not list(tmp_path.iterdir())


def test_orbs_without_end_are_given_up(server: OrbServer, tmp_path: Path) -> None:
    server.orbs = {
        f"acme/a@{i}": (f"{i}.0.0", f"version: 2.1\norbs: {{next: acme/a@{i + 1}}}\n")
        for i in range(300)
    }
    with pytest.raises(InvalidInput, match="more than 200 orbs"):
        fetched(tmp_path, server, "acme/a@0")


def test_a_label_of_development_stays_what_it_is_called(server: OrbServer, tmp_path: Path) -> None:
    server.orbs = {"acme/a@dev:me/x": ("dev:me/x", "version: 2.1\n")}
    assert fetched(tmp_path, server, "acme/a@dev:me/x") == ["acme/a@dev:me/x"]
    assert (tmp_path / ".circleci/orbs/acme/a@dev:me%2Fx.yml").is_file()


def test_the_repositorys_own_orbs_are_never_asked_for(server: OrbServer, tmp_path: Path) -> None:
    (tmp_path / "orbs").mkdir()
    (tmp_path / "orbs/own.yml").write_text("version: 2.1\norbs: {a: acme/a@1}\n")
    server.orbs = {"acme/a@1": ("1.0.0", "version: 2.1\n")}
    assert fetched(tmp_path, server, "acme/own@1", update=True) == ["acme/a@1.0.0"]


def test_what_is_not_yaml_is_not_kept(server: OrbServer, tmp_path: Path) -> None:
    server.orbs = {"acme/a@1": ("1.0.0", "version: [\n")}
    with pytest.raises(InvalidInput, match=r"acme/a@1\.0\.0"):
        fetched(tmp_path, server, "acme/a@1")
    assert not list(tmp_path.iterdir())
