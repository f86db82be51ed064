"""The tasks ``ci.cache.*``: what the store of ``ci.run`` holds, and how to get rid of it."""

from __future__ import annotations

from collections.abc import Iterable

from invoke.collection import Collection

from pipeline.command import Run, command

__all__ = ["namespace"]


@command(
    name="ls",
    auto_shortflags=False,
    help={
        "all_": "of all projects, not of this one alone",
        "bucket": "also what is in the shared bucket only",
        "json": "print JSON; sizes are in bytes",
    },
)
def ls(run: Run, all_: bool = False, bucket: bool = False, json: bool = False) -> None:
    """List the caches of this project: key, size, age, and who saved it; the newest first."""
    from pipeline.cache_listing import show_caches

    show_caches(run, all_projects=all_, bucket=bucket, json=json)


@command(
    name="rm",
    auto_shortflags=False,
    variadic="key",
    iterable=["key"],
    help={
        "key": "a cache's key; may be given several times",
        "prefix": "remove all caches whose keys begin so",
        "all_": "remove all caches of this project",
        "workspaces": "remove the workspaces of this project's runs that have ended",
        "bucket": "remove caches from the shared bucket, too",
    },
)
def rm(
    run: Run,
    key: Iterable[str] | None = None,
    prefix: bool = False,
    all_: bool = False,
    workspaces: bool = False,
    bucket: bool = False,
) -> None:
    """Remove caches of this project, or the workspaces of its runs.

    For example:

      orbyard ci.cache.rm --prefix gems-v1-
    """
    from pipeline.cache_removal import Removal, remove

    remove(run, Removal(tuple(key or ()), prefix, all_, workspaces, bucket))


@command(name="stats", auto_shortflags=False, help={"json": "print JSON; sizes are in bytes"})
def stats(run: Run, json: bool = False) -> None:
    """Print how much the store holds, how much it may hold, and where it is."""
    from pipeline.cache_listing import show_stats

    show_stats(run, json=json)


namespace = Collection("cache", ls, rm, stats)
