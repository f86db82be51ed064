"""What ``ci.cache.ls`` and ``ci.cache.stats`` print."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pipeline.checkout_values import CheckoutValues
from pipeline.ci_options import ci_settings, json_text, project_folder
from pipeline.errors import InvalidInput
from pipeline.runner.store import Store
from pipeline.sizes import format_size
from pipeline.store_opening import bucket_address, open_store, project_name, store_folder

if TYPE_CHECKING:
    from pipeline.command import Run
    from pipeline.runner.shared_store import SharedStore

__all__ = ["format_age", "own_project", "printable", "shared_part", "show_caches", "show_stats"]


@dataclass(frozen=True, slots=True)
class Row:
    """A cache as it is listed; ``created_by`` is not known of one that is in the bucket only."""

    project: str
    key: str
    stored_bytes: int
    created_at: float
    created_by: str | None
    where: str

    def record(self) -> dict[str, Any]:
        """Return what is printed as JSON."""
        return {
            "project": self.project,
            "key": self.key,
            "size_bytes": self.stored_bytes,
            "created_at": datetime.fromtimestamp(self.created_at, UTC).isoformat(
                timespec="seconds"
            ),
            "created_by": self.created_by,
            "where": self.where,
        }


def own_project(run: Run) -> str:
    """Return the name of this project's caches, the one that ``ci.run`` uses."""
    root = project_folder(run)
    return project_name(CheckoutValues(root), root)


def shared_part(store: Store) -> SharedStore:
    """Return the store as one with a bucket.

    Raises:
        InvalidInput: it has none.
    """
    from pipeline.runner.shared_store import SharedStore

    if not isinstance(store, SharedStore):
        raise InvalidInput(
            "there is no shared bucket: --bucket does not fit",
            hint="ci.store in orbyard.yml names one, as s3://bucket/prefix",
        )
    return store


def show_caches(run: Run, *, all_projects: bool, bucket: bool, json: bool) -> None:
    """Print the caches, the newest first.

    Raises:
        InvalidInput: a bucket is asked for and there is none, or for all projects.
    """
    if all_projects and bucket:
        raise InvalidInput("--all and --bucket do not go together: a bucket is listed by project")
    store, project = open_store(run), own_project(run)
    rows = [
        Row(cache.project, cache.key, cache.stored_bytes, cache.created_at, cache.created_by, "")
        for cache in store.caches(None if all_projects else project)
    ]
    if bucket:
        rows = _with_bucket(rows, shared_part(store), project)
    rows.sort(key=lambda row: row.created_at, reverse=True)
    if json:
        run.console.result(json_text([row.record() for row in rows]))
    elif rows:
        _print_table(run, rows, all_projects=all_projects, bucket=bucket)
    else:
        whose = "any project" if all_projects else project
        run.console.info(f"no cache of {whose} in {store_folder(run, ci_settings(run))}")


def _with_bucket(rows: Iterable[Row], store: SharedStore, project: str) -> list[Row]:
    shared = {cache.key: cache for cache in store.shared_caches(project)}
    merged = [
        Row(
            row.project,
            row.key,
            row.stored_bytes,
            row.created_at,
            row.created_by,
            "here, bucket" if shared.pop(row.key, None) else "here",
        )
        for row in rows
    ]
    merged += [
        Row(project, cache.key, cache.stored_bytes, cache.created_at, None, "bucket")
        for cache in shared.values()
    ]
    return merged


def _print_table(run: Run, rows: Sequence[Row], *, all_projects: bool, bucket: bool) -> None:
    now = time.time()
    heading, cells = ["key", "size", "age", "saved by"], []
    for row in rows:
        cell = [
            printable(row.key),
            format_size(row.stored_bytes),
            format_age(now - row.created_at),
            printable(row.created_by or "-"),
        ]
        cells.append(cell + ([row.where] if bucket else []))
    if bucket:
        heading.append("where")
    if all_projects:
        heading.insert(0, "project")
        for row, cell in zip(rows, cells, strict=True):
            cell.insert(0, printable(row.project))
    run.console.table(cells, heading=heading)


def show_stats(run: Run, *, json: bool) -> None:
    """Print how much there is, how much there may be, and where."""
    settings, store = ci_settings(run), open_store(run)
    stats, folder, address = store.stats(), store_folder(run, settings), bucket_address(settings)
    own = store.caches(own_project(run))
    workspaces = [workspace for workspace in store.workspaces() if workspace.layers]
    if json:
        record = {
            "folder": str(folder),
            "bucket": str(address) if address else None,
            "stored_bytes": stats.stored_bytes,
            "size_limit_bytes": stats.size_limit_bytes,
            "archives": stats.blobs,
            "caches": stats.caches,
            "caches_of_project": len(own),
            "workspaces": len(workspaces),
            "layers": stats.layers,
        }
        run.console.result(json_text(record))
        return
    share = stats.stored_bytes / stats.size_limit_bytes if stats.size_limit_bytes else 1.0
    used = (
        f"{format_size(stats.stored_bytes)} of {format_size(stats.size_limit_bytes)} ({share:.0%})"
    )
    rows = [
        ["folder", str(folder)],
        ["bucket", str(address) if address else "none"],
        ["used", used],
        ["caches", f"{stats.caches}, {len(own)} of this project"],
        ["workspaces", f"{len(workspaces)}, with {stats.layers} layers"],
    ]
    run.console.table(rows)


def format_age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit: ``5m``, ``3h``, ``12d``."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def printable(text: str) -> str:
    """Return a text in which nothing moves the cursor: a key can be made of anything."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
