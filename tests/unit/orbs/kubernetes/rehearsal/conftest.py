"""A rehearsal, and a client that knows nothing but HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orbs.kubernetes.rehearsal import Fault, Rehearsal

Json = dict[str, Any]

APPLY = "application/apply-patch+yaml"
SPEED = 400.0
"""Eight times the ordinary speed: what takes a minute in a cluster is over in 150 ms."""

PATIENCE_S = 10.0


class Http:
    """Requests to one rehearsal; ``{ns}`` in a path stands for ``namespaces/default``."""

    def __init__(self, rehearsal: Rehearsal) -> None:
        self.rehearsal = rehearsal
        self.address = rehearsal.url.removeprefix("http://")

    @contextlib.contextmanager
    def open(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json"
    ) -> Iterator[http.client.HTTPResponse]:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        headers = {"Content-Type": content_type, "User-Agent": "tester/1"}
        url = "/" + path.replace("{ns}", "namespaces/default")
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE_S)
        with contextlib.closing(connection):
            connection.request(method, url, data, headers)
            with connection.getresponse() as response:
                yield response

    def ask(self, *request: Any) -> tuple[int, Any]:
        with self.open(*request) as response:
            text = response.read().decode()
            is_json = response.headers.get_content_type() == "application/json"
            return response.status, json.loads(text) if is_json else text

    def get(self, path: str) -> Any:
        code, answer = self.ask("GET", path)
        assert code == 200, answer
        return answer

    def post(self, path: str, body: Json) -> Json:
        code, answer = self.ask("POST", path, body)
        assert code == 201, answer
        return dict(answer)

    def apply(self, path: str, body: Json, manager: str = "tester", query: str = "") -> Json:
        code, answer = self.ask("PATCH", f"{path}?fieldManager={manager}{query}", body, APPLY)
        assert code in (200, 201), answer
        return dict(answer)

    def watch(self, path: str, timeout_s: float = 0.2) -> list[Json]:
        """Return all that a watch tells in this time; a real server takes whole seconds only."""
        mark = "&" if "?" in path else "?"
        text = self.ask_text(f"{path}{mark}watch=true&timeoutSeconds={timeout_s}")
        return [json.loads(line) for line in text.splitlines()]

    def ask_text(self, path: str) -> str:
        with self.open("GET", path) as response:
            return response.read().decode()

    def until(self, path: str, look: Callable[[Json], Any]) -> Json:
        """Ask again and again, until ``look`` likes the answer."""
        end = time.monotonic() + PATIENCE_S
        while True:
            code, answer = self.ask("GET", path)
            if code == 200 and look(answer):
                return dict(answer)
            assert time.monotonic() < end, f"it never came about, the last was: {answer}"
            time.sleep(0.01)


Start = Callable[..., Http]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start rehearsals with faults; they end with the test."""
    running: list[Rehearsal] = []

    def begin(*faults: Fault, speed: float = SPEED, **more: Any) -> Http:
        rehearsal = Rehearsal(faults=faults, speed=speed, **more)
        rehearsal.__enter__()
        running.append(rehearsal)
        return Http(rehearsal)

    yield begin
    for rehearsal in running:
        rehearsal.__exit__(None, None, None)


@pytest.fixture
def api(start: Start) -> Http:
    """A rehearsal in which nothing goes wrong."""
    return start()
