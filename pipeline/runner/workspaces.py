"""The layers of a workflow's workspace, and which of them must not meet.

Each `persist_to_workspace` makes one layer. A job that attaches the workspace gets the layers of the
jobs that it stands on, in the order of the workflow; of two layers with the same file the later one
wins, unless neither job came before the other: then there is no later one, and the step fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Conflict", "Layer", "conflict_message", "find_conflicts"]

_SHOWN_FILES = 50


@dataclass(frozen=True, slots=True)
class Layer:
    """What one `persist_to_workspace` kept.

    Args:
        run: the run's id.
        job: the job's name in the workflow.
        node_index: which of the job's parallel nodes.
        number: counts the run's layers, from 1.
        digest: SHA-256 of the stored archive.
        stored_bytes: size of the archive.
        tar_bytes: size before compression.
        created_at: seconds since 1970.
        files: the paths of files and links, without folders, sorted.
    """

    run: str
    job: str
    node_index: int
    number: int
    digest: str
    stored_bytes: int
    tar_bytes: int
    created_at: float
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conflict:
    """Files that two layers have although neither was made after the other; ``second`` comes later
    in the order of application.
    """

    first: Layer
    second: Layer
    files: tuple[str, ...]


def find_conflicts(
    layers: Sequence[Layer], requires: Mapping[str, Iterable[str]]
) -> list[Conflict]:
    """Return which layers were persisted side by side and have files in common.

    Args:
        layers: in the order in which they would be applied.
        requires: for each job the jobs that it requires, directly or through others. Parallel nodes of
            one job are side by side; what one node persisted in several steps is not.
    """
    before = {job: _all_required(job, requires) for job in {layer.job for layer in layers}}
    having: dict[str, list[int]] = defaultdict(list)
    common: dict[tuple[int, int], list[str]] = defaultdict(list)
    for index, layer in enumerate(layers):
        beside = {at for at in range(index) if _side_by_side(layers[at], layer, before)}
        for file in layer.files:
            for earlier in beside.intersection(having[file]) if beside else ():
                common[earlier, index].append(file)
            having[file].append(index)
    return [
        Conflict(layers[first], layers[second], tuple(sorted(files)))
        for (first, second), files in sorted(common.items())
    ]


def conflict_message(conflicts: Sequence[Conflict]) -> str:
    """Return what the step prints, in CircleCI's words."""
    files = sorted({file for conflict in conflicts for file in conflict.files})
    lines = [f"  - {file}" for file in files[:_SHOWN_FILES]]
    if len(files) > _SHOWN_FILES:
        lines.append(f"  … and {len(files) - _SHOWN_FILES} more")
    first, second = conflicts[0].first, conflicts[0].second
    return "\n".join(
        [
            "Concurrent upstream jobs persisted the same file(s) into the workspace:",
            *lines,
            "",
            f"Error applying workspace layer for job {second.job}: Concurrent upstream jobs persisted"
            f" the same file(s) ({_maker(first)} and {_maker(second)})",
        ]
    )


def _maker(layer: Layer) -> str:
    return f"{layer.job}, node {layer.node_index}" if layer.node_index else layer.job


def _side_by_side(first: Layer, second: Layer, before: Mapping[str, set[str]]) -> bool:
    if first.job == second.job:
        return first.node_index != second.node_index
    return first.job not in before[second.job] and second.job not in before[first.job]


def _all_required(job: str, requires: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(requires.get(job, ()))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += requires.get(name, ())
    return found
