"""Which kinds a cluster serves, and how they are addressed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.connection import Connection
from orbs.kubernetes.kinds import ResourceKind

__all__ = ["Discovery"]

_PARALLEL = 8


class Discovery:
    """What a cluster serves, asked once for each API version; thread-safe."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, ResourceKind]] = {}

    def find(self, api_version: str, kind: str, *, again: bool = False) -> ResourceKind | None:
        """Return how a kind is addressed, or None where it isn't served; ``again`` forgets first."""
        if again:
            with self._lock:
                self._known.pop(api_version, None)
        return self._kinds(api_version).get(kind)

    def served(self) -> Mapping[str, frozenset[str]]:
        """Return the names of all kinds by API version.

        An API version whose own server is down at the moment is left out: that is the trouble of
        those who deploy to it only.
        """
        versions = self._api_versions()
        with ThreadPoolExecutor(_PARALLEL) as workers:
            found = dict(zip(versions, workers.map(self._kinds_if_up, versions), strict=True))
        return {version: frozenset(kinds) for version, kinds in found.items() if kinds}

    def _kinds_if_up(self, api_version: str) -> dict[str, ResourceKind]:
        try:
            return self._kinds(api_version, repeat=False)
        except ApiError as error:
            if error.status >= 500:
                return {}
            raise

    def _kinds(self, api_version: str, *, repeat: bool = True) -> dict[str, ResourceKind]:
        with self._lock:
            if api_version in self._known:
                return self._known[api_version]
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listed = self._read(root, f"ask for the kinds of {api_version}", repeat)
        except ApiError as error:
            if error.status != 404:
                raise
            listed = {}
        found = _read_kinds(api_version, listed.get("resources") or ())
        with self._lock:
            self._known[api_version] = found
        return found

    def _api_versions(self) -> list[str]:
        core = self._read("/api", "ask for the API's versions")
        groups = self._read("/apis", "ask for the API's groups")
        found = [str(version) for version in core.get("versions") or ()]
        for group in groups.get("groups") or ():
            found += [str(version["groupVersion"]) for version in group.get("versions") or ()]
        return found

    def _read(self, path: str, tried: str, repeat: bool = True) -> dict[str, Any]:
        raw = self._connection.call("GET", path, tried=tried, repeat=repeat)
        try:
            found: dict[str, Any] = json.loads(raw)
        except ValueError as error:
            raise ApiError(f"{tried}: the answer is not that of an API server") from error
        return found


def _read_kinds(
    api_version: str, resources: Iterable[Mapping[str, Any]]
) -> dict[str, ResourceKind]:
    group, _, version = api_version.rpartition("/")
    return {
        str(item["kind"]): ResourceKind(
            group,
            version,
            str(item["kind"]),
            str(item["name"]),
            bool(item.get("namespaced")),
            tuple(item.get("verbs") or ()),
        )
        for item in resources
        if "/" not in str(item.get("name", ""))  # "deployments/scale" is a part of deployments.
    }
