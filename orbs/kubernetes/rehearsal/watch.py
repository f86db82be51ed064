"""Watches: the changes after a version, as lines of JSON, for as long as the client wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from orbs.kubernetes.rehearsal.calls import Call
from orbs.kubernetes.rehearsal.cluster import Cluster
from orbs.kubernetes.rehearsal.errors import ApiError, Json, bad_request, expired
from orbs.kubernetes.rehearsal.selectors import Match
from orbs.kubernetes.rehearsal.storage import Change

__all__ = ["CutOff", "watch"]

DEFAULT_TIMEOUT_S = 1800.0
"""Real seconds after which a watch ends that asked for no limit, as a real server ends it."""


class CutOff(Exception):
    """The connection is to be dropped without a proper end."""


async def watch(cluster: Cluster, call: Call, match: Match) -> AsyncIterator[bytes]:
    """Yield watch events for a request, until its ``timeoutSeconds`` are over.

    Without a ``resourceVersion``, or with 0, it begins with what is there. Versions that are
    forgotten are answered with an ERROR event (410 Expired), and the watch ends.
    """
    queue: asyncio.Queue[Change] = asyncio.Queue()
    unsubscribe = cluster.store.subscribe(queue.put_nowait)
    try:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _timeout(call)
        for line in _first(cluster, call, match):
            yield line
        while (left := deadline - loop.time()) > 0:
            try:
                change = await asyncio.wait_for(queue.get(), left)
            except TimeoutError:
                break
            if seen := _line(call, match, change):
                yield seen
        if call.params.get("allowWatchBookmarks", "").lower() in ("1", "true"):
            yield _bookmark(call, cluster.store.version)
    finally:
        unsubscribe()


def _timeout(call: Call) -> float:
    text = call.params.get("timeoutSeconds", "")
    return float(text) if text not in ("", "0") else DEFAULT_TIMEOUT_S


def _first(cluster: Cluster, call: Call, match: Match) -> list[bytes]:
    """What is sent at once: the present objects, or the changes since the version asked for."""
    version = call.params.get("resourceVersion", "")
    if version in ("", "0"):
        rows = cluster.store.list(call.kind.key, call.namespace)
        return [_event(call, "ADDED", obj) for obj in rows if match(obj)]
    if not version.isdigit():
        raise bad_request(f'strconv.ParseUint: parsing "{version}": invalid syntax')
    changes = cluster.store.since(int(version))
    if changes is None:
        error = expired(int(version), cluster.store.oldest())
        raise error
    lines = (_line(call, match, change) for change in changes)
    return [line for line in lines if line]


def _line(call: Call, match: Match, change: Change) -> bytes | None:
    """Return the event for a change, seen through the selectors, if it is seen at all."""
    if change.resource != call.kind.key:
        return None
    meta = change.new["metadata"]
    if call.namespace and meta.get("namespace") != call.namespace:
        return None
    was = change.old is not None and match(change.old)
    is_now = change.type != "DELETED" and match(change.new)
    if not was and not is_now:
        return None
    kind = "MODIFIED" if was and is_now else "ADDED" if is_now else "DELETED"
    return _event(call, kind, change.new)


def _event(call: Call, kind: str, obj: Json) -> bytes:
    head = {"kind": call.kind.kind, "apiVersion": call.kind.api_version(call.version)}
    return encode({"type": kind, "object": obj | head})


def _bookmark(call: Call, version: int) -> bytes:
    meta = {"resourceVersion": str(version), "creationTimestamp": None}
    return _event(call, "BOOKMARK", {"metadata": meta})


def encode(event: Json) -> bytes:
    """Write one event as a line."""
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


async def guarded(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Turn a refusal inside a watch into the ERROR event that ends it."""
    try:
        async for line in stream:
            yield line
    except ApiError as error:
        yield encode({"type": "ERROR", "object": error.status()})


async def dropping(stream: AsyncIterator[bytes], turn: int) -> AsyncIterator[bytes]:
    """Spoil a watch: every third is refused as too old, cut off in the middle, closed early.

    Args:
        stream: the watch.
        turn: how many watches there were before.
    """
    if turn % 3 == 1:
        yield encode({"type": "ERROR", "object": expired(1, 2).status()})
        return
    left = 2
    async for line in stream:
        left -= 1
        if left == 0 and turn % 3 == 0:
            yield line[: len(line) // 2]
            raise CutOff
        yield line
        if left == 0:
            return
