"""Requests to an API server that misbehaves: a small one on loopback."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.client_source import ClientSource, Credentials
from orbs.kubernetes.cluster import CONFIGMAP, POD, Cluster, open_cluster
from pipeline.retry import Clock
from pipeline.secret import Secret

Reply = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers with the replies it is given, one a request; the last one again and again."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Reply] = []
        self.seen: list[tuple[str, str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        server.seen.append((self.command, self.path, dict(self.headers)))
        reply = server.replies.pop(0) if len(server.replies) > 1 else server.replies[0]
        reply(self)

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815  # the names http.server calls

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def says(status: int, value: Any, **headers: str) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        handler.send_response(status)
        for name, text in headers.items():
            handler.send_header(name.replace("_", "-"), text)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


def hangs_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.close()


def status(code: int, reason: str = "", message: str = "no") -> Reply:
    return says(code, {"kind": "Status", "reason": reason, "message": message})


class NoTime(Clock):
    """Sleeps not at all, and remembers how long it would have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        self.slept.append(seconds)


class Later(NoTime):
    """An hour passes after the time is first looked at, and then none."""

    def __init__(self) -> None:
        super().__init__()
        self._looked = False

    def now_s(self) -> float:
        looked, self._looked = self._looked, True
        return 3600.0 if looked else 0.0


def serving() -> Iterator[Server]:
    """Yield a server that answers on loopback."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            made.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    yield from serving()


@pytest.fixture
def cluster(server: Server) -> Iterator[Cluster]:
    with open_cluster(source(server), "apps", clock=NoTime()) as opened:
        yield opened


def source(server: Server, **more: Any) -> ClientSource:
    return ClientSource(server=server.url, context="lab", user="ann", origin="config.enc", **more)


OBJECT = {"metadata": {"name": "a"}}


def test_reads_are_repeated_while_the_server_is_down_for_a_moment(
    server: Server, cluster: Cluster
) -> None:
    server.replies = [says(200, OBJECT), status(503), status(429), hangs_up, says(200, OBJECT)]
    assert cluster.get(CONFIGMAP, "a") == OBJECT
    assert cluster.get(CONFIGMAP, "a") == OBJECT
    assert len(server.seen) == 5


def test_creation_is_sent_once_whatever_comes_back(server: Server, cluster: Cluster) -> None:
    server.replies = [status(503)]
    with pytest.raises(ApiError) as caught:
        cluster.create(CONFIGMAP, OBJECT)
    assert caught.value.status == 503
    assert len(server.seen) == 1


def test_server_side_apply_says_the_same_again(server: Server, cluster: Cluster) -> None:
    server.replies = [says(200, OBJECT), status(500, "InternalError"), says(200, OBJECT)]
    cluster.get(CONFIGMAP, "a")
    cluster.apply(CONFIGMAP, OBJECT, manager="m", force=True, dry_run=True)
    method, path, headers = server.seen[-1]
    assert method == "PATCH"
    assert path == ("/api/v1/namespaces/apps/configmaps/a?fieldManager=m&force=true&dryRun=All")
    assert headers["Content-Type"] == "application/apply-patch+yaml"


def test_what_is_final_is_not_repeated(server: Server, cluster: Cluster) -> None:
    server.replies = [status(422, "Invalid")]
    with pytest.raises(ApiError) as caught:
        cluster.apply(CONFIGMAP, OBJECT, manager="m")
    assert (caught.value.status, caught.value.reason) == (422, "Invalid")
    assert len(server.seen) == 1


def test_a_server_that_is_not_there_is_named_with_its_context() -> None:
    gone = ClientSource(server="http://127.0.0.1:9", context="lab", origin="config.enc")
    with open_cluster(gone, clock=NoTime()) as opened, pytest.raises(ApiError) as caught:
        opened.server_version()
    assert "http://127.0.0.1:9 (context 'lab') refused the connection" in caught.value.message
    assert caught.value.exit_code == 3
    assert caught.value.hint is not None
    assert "config.enc" in caught.value.hint


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b"[]", b"{}"])
def test_a_page_that_is_no_api_is_told(server: Server, cluster: Cluster, body: bytes) -> None:
    server.replies = [says(200, body)]
    with pytest.raises(ApiError, match="not that of an API server"):
        cluster.server_version()


def test_a_refused_user_is_named(server: Server, cluster: Cluster) -> None:
    server.replies = [status(401, "Unauthorized")]
    with pytest.raises(ApiError) as caught:
        cluster.list(POD)
    assert caught.value.exit_code == 3
    assert caught.value.hint is not None
    assert "'ann'" in caught.value.hint


def test_a_token_that_ran_out_is_asked_for_anew(server: Server) -> None:
    tokens = iter(["old-token", "new-token"])

    def credentials() -> Credentials:
        return Credentials(token=Secret(next(tokens)), expires_at=0.0)

    server.replies = [says(200, OBJECT)]
    with open_cluster(source(server, credentials=credentials), clock=Later()) as opened:
        opened.get(CONFIGMAP, "a")
    assert server.seen[0][2]["Authorization"] == "Bearer new-token"


def test_a_token_that_is_refused_is_asked_for_anew_once_a_minute(server: Server) -> None:
    asked: list[int] = []

    def credentials() -> Credentials:
        asked.append(1)
        return Credentials(token=Secret(f"token-{len(asked)}"))

    server.replies = [status(401), says(200, OBJECT), status(401)]
    with open_cluster(source(server, credentials=credentials), clock=Later()) as opened:
        opened.get(CONFIGMAP, "a")
        with pytest.raises(ApiError):
            opened.get(CONFIGMAP, "a")
    assert len(asked) == 2


def chunks(*parts: bytes, end: bool = True) -> Reply:
    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            handler.wfile.flush()
        if end:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            hangs_up(handler)

    return reply


def event(kind: str, **value: Any) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"


def test_a_watch_gives_events_however_they_are_cut(server: Server, cluster: Cluster) -> None:
    raw = event("ADDED", n=1) + event("MODIFIED", n=2)
    server.replies = [chunks(raw[:10], raw[10:50], raw[50:])]
    found = list(cluster.watch(POD, resource_version="5", timeout_s=30))
    assert found == [("ADDED", {"n": 1}), ("MODIFIED", {"n": 2})]
    assert "resourceVersion=5" in server.seen[0][1]
    assert "timeoutSeconds=30" in server.seen[0][1]


def test_a_watch_that_is_too_old_says_so_by_its_status(server: Server, cluster: Cluster) -> None:
    server.replies = [chunks(event("ERROR", code=410, reason="Expired", message="too old"))]
    with pytest.raises(ApiError) as caught:
        list(cluster.watch(POD, resource_version="1"))
    assert caught.value.status == 410


def test_a_watch_that_breaks_off_may_be_opened_again(server: Server, cluster: Cluster) -> None:
    server.replies = [chunks(event("ADDED", n=1), end=False)]
    events = cluster.watch(POD)
    assert next(events) == ("ADDED", {"n": 1})
    with pytest.raises(ApiError) as caught:
        next(events)
    assert caught.value.retryable


def test_logs_come_line_by_line_whatever_their_bytes(server: Server, cluster: Cluster) -> None:
    server.replies = [chunks(b"one\ntw", b"o\n\xff\nrest")]
    assert list(cluster.logs("p", container="c", tail_lines=0)) == ["one", "two", "\ufffd", "rest"]
    assert server.seen[0][1] == "/api/v1/namespaces/apps/pods/p/log?container=c&tailLines=0"


def test_closing_the_cluster_ends_a_stream_that_waits(server: Server) -> None:
    waiting, over = threading.Event(), threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        waiting.set()
        over.wait(30)

    server.replies = [silent]
    ended = threading.Event()
    with open_cluster(source(server)) as opened:

        def follow() -> None:
            with contextlib.suppress(ApiError):
                list(opened.logs("p", follow=True))
            ended.set()

        threading.Thread(target=follow, daemon=True).start()
        assert waiting.wait(10)
    try:
        assert ended.wait(10)
    finally:
        over.set()


def test_a_list_is_read_to_its_end_and_its_items_say_what_they_are(
    server: Server, cluster: Cluster
) -> None:
    server.replies = [
        says(200, {"metadata": {"continue": "more"}, "items": [{"metadata": {"name": "a"}}]}),
        says(200, {"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "b"}}]}),
    ]
    items, version = cluster.list(POD, labels="app=x,tier!=y")
    assert version == "9"
    assert items[0] == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}
    assert "labelSelector=app%3Dx%2Ctier%21%3Dy" in server.seen[0][1]
    assert "continue=more" in server.seen[1][1]


def test_kinds_are_asked_for_once(server: Server, cluster: Cluster) -> None:
    server.replies = [
        says(
            200,
            {
                "resources": [
                    {"name": "widgets", "kind": "Widget", "namespaced": True, "verbs": ["get"]},
                    {"name": "widgets/status", "kind": "Widget", "namespaced": True},
                ]
            },
        ),
        status(404, "NotFound"),
    ]
    for _ in range(2):
        found = cluster.find_kind("example.com/v1", "Widget")
        assert found is not None
        assert (found.plural, found.root) == ("widgets", "/apis/example.com/v1")
        assert cluster.find_kind("example.com/v2", "Widget") is None
    assert len(server.seen) == 2


def test_deleting_what_is_gone_is_fine(server: Server, cluster: Cluster) -> None:
    server.replies = [status(404, "NotFound")]
    cluster.delete(POD, "p", uid="1")
    assert server.seen[0][0] == "DELETE"
