"""Which archives go when the store has more than it may have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pipeline.runner.blobs import BlobFolder
from pipeline.runner.cache_entry import read_entry
from pipeline.runner.file_locks import try_lock

__all__ = ["evict"]


def evict(
    root: Path,
    blobs: BlobFolder,
    limit_bytes: int | None,
    *,
    keep: Collection[str],
    keep_run: str,
    warn: Callable[[str], None],
) -> None:
    """Remove the blobs that nothing names and, with a limit, the least recently used; locked.

    A cache's record goes with its blob. A layer's record stays: a run that is taken up again is to
    fail on what is gone, and not to go on without it.

    Args:
        root: the store's folder.
        blobs: its blobs.
        limit_bytes: how much may stay; None removes only what nothing names.
        keep: digests that stay in any case.
        keep_run: folder name of a run whose workspace stays.
        warn: called with records that cannot be read.
    """
    everything = blobs.everything()
    total = sum(blob.size_bytes for blob in everything)
    caches, runs = _caches_by_blob(root, warn), _runs_by_blob(root)
    excess = limit_bytes is not None and total > limit_bytes
    kept = {*keep, *_held(runs, keep_run)} if excess else set()
    for blob in everything:
        named = blob.digest in caches or blob.digest in runs
        too_much = limit_bytes is not None and total > limit_bytes and blob.digest not in kept
        if (too_much or not named) and blobs.remove(blob.digest):
            total -= blob.size_bytes
            for path in caches.get(blob.digest, ()):
                path.unlink(missing_ok=True)


def _caches_by_blob(root: Path, warn: Callable[[str], None]) -> Mapping[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in root.glob("caches/*/*.json"):
        entry = read_entry(path, warn)
        if entry is None:
            path.unlink(missing_ok=True)  # it would be warned of again and again
        else:
            found[entry.digest].append(path)
    return found


def _runs_by_blob(root: Path) -> Mapping[str, set[Path]]:
    found: dict[str, set[Path]] = defaultdict(set)
    for path in root.glob("runs/*/*/*.json"):
        found[path.stem.rpartition("-")[2]].add(path.parent.parent)
    return found


def _held(runs: Mapping[str, set[Path]], keep_run: str) -> set[str]:
    """Return the blobs that runs which go on may still want."""
    held = set()
    for run in set().union(*runs.values()):
        with try_lock(run / "held") as free:
            if not free or run.name == keep_run:
                held.add(run)
    return {digest for digest, having in runs.items() if having & held}
