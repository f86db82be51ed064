"""Reading a workload and everything around it from the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from orbs.kubernetes.kinds import (
    DAEMONSET,
    DEPLOYMENT,
    EVENT,
    JOB,
    POD,
    REPLICASET,
    STATEFULSET,
    ResourceKind,
)
from orbs.kubernetes.names import RUN_ANNOTATION
from orbs.kubernetes.verdict import Observation
from orbs.kubernetes.verdict.fields import (
    dig,
    items,
    mapping,
    name_of,
    number,
    text,
    uid_of,
    words,
)
from orbs.kubernetes.watching import Selection

__all__ = ["ObservedCluster", "Target", "observe", "read_events", "selections", "selector_text"]

_WARNINGS = "type=Warning"
_KINDS: Mapping[str, ResourceKind] = {
    kind.kind: kind for kind in (DEPLOYMENT, STATEFULSET, DAEMONSET, JOB)
}
_SET_OPERATORS = {"In": "in", "NotIn": "notin"}


class ObservedCluster(Protocol):
    """What observing needs of a cluster."""

    namespace: str

    def get(
        self, kind: ResourceKind, name: str, namespace: str | None = ...
    ) -> dict[str, Any] | None:
        """Return an object, or None."""

    def list(
        self,
        kind: ResourceKind,
        *,
        namespace: str | None = ...,
        labels: str = ...,
        fields: str = ...,
    ) -> tuple[list[dict[str, Any]], str]:
        """Return objects and the resource version to watch from."""


@dataclass(frozen=True, slots=True)
class Target:
    """A workload that is waited for, as the API server returned it when it was applied.

    Attributes:
        kind: how its kind is addressed.
        name: its name.
        namespace: its namespace.
        uid: tells it from another of the same name.
        generation: counts the changes of its spec; a status that is older says nothing.
        run: the run that applied it.
        labels: the label selector of its Pods.
    """

    kind: ResourceKind
    name: str
    namespace: str
    uid: str = ""
    generation: int = 0
    run: str = ""
    labels: str = ""

    @property
    def ref(self) -> str:
        """``Deployment/hoge-app``."""
        return f"{self.kind}/{self.name}"

    @classmethod
    def of(cls, applied: Mapping[str, Any], namespace: str) -> Target | None:
        """Return the target for an object, or None where its kind isn't waited for.

        Args:
            applied: the API server's answer to the apply or the create.
            namespace: that of objects that name none.
        """
        kind = _KINDS.get(text(applied, "kind"))
        if kind is None:
            return None
        return cls(
            kind,
            name_of(applied),
            text(applied, "metadata", "namespace") or namespace,
            uid_of(applied),
            number(applied, "metadata", "generation"),
            text(applied, "metadata", "annotations", RUN_ANNOTATION),
            selector_text(applied),
        )


def observe(
    cluster: ObservedCluster,
    target: Target,
    *,
    now_s: float,
    events: Sequence[dict[str, Any]] | None = None,
) -> Observation:
    """Look at a target once; owners before what they own, so that nothing is older than its owner.

    Args:
        cluster: who is asked.
        target: what is looked at.
        now_s: seconds on the waiting side's clock.
        events: warnings of the namespace, where they were read already.

    Raises:
        ApiError: the API server did not answer, or refused.
    """
    workload = cluster.get(target.kind, target.name, target.namespace)
    labels = selector_text(workload) or target.labels
    where = {"namespace": target.namespace, "labels": labels}
    replicasets: list[dict[str, Any]] = []
    pods: list[dict[str, Any]] = []
    if labels:
        if target.kind == DEPLOYMENT:
            replicasets, _ = cluster.list(REPLICASET, **where)
        pods, _ = cluster.list(POD, **where)
    if events is None:
        events = read_events(cluster, target.namespace)
    return Observation(
        workload,
        tuple(replicasets),
        tuple(pods),
        tuple(events),
        now_s,
        target.uid,
        target.generation,
        target.run,
    )


def read_events(cluster: ObservedCluster, namespace: str) -> list[dict[str, Any]]:
    """Return the warnings of a namespace."""
    found, _ = cluster.list(EVENT, namespace=namespace, fields=_WARNINGS)
    return found


def selections(targets: Sequence[Target]) -> list[Selection]:
    """Return what to watch for these targets: themselves, their Pods, and warnings.

    ReplicaSets are left out: whatever happens to one shows in its Deployment too.
    """
    found = [
        Selection(one.kind, one.namespace, fields=f"metadata.name={one.name}") for one in targets
    ]
    found += [Selection(POD, one.namespace, one.labels) for one in targets if one.labels]
    namespaces = dict.fromkeys(one.namespace for one in targets)
    found += [Selection(EVENT, namespace, fields=_WARNINGS) for namespace in namespaces]
    return list(dict.fromkeys(found))


def selector_text(workload: Mapping[str, Any] | None) -> str:
    """Return ``spec.selector`` as a label selector: ``app=web,tier in (a,b)``."""
    selector = mapping(workload, "spec", "selector")
    terms = [f"{key}={value}" for key, value in sorted(mapping(selector, "matchLabels").items())]
    for one in items(selector, "matchExpressions"):
        key, operator = text(one, "key"), text(one, "operator")
        if operator in _SET_OPERATORS:
            terms.append(f"{key} {_SET_OPERATORS[operator]} ({','.join(words(one, 'values'))})")
        elif dig(one, "key"):
            terms.append(key if operator == "Exists" else f"!{key}")
    return ",".join(terms)
