"""Processors and memory of a ``resource_class``, as far as the engine's machine has them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MachineSize", "Resources", "resources_of"]

_GIB = 1024**3
_ARM = {
    "arm.medium": (2, 8),
    "arm.large": (4, 16),
    "arm.xlarge": (8, 32),
    "arm.2xlarge": (16, 64),
}
_DOCKER = {
    "small": (1, 2),
    "medium": (2, 4),
    "medium+": (3, 6),
    "large": (4, 8),
    "xlarge": (8, 16),
    "2xlarge": (16, 32),
    "2xlarge+": (20, 40),
    **_ARM,
}
_MACHINE = {
    "medium": (2, 7.5),
    "large": (4, 15),
    "xlarge": (8, 32),
    "2xlarge": (16, 64),
    "2xlarge+": (32, 64),
    **_ARM,
}
"""Processors and GiB of the executors (circleci.com/docs/configuration-reference, resource_class)."""


@dataclass(frozen=True, slots=True)
class MachineSize:
    """What the engine's machine has."""

    cpus: int
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of a job's primary container; None is all there is.

    Attributes:
        cpus: processors.
        memory_bytes: memory.
        note: what a user should know: that the class is not known, or is more than there is.
    """

    cpus: float | None = None
    memory_bytes: int | None = None
    note: str = ""


def resources_of(
    resource_class: str | None, there: MachineSize, *, machine: bool = False
) -> Resources:
    """Return the limits of a class; none for a job without one, and for a self-hosted runner's.

    Args:
        resource_class: its name, or None.
        there: what the engine's machine has; the limits are never more.
        machine: whether it is a class of the machine executor.
    """
    name = resource_class or ""
    if not name or "/" in name:
        return Resources()
    found = (_MACHINE if machine else _DOCKER).get(name.removesuffix(".gen2"))
    if found is None:
        return Resources(
            note=f"the resource_class {name} is not known here: the job gets all there is"
        )
    cpus, memory_bytes = found[0], int(found[1] * _GIB)
    note = ""
    if cpus > there.cpus or memory_bytes > there.memory_bytes:
        note = (
            f"{name} is {_words(cpus, memory_bytes)},"
            f" and the engine has {_words(there.cpus, there.memory_bytes)}"
        )
    return Resources(float(min(cpus, there.cpus)), min(memory_bytes, there.memory_bytes), note)


def _words(cpus: int, memory_bytes: int) -> str:
    return f"{cpus} CPU with {memory_bytes / _GIB:.3g} GiB"
