"""The Kubernetes API with plain dictionaries in and out; the only module that imports ``kubernetes``.

The library gives the connection settings and the HTTP pool (proxies, no-proxy rules, keep-alive).
Its model classes are not used: they know the fields of one version of Kubernetes and drop the others.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.client_source import ClientSource
from orbs.kubernetes.connection import READ_TIMEOUT_S, Connection, OnOpen
from orbs.kubernetes.discovery import Discovery
from orbs.kubernetes.kinds import (
    CONFIGMAP,
    DAEMONSET,
    DEPLOYMENT,
    ENDPOINTS,
    EVENT,
    JOB,
    NAMESPACE,
    NODE,
    POD,
    REPLICASET,
    SECRET,
    SERVICE,
    STATEFULSET,
    ResourceKind,
)
from pipeline import __version__
from pipeline.retry import Clock

if TYPE_CHECKING:
    import urllib3

__all__ = [
    "CONFIGMAP",
    "DAEMONSET",
    "DEPLOYMENT",
    "ENDPOINTS",
    "EVENT",
    "JOB",
    "NAMESPACE",
    "NODE",
    "POD",
    "REPLICASET",
    "SECRET",
    "SERVICE",
    "STATEFULSET",
    "Cluster",
    "ResourceKind",
    "open_cluster",
    "preload_client",
]

_LOOPBACK = re.compile(r"localhost\Z|127\.|::1\Z")
_POOL_SIZE = 16
"""Connections kept open: watches, logs and parallel dry runs together stay below it."""
_SERVER_SIDE_APPLY = "application/apply-patch+yaml"


@contextmanager
def open_cluster(
    source: ClientSource, namespace: str = "", *, clock: Clock | None = None
) -> Iterator[Cluster]:
    """Open a cluster; nothing is sent yet.

    Args:
        source: where it is and who asks.
        namespace: that of namespaced calls; "" takes the source's, else ``default``.
        clock: the time that retries wait by.
    """
    connection = Connection(source, _make_pool, user_agent=f"orbyard/{__version__}", clock=clock)
    try:
        yield Cluster(connection, namespace or source.namespace or "default")
    finally:
        connection.close()


def preload_client() -> None:
    """Begin to import the client library (about half a second) while something else is waited for."""

    def load() -> None:
        import kubernetes.client  # noqa: F401

    threading.Thread(target=load, name="kubernetes-import", daemon=True).start()


def _make_pool(source: ClientSource, context: ssl.SSLContext | None) -> urllib3.PoolManager:
    import urllib3

    from kubernetes import client

    configuration = client.Configuration()
    configuration.host = source.server
    configuration.verify_ssl = source.verify
    configuration.connection_pool_maxsize = _POOL_SIZE
    configuration.keep_alive = True
    if source.tls_server_name:
        configuration.tls_server_name = source.tls_server_name
    if source.proxy_url:
        configuration.proxy = source.proxy_url
    elif _LOOPBACK.match(urlsplit(source.server).hostname or ""):
        configuration.proxy = None  # As Go's clients do: a proxy cannot reach our own machine.
    if not source.verify:
        # Said once by us instead of at each request.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    pool: urllib3.PoolManager = client.ApiClient(configuration).rest_client.pool_manager
    if context is not None:
        pool.connection_pool_kw["ssl_context"] = context
    return pool


class Cluster:
    """One namespace's view of a cluster; thread-safe.

    Every method raises :class:`~orbs.kubernetes.api_error.ApiError`. Reads, deletions and server-side
    apply are repeated when they fail for a passing reason; ``create`` is not.

    Attributes:
        namespace: that of calls that name none.
        server: the API server's URL.
        context: the kubeconfig's context.
        source: where all this comes from.
    """

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection = connection
        self._discovery = Discovery(connection)
        self.source = connection.source
        self.namespace = namespace
        self.server = connection.source.server
        self.context = connection.source.context

    def server_version(self) -> str:
        """Return ``v1.20.2``."""
        told = self._json("GET", "/version", tried="ask for the version")
        if "gitVersion" not in told:
            raise _not_kubernetes("ask for the version")
        return str(told["gitVersion"])

    def find_kind(self, api_version: str, kind: str, *, again: bool = False) -> ResourceKind | None:
        """Return how a kind is addressed, or None where the cluster doesn't serve it.

        The answer is remembered; ``again`` asks anew, after a custom kind was defined.
        """
        return self._discovery.find(api_version, kind, again=again)

    def served(self) -> Mapping[str, frozenset[str]]:
        """Return every kind that the cluster serves, by API version."""
        return self._discovery.served()

    def openapi(self) -> dict[str, Any] | None:
        """Return the schema of ``/openapi/v2``, or None where there is none (or it is not shown)."""
        try:
            return self._json("GET", "/openapi/v2", tried="read the schema")
        except ApiError as error:
            if error.status in {403, 404, 406, 410}:
                return None
            raise

    def get(
        self, kind: ResourceKind, name: str, namespace: str | None = None
    ) -> dict[str, Any] | None:
        """Return an object, or None where there is none of that name."""
        try:
            return self._json("GET", self._path(kind, name, namespace), tried=f"get {kind}/{name}")
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(
        self,
        kind: ResourceKind,
        *,
        namespace: str | None = None,
        labels: str = "",
        fields: str = "",
    ) -> tuple[list[dict[str, Any]], str]:
        """Return the objects that the selectors choose, and the resource version to watch from.

        ``apiVersion`` and ``kind``, which a list leaves out of its items, are put back.
        """
        items: list[dict[str, Any]] = []
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": "500"}
        while True:
            page = self._json(
                "GET", self._path(kind, None, namespace), tried=f"list {kind.plural}", query=query
            )
            for item in page.get("items") or ():
                items.append({"apiVersion": kind.api_version, "kind": kind.kind, **item})
            metadata = page.get("metadata") or {}
            query["continue"] = metadata.get("continue") or ""
            if not query["continue"]:
                return items, str(metadata.get("resourceVersion") or "")

    def watch(
        self,
        kind: ResourceKind,
        *,
        namespace: str | None = None,
        resource_version: str = "",
        labels: str = "",
        fields: str = "",
        timeout_s: float = 50,
        on_open: OnOpen | None = None,
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield ``(ADDED | MODIFIED | DELETED | BOOKMARK, object)`` until the server ends the watch.

        ``on_open`` is given a function with which another thread can end it.

        Raises:
            ApiError: with status 410 where the resource version is too old: list again.
        """
        tried = f"watch {kind.plural}"
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "labelSelector": labels,
            "fieldSelector": fields,
            "timeoutSeconds": str(max(1, int(timeout_s))),
        }
        for line in self._connection.lines(
            self._path(kind, None, namespace),
            tried=tried,
            query=query,
            idle_timeout_s=timeout_s + 10,
            on_open=on_open,
        ):
            if not line.strip():
                continue
            event = _decode(line, tried)
            seen = event.get("object") or {}
            if event.get("type") == "ERROR":
                raise ApiError(
                    f"{tried}: {seen.get('message', 'the watch was ended')}",
                    status=int(seen.get("code") or 500),
                    reason=str(seen.get("reason") or ""),
                    server_message=str(seen.get("message") or ""),
                )
            yield str(event.get("type")), seen

    def apply(
        self,
        kind: ResourceKind,
        body: Mapping[str, Any],
        *,
        manager: str,
        force: bool = False,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Apply an object on the server's side and return what it is now.

        Args:
            kind: how it is addressed.
            body: the whole of what ``manager`` wants to own; names its namespace, or takes ours.
            manager: the field manager.
            force: whether fields of other managers are taken over.
            dry_run: whether the server only says what would be.
        """
        metadata = body["metadata"]
        return self._json(
            "PATCH",
            self._path(kind, metadata["name"], metadata.get("namespace")),
            tried=f"apply {kind}/{metadata['name']}",
            query={
                "fieldManager": manager,
                "force": "true" if force else "",
                "dryRun": "All" if dry_run else "",
            },
            body=body,
            content_type=_SERVER_SIDE_APPLY,
        )

    def create(
        self, kind: ResourceKind, body: Mapping[str, Any], *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Create an object and return it; sent once only, as a second time could make two."""
        metadata = body["metadata"]
        return self._json(
            "POST",
            self._path(kind, None, metadata.get("namespace")),
            tried=f"create {kind}/{metadata.get('name') or metadata.get('generateName')}",
            query={"dryRun": "All" if dry_run else ""},
            body=body,
            repeat=False,
        )

    def patch(
        self,
        kind: ResourceKind,
        name: str,
        patch: Any,
        *,
        namespace: str | None = None,
        content_type: str = "application/merge-patch+json",
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Change an object by a merge patch, or by another kind of patch, and return it."""
        return self._json(
            "PATCH",
            self._path(kind, name, namespace),
            tried=f"patch {kind}/{name}",
            query={"dryRun": "All" if dry_run else ""},
            body=patch,
            content_type=content_type,
        )

    def delete(
        self,
        kind: ResourceKind,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        propagation: str = "Background",
    ) -> None:
        """Delete an object; one that is not there is fine.

        Args:
            kind: how it is addressed.
            name: its name.
            namespace: its namespace, or ours.
            uid: delete only the object that has this uid (else status 409).
            propagation: ``Background``, ``Foreground`` or ``Orphan``, for what it owns.
        """
        body: dict[str, Any] = {"propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        path = self._path(kind, name, namespace)
        try:
            self._json("DELETE", path, tried=f"delete {kind}/{name}", body=body)
        except ApiError as error:
            if error.status != 404:
                raise

    def logs(
        self,
        pod: str,
        *,
        container: str | None = None,
        namespace: str | None = None,
        follow: bool = False,
        previous: bool = False,
        tail_lines: int | None = None,
        since_time: str | None = None,
        timestamps: bool = False,
        idle_timeout_s: float = READ_TIMEOUT_S,
        on_open: OnOpen | None = None,
    ) -> Iterator[str]:
        """Yield the lines of a container's log; bytes that are not UTF-8 are replaced.

        With ``follow`` an :class:`ApiError` with status 0 after ``idle_timeout_s`` silent seconds is
        normal: a silently dead connection looks the same. Ask again with ``since_time``. ``on_open``
        is given a function with which another thread can end it.
        """
        query = {
            "container": container or "",
            "follow": "true" if follow else "",
            "previous": "true" if previous else "",
            "tailLines": "" if tail_lines is None else str(tail_lines),
            "sinceTime": since_time or "",
            "timestamps": "true" if timestamps else "",
        }
        lines = self._connection.lines(
            self._path(POD, pod, namespace) + "/log",
            tried=f"read the log of Pod/{pod}",
            query=query,
            idle_timeout_s=idle_timeout_s,
            on_open=on_open,
        )
        for line in lines:
            yield line.decode("utf-8", "replace")

    def allowed(
        self, verb: str, kind: ResourceKind, *, namespace: str | None = None, subresource: str = ""
    ) -> bool:
        """Return whether the cluster lets us do that (an access review of our own rights)."""
        attributes = {"verb": verb, "group": kind.group, "resource": kind.plural}
        if kind.namespaced:
            attributes["namespace"] = namespace or self.namespace
        if subresource:
            attributes["subresource"] = subresource
        review = self._json(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            tried="ask what is allowed",
            body={
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": attributes},
            },
        )
        return bool((review.get("status") or {}).get("allowed"))

    def _path(self, kind: ResourceKind, name: str | None, namespace: str | None) -> str:
        path = kind.root
        if kind.namespaced:
            path += f"/namespaces/{quote(namespace or self.namespace, safe='')}"
        path += f"/{kind.plural}"
        return path + (f"/{quote(name, safe='')}" if name else "")

    def _json(self, method: str, path: str, *, tried: str, **options: Any) -> dict[str, Any]:
        return _decode(self._connection.call(method, path, tried=tried, **options), tried)


def _decode(raw: bytes, tried: str) -> dict[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise _not_kubernetes(tried) from error
    if not isinstance(found, dict):
        raise _not_kubernetes(tried)
    return found


def _not_kubernetes(tried: str) -> ApiError:
    return ApiError(
        f"{tried}: the answer is not that of an API server",
        reason="NotKubernetes",
        hint="does the server's URL lead to a Kubernetes API, and not to a login page or proxy?",
    )
