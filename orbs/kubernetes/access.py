"""Whether the cluster lets us do all that a deploy does, asked before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.cluster import EVENT, JOB, NAMESPACE, POD, REPLICASET, Cluster, ResourceKind
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.ordering import is_job
from pipeline.errors import Problem, Unavailable

__all__ = ["Permission", "check_access", "needed_permissions"]

_AT_ONCE = 8
_WATCHED = ("get", "list", "watch")
_WAITED_FOR = frozenset({"Deployment", "StatefulSet", "DaemonSet"})


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that has to be allowed."""

    verb: str
    kind: ResourceKind
    namespace: str | None = None
    subresource: str = ""

    @property
    def resource(self) -> str:
        """``deployments.apps``, ``pods/log``."""
        name = self.kind.plural + (f"/{self.subresource}" if self.subresource else "")
        return f"{name}.{self.kind.group}" if self.kind.group else name


def needed_permissions(
    cluster: Cluster, manifests: Sequence[RenderedManifest], *, create_namespace: bool = False
) -> list[Permission]:
    """Return what applying the manifests, running their Jobs and waiting for them takes."""
    found = dict.fromkeys(_needed(cluster, manifests))
    if create_namespace:
        found |= dict.fromkeys([Permission("get", NAMESPACE), Permission("create", NAMESPACE)])
    return list(found)


def _needed(cluster: Cluster, manifests: Sequence[RenderedManifest]) -> Iterator[Permission]:
    watches = False
    for manifest in manifests:
        kind = cluster.find_kind(manifest.api_version, manifest.kind)
        if kind is None:
            continue  # Said by the lint and the dry run, with its place.
        space = manifest.namespace or cluster.namespace if kind.namespaced else None
        if is_job(manifest):
            watches = True
            verbs: tuple[str, ...] = ("create", "delete", *_WATCHED)
        elif manifest.kind in _WAITED_FOR:
            watches = True
            verbs = ("create", "patch", *_WATCHED)
        else:
            verbs = ("create", "patch", "get")
        for verb in verbs:
            yield Permission(verb, kind, space)
        if manifest.kind == "Deployment":
            yield from (Permission(verb, REPLICASET, space) for verb in _WATCHED)
    if watches:
        for watched in (POD, EVENT):
            yield from (Permission(verb, watched, cluster.namespace) for verb in _WATCHED)
        yield Permission("get", POD, cluster.namespace, "log")
        yield Permission("list", JOB, cluster.namespace)


def check_access(
    cluster: Cluster, manifests: Sequence[RenderedManifest], *, create_namespace: bool = False
) -> int:
    """Ask for every permission that is needed; return how many were asked for.

    Raises:
        Unavailable: with all those that are missing.
    """
    wanted = needed_permissions(cluster, manifests, create_namespace=create_namespace)
    try:
        with ThreadPoolExecutor(_AT_ONCE) as workers:
            answers = list(workers.map(lambda one: _allowed(cluster, one), wanted))
    except ApiError as error:
        raise Unavailable(error.message, hint=error.hint) from error
    missing = [one for one, allowed in zip(wanted, answers, strict=True) if not allowed]
    if missing:
        raise Unavailable(
            f"the user {cluster.source.user!r} of context {cluster.context!r} lacks permissions in "
            f"{cluster.server}; nothing was changed",
            problems=[Problem(text) for text in _told(missing)],
            hint="have them added to the user's Role (or ClusterRole)",
        )
    return len(wanted)


def _allowed(cluster: Cluster, wanted: Permission) -> bool:
    return cluster.allowed(
        wanted.verb, wanted.kind, namespace=wanted.namespace, subresource=wanted.subresource
    )


def _told(missing: Sequence[Permission]) -> list[str]:
    """Return one line a resource, with all of its verbs."""
    verbs: dict[tuple[str, str], list[str]] = {}
    for one in missing:
        verbs.setdefault((one.resource, one.namespace or ""), []).append(one.verb)
    return [
        f"{', '.join(words)} {resource}" + (f" in the namespace {space}" if space else "")
        for (resource, space), words in verbs.items()
    ]
