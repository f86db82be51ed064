"""What ``ci.cache.rm`` removes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.cache_listing import own_project, printable, shared_part
from pipeline.ci_options import ci_settings, project_folder
from pipeline.errors import InvalidInput, did_you_mean
from pipeline.runner.store import Store
from pipeline.sizes import format_size
from pipeline.store_opening import bucket_address, open_store

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["Removal", "chosen_keys", "remove"]


@dataclass(frozen=True, slots=True)
class Removal:
    """What was asked for; see the task's help."""

    keys: tuple[str, ...] = ()
    by_prefix: bool = False
    all_caches: bool = False
    workspaces: bool = False
    bucket: bool = False


def remove(run: Run, removal: Removal) -> None:
    """Remove what was asked for, and say how much it was.

    Raises:
        InvalidInput: nothing was asked for, or what is not there; nothing was removed.
        BucketError: the bucket cannot be asked.
    """
    _check(removal)
    store = open_store(run)
    before = store.stats().stored_bytes
    said = []
    if removal.keys or removal.all_caches:
        said.append(_remove_caches(run, store, removal))
    if removal.workspaces:
        said.append(_remove_workspaces(run, store))
    freed = max(0, before - store.stats().stored_bytes)
    run.console.success(f"removed {' and '.join(said)}: {format_size(freed)} freed on this machine")


def _check(removal: Removal) -> None:
    if removal.by_prefix and not removal.keys:
        raise InvalidInput("--prefix needs what the keys begin with")
    if not (removal.keys or removal.all_caches or removal.workspaces):
        raise InvalidInput(
            "which caches?",
            hint="give keys, or --all, or --workspaces; `orbyard ci.cache.ls` lists the keys",
        )
    if removal.keys and removal.all_caches:
        raise InvalidInput("keys and --all do not go together: --all removes every cache")
    if "" in removal.keys:
        raise InvalidInput("a key is empty; --all removes every cache")


def _remove_caches(run: Run, store: Store, removal: Removal) -> str:
    project = own_project(run)
    here = {cache.key: cache for cache in store.caches(project)}
    shared = shared_part(store) if removal.bucket else None
    there = {cache.key for cache in shared.shared_caches(project)} if shared else set()
    keys = chosen_keys(removal, here.keys() | there, project)
    if shared:
        shared.remove_shared(project, keys & there)
    store.remove_caches(here[key] for key in keys if key in here)
    address = bucket_address(ci_settings(run))
    if address is not None and not removal.bucket:
        run.console.warning(
            f"what {address} has of them is there still", hint="--bucket removes it there, too"
        )
    return _count(len(keys), "cache")


def chosen_keys(removal: Removal, known: Collection[str], project: str) -> set[str]:
    """Return the keys that are meant, of those that there are.

    Raises:
        InvalidInput: one of them means none.
    """
    if removal.all_caches:
        return set(known)
    chosen: set[str] = set()
    for text in removal.keys:
        found = {
            key for key in known if (key.startswith(text) if removal.by_prefix else key == text)
        }
        if not found:
            begins = any(key.startswith(text) for key in known)
            raise InvalidInput(
                f"no cache of {project} {'begins with' if removal.by_prefix else 'has the key'}"
                f" {printable(text)!r}",
                hint="--prefix removes those that begin so"
                if begins
                else did_you_mean(text, known) or "`orbyard ci.cache.ls` lists them",
            )
        chosen |= found
    return chosen


def _remove_workspaces(run: Run, store: Store) -> str:
    """Remove the workspaces of this project's runs, and those that nobody can take up again."""
    runs = project_folder(run).absolute() / ".orbyard" / "runs"
    chosen = {
        workspace.run: workspace.layers
        for workspace in store.workspaces()
        if workspace.is_orphan or (workspace.folder is not None and workspace.folder.parent == runs)
    }
    gone = store.remove_runs(chosen)
    return _count(sum(chosen[run] > 0 for run in gone), "workspace")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
