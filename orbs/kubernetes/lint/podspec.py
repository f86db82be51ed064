"""Where the Pods of an object are described: one way to reach containers for all kinds.

Every function takes whatever a user may have written; what has the wrong type is passed over here,
and is the schema rule's to report.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.yamlfile import KeyPath

__all__ = ["Container", "PodTemplate", "containers", "dig", "entries", "pod_template"]

_TEMPLATE_PATHS: Mapping[str, KeyPath] = {
    "Pod": (),
    "PodTemplate": ("template",),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    **dict.fromkeys(
        (
            "DaemonSet",
            "Deployment",
            "Job",
            "ReplicaSet",
            "ReplicationController",
            "StatefulSet",
        ),
        ("spec", "template"),
    ),
}


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """The Pod that an object makes; ``path`` leads to it inside the object."""

    path: KeyPath
    value: Mapping[str, Any]

    @property
    def labels(self) -> Mapping[str, Any]:
        """The labels that its Pods carry."""
        return dig(self.value, "metadata", "labels")

    @property
    def spec(self) -> Mapping[str, Any]:
        """The PodSpec."""
        return dig(self.value, "spec")

    @property
    def spec_path(self) -> KeyPath:
        """The way to the PodSpec inside the object."""
        return (*self.path, "spec")


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a PodSpec; ``init`` for those that run before the others."""

    path: KeyPath
    value: Mapping[str, Any]
    init: bool

    @property
    def name(self) -> str:
        """The container's name, or its place where it has none."""
        return str(self.value.get("name") or self.path[-1])

    @property
    def sidecar(self) -> bool:
        """Whether it is an init container that keeps running beside the others."""
        return self.init and self.value.get("restartPolicy") == "Always"


def dig(value: Any, *steps: str) -> Mapping[str, Any]:
    """Return the mapping at the end of the keys, an empty one where there is none."""
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def entries(value: Mapping[str, Any], key: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the mappings in the list under ``key``, with their indexes."""
    found = value.get(key)
    if isinstance(found, list):
        yield from ((i, item) for i, item in enumerate(found) if isinstance(item, Mapping))


def pod_template(value: Mapping[str, Any]) -> PodTemplate | None:
    """Return the Pod that an object makes, or None for kinds that make none."""
    path = _TEMPLATE_PATHS.get(str(value.get("kind")))
    if path is None:
        return None
    return PodTemplate(path, dig(value, *(str(step) for step in path)))


def containers(template: PodTemplate) -> Iterator[Container]:
    """Yield the containers of a Pod, init containers first."""
    for key, init in (("initContainers", True), ("containers", False)):
        for index, value in entries(template.spec, key):
            yield Container((*template.spec_path, key, index), value, init)
