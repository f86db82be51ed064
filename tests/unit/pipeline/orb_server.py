"""A small real HTTP server that gives orbs away as CircleCI's API does, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """What the server says once: a status, a body, headers."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Seen:
    """A request as it reached the server."""

    method: str
    path: str
    authorization: str | None
    body: Any


class OrbServer(ThreadingHTTPServer):
    """CircleCI's API as far as orbs go: versions by ``namespace/name``, and answers that are set up."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.orbs: dict[str, tuple[str, str]] = {}
        self.answers: list[Answer] = []
        self.seen: list[Seen] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, seen: Seen) -> Answer:
        if self.answers:
            return self.answers.pop(0)
        found = self.orbs.get(seen.body["variables"]["orbVersionRef"])
        content = None
        if found:
            content = {"version": found[0], "source": found[1], "orb": {"name": "x"}}
        return Answer(body=json.dumps({"data": {"orbVersion": content}}).encode())


class Handler(BaseHTTPRequestHandler):
    server: OrbServer

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self._answer(json.loads(self.rfile.read(length)))

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, body: Any) -> None:
        seen = Seen(self.command, self.path, self.headers.get("Authorization"), body)
        self.server.seen.append(seen)
        answer = self.server.answer(seen)
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *words: Any) -> None:
        pass


@contextmanager
def serving_orbs() -> Iterator[OrbServer]:
    """Run a server until the block is left."""
    server = OrbServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
