"""Processors and memory of a ``resource_class``, as far as this machine has them."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["Resources", "resources_of"]

_GIB = 1024**3
_CLASSES = {
    "small": (1, 2),
    "medium": (2, 4),
    "medium+": (3, 6),
    "large": (4, 8),
    "xlarge": (8, 16),
    "2xlarge": (16, 32),
    "2xlarge+": (20, 40),
}
"""Processors and GiB of the docker executor (circleci.com/docs/configuration-reference)."""


@dataclass(frozen=True, slots=True)
class Resources:
    """Processors and memory of a job's containers; None is all there is."""

    cpus: float | None = None
    memory_bytes: int | None = None


def resources_of(resource_class: str | None, *, processors: int | None = None) -> Resources:
    """Return the limits of a class; none for a class that is not one of CircleCI's docker classes.

    Args:
        resource_class: its name, or None for a job that says nothing.
        processors: those that this machine has; default: asked.
    """
    found = _CLASSES.get((resource_class or "").removesuffix(".gen2"))
    if found is None:
        return Resources()
    there = processors or os.cpu_count() or 1
    cpus, memory_gib = found
    return Resources(float(min(cpus, there)), memory_gib * _GIB)
