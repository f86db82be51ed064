"""The kinds that are served, and what the discovery documents say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orbs.kubernetes.rehearsal.errors import Json, qualified

__all__ = ["VERSION", "Catalog", "ResourceKind"]

VERSION: Mapping[str, str] = {
    "major": "1",
    "minor": "27",
    "gitVersion": "v1.27.0+rehearsal",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2023-04-11T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "",
}
"""The answer of ``/version``: the oldest release that serves just these groups and versions."""

SERVED: tuple[tuple[str, str], ...] = (
    ("", "v1"),
    ("apps", "v1"),
    ("authorization.k8s.io", "v1"),
    ("autoscaling", "v2"),
    ("autoscaling", "v1"),
    ("batch", "v1"),
    ("networking.k8s.io", "v1"),
    ("policy", "v1"),
    ("rbac.authorization.k8s.io", "v1"),
    ("storage.k8s.io", "v1"),
    ("scheduling.k8s.io", "v1"),
    ("coordination.k8s.io", "v1"),
    ("discovery.k8s.io", "v1"),
)
"""Groups and versions, those of one group with the preferred one first."""

UNSERVED = frozenset({"bindings", "componentstatuses", "ipaddresses", "servicecidrs"})
_UNSERVED_PARTS = frozenset(
    {"attach", "binding", "ephemeralcontainers", "eviction", "exec", "portforward", "proxy"}
    | {"resize", "token", "finalize"}
)
_WITH_GENERATION = frozenset(
    {
        "daemonsets.apps",
        "deployments.apps",
        "replicasets.apps",
        "statefulsets.apps",
        "cronjobs.batch",
        "jobs.batch",
        "ingresses.networking.k8s.io",
        "networkpolicies.networking.k8s.io",
        "poddisruptionbudgets.policy",
    }
)


@dataclass(frozen=True, slots=True)
class ResourceKind:
    """One kind of object, with every version under which it is served (preferred one first)."""

    group: str
    versions: tuple[str, ...]
    plural: str
    kind: str
    singular: str
    namespaced: bool
    verbs: tuple[str, ...]
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    subresources: tuple[str, ...]

    @property
    def key(self) -> str:
        """``deployments.apps``: the name under which the store keeps its objects."""
        return qualified(self.plural, self.group)

    @property
    def has_status(self) -> bool:
        """Whether ``status`` is a subresource, out of reach of ordinary writes."""
        return "status" in self.subresources

    @property
    def has_generation(self) -> bool:
        """Whether ``metadata.generation`` counts the changes of ``spec``."""
        return self.key in _WITH_GENERATION

    def api_version(self, version: str = "") -> str:
        """Return the ``apiVersion`` of its objects."""
        version = version or self.versions[0]
        return f"{self.group}/{version}" if self.group else version


class Catalog:
    """All kinds that are served, and the discovery documents made of them."""

    def __init__(self, kinds: list[ResourceKind]) -> None:
        self.by_key = {kind.key: kind for kind in kinds}
        self._by_path = {
            (kind.group, version, kind.plural): kind for kind in kinds for version in kind.versions
        }

    @classmethod
    def from_table(cls, table: Mapping[Any, Any]) -> Catalog:
        """Make it of kmock's table of Kubernetes' own kinds (``ResourcesArray``)."""
        merged: dict[tuple[str, str], ResourceKind] = {}
        order = {served: rank for rank, served in enumerate(SERVED)}
        rows = [row for row in table.items() if (row[0].group, row[0].version) in order]
        for where, info in sorted(rows, key=lambda row: order[row[0].group, row[0].version]):
            if where.plural in UNSERVED:
                continue
            name = (where.group, where.plural)
            versions = merged[name].versions if name in merged else ()
            merged[name] = _kind(where, info, (*versions, where.version))
        return cls(list(merged.values()))

    def find(self, group: str, version: str, plural: str) -> ResourceKind | None:
        """Return the kind that is served under this path, if any."""
        return self._by_path.get((group, version, plural))

    def api_versions(self) -> Json:
        """Return the answer of ``/api``."""
        return {"kind": "APIVersions", "versions": ["v1"]}

    def group_list(self) -> Json:
        """Return the answer of ``/apis``."""
        names = dict.fromkeys(group for group, _ in SERVED if group)
        groups = [_group(name) for name in names]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def group(self, name: str) -> Json | None:
        """Return the answer of ``/apis/<group>``, if it is served."""
        if not name or all(group != name for group, _ in SERVED):
            return None
        return {"kind": "APIGroup", "apiVersion": "v1"} | _group(name)

    def resource_list(self, group: str, version: str) -> Json | None:
        """Return the answer of ``/api/v1`` or ``/apis/<group>/<version>``, if it is served."""
        if (group, version) not in SERVED:
            return None
        rows: list[Json] = []
        for (in_group, in_version, _), kind in self._by_path.items():
            if (in_group, in_version) == (group, version):
                rows += _rows(kind)
        rows.sort(key=lambda row: str(row["name"]))
        group_version = f"{group}/{version}" if group else version
        head = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version}
        return head | {"resources": rows}


def _kind(where: Any, info: Any, versions: tuple[str, ...]) -> ResourceKind:
    return ResourceKind(
        group=where.group,
        versions=versions,
        plural=where.plural,
        kind=info.kind,
        singular=info.singular or "",
        namespaced=bool(info.namespaced),
        verbs=tuple(sorted(info.verbs)),
        short_names=tuple(sorted(info.shortnames)),
        categories=tuple(sorted(info.categories)),
        subresources=tuple(sorted(info.subresources - _UNSERVED_PARTS)),
    )


def _group(name: str) -> Json:
    versions = [
        {"groupVersion": f"{group}/{version}", "version": version}
        for group, version in SERVED
        if group == name
    ]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _rows(kind: ResourceKind) -> list[Json]:
    row: Json = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        row["shortNames"] = list(kind.short_names)
    if kind.categories:
        row["categories"] = list(kind.categories)
    parts = [
        {
            "name": f"{kind.plural}/{part}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": "Scale" if part == "scale" else kind.kind,
            "verbs": ["get"] if part == "log" else ["get", "patch", "update"],
        }
        for part in kind.subresources
    ]
    return [row, *parts]
