"""The HTTP side: kmock takes requests apart, this finds out what each is about.

kmock's own emulator of objects is not used: it knows neither versions nor selectors, kinds of patch
or subresources. Its request parser, its error handling and its table of Kubernetes' kinds are.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import AsyncIterator
from typing import Any

import aiohttp.web
import kmock

from orbs.kubernetes.rehearsal import watch
from orbs.kubernetes.rehearsal.calls import Call
from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.errors import ApiError, Json, no_such_resource
from orbs.kubernetes.rehearsal.resources import VERSION, Catalog
from orbs.kubernetes.rehearsal.verbs import Answer, Api

__all__ = ["ApiHandler", "load_catalog"]

_NAMESPACES = re.compile(r"^/api/v1/namespaces(?:/[^/]+(?:/(?:status|finalize))?)?/?$")
_ALIAS = "~namespaces"
_HEALTH = frozenset({"/healthz", "/livez", "/readyz"})


def load_catalog() -> Catalog:
    """Return the kinds that are served, out of the table that kmock brings along."""
    table = kmock.ResourcesArray()
    with warnings.catch_warnings():
        # kmock 0.8 reads its own data in a way that Python 3.11 and 3.12 call deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        table.load_bundled()
    return Catalog.from_table(table)


class ApiHandler(kmock.RawHandler):
    """Serves a cluster: discovery, objects, and the faults of the API itself."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self.cluster = cluster
        self.api = Api(cluster)
        self.served = 0
        self.watches = 0

    async def __call__(self, raw_request: aiohttp.web.BaseRequest) -> aiohttp.web.StreamResponse:
        """Answer one request of aiohttp's server."""
        if _NAMESPACES.match(raw_request.path):
            # kmock 0.8 takes "namespaces" for the prefix of another kind's path, always, and
            # stumbles where nothing follows it.
            path = raw_request.path.replace("/namespaces", f"/{_ALIAS}", 1)
            url = raw_request.rel_url.with_path(path).with_query(raw_request.rel_url.query)
            raw_request = raw_request.clone(rel_url=url)
        return await super().__call__(raw_request)

    async def _handle(self, request: kmock.Request) -> aiohttp.web.StreamResponse:
        try:
            self._fail_now_and_then()
            answer = self._answer(request)
        except ApiError as error:
            answer = Answer(error.code, error.status())
        if answer.stream is None:
            return _plain(answer)
        raw = request._raw_request
        assert raw is not None  # requests come from the network, never from kmock's own tests
        return await _streamed(raw, answer)

    def _fail_now_and_then(self) -> None:
        if not self.cluster.is_hit("api-500"):
            return
        self.served += 1
        if self.served % 8 == 3:
            raise ApiError(
                500, "InternalError", "Internal error occurred: etcdserver: leader changed", {}
            )
        if self.served % 8 == 7:
            message = "the server is currently unable to handle the request"
            raise ApiError(503, "ServiceUnavailable", message, {"retryAfterSeconds": 1})

    def _answer(self, request: kmock.Request) -> Answer:
        path = request.url.path.rstrip("/")
        document = self._document(path) if request.method == kmock.method.GET else None
        if document is not None:
            return Answer(200, document)
        if path in _HEALTH:
            return Answer(200, "ok", content_type="text/plain")
        answer = self.api.answer(self._call(request))
        if answer.stream is None or answer.content_type != "application/json":
            return answer
        stream = watch.guarded(answer.stream)
        if self.cluster.is_hit("watch-drops"):
            stream = watch.dropping(stream, self.watches)
            self.watches += 1
        return Answer(answer.code, stream=stream)

    def _document(self, path: str) -> Json | None:
        """Return the discovery document of a path, if it is the path of one."""
        catalog = self.cluster.catalog
        match path.strip("/").split("/"):
            case ["version"]:
                return dict(VERSION)
            case ["api"]:
                return catalog.api_versions()
            case ["apis"]:
                return catalog.group_list()
            case ["api", version]:
                return catalog.resource_list("", version)
            case ["apis", group]:
                return catalog.group(group)
            case ["apis", group, version]:
                return catalog.resource_list(group, version)
            case _:
                return None

    def _call(self, request: kmock.Request) -> Call:
        found = request.resource
        if found is None:
            raise no_such_resource()
        plural = "namespaces" if found.plural == _ALIAS else found.plural
        kind = self.cluster.catalog.find(found.group or "", found.version or "", plural or "")
        if kind is None or (request.namespace and not kind.namespaced):
            raise no_such_resource()
        headers = {name.lower(): value for name, value in request.headers.items()}
        return Call(
            method=str(request.method.value),
            kind=kind,
            version=found.version or "",
            namespace=request.namespace or "",
            name=request.name or "",
            subresource=request.subresource or "",
            params=request.params,
            content_type=headers.get("content-type", "").partition(";")[0].strip(),
            body=request.body,
            agent=headers.get("user-agent", ""),
        )

    async def _render_error(self, exc: Exception) -> aiohttp.web.StreamResponse:
        # A bug of the rehearsal: kmock keeps it in `errors`, and the client sees it plainly.
        message = f"the rehearsed API failed: {exc!r}"
        return _plain(Answer(500, ApiError(500, "InternalError", message, {}).status()))


def _plain(answer: Answer) -> aiohttp.web.Response:
    if isinstance(answer.body, str):
        return aiohttp.web.Response(
            text=answer.body, status=answer.code, content_type=answer.content_type
        )
    return aiohttp.web.json_response(answer.body, status=answer.code)


async def _streamed(
    raw_request: aiohttp.web.BaseRequest, answer: Answer
) -> aiohttp.web.StreamResponse:
    """Send a stream piece by piece, until it ends or the client has gone."""
    response = aiohttp.web.StreamResponse(status=answer.code)
    response.content_type = answer.content_type
    await response.prepare(raw_request)
    assert answer.stream is not None
    pieces: Any = answer.stream
    try:
        await _send(response, pieces)
        await response.write_eof()
    except ConnectionError:
        pass
    except watch.CutOff:
        if raw_request.transport is not None:
            raw_request.transport.close()
    finally:
        await pieces.aclose()
    return response


async def _send(response: aiohttp.web.StreamResponse, pieces: AsyncIterator[bytes]) -> None:
    async for piece in pieces:
        await response.write(piece)
