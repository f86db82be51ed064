"""The repository a task works in: its root, and the source revision."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InvalidInput, Unavailable
from pipeline.process import ProcessRunner, run_process

__all__ = ["Revision", "find_root", "read_revision"]

_MARKERS = ("orbyard.yml", "deploy", ".git")


@dataclass(frozen=True, slots=True)
class Revision:
    """What is checked out.

    Attributes:
        commit: full id of the commit, or "" outside of git.
        dirty: whether tracked or untracked files differ from it.
        branch: the branch's name, or "" where none is checked out.
        url: where the repository comes from, without credentials, or "".
        committed_at: seconds since 1970 of the commit, 0 outside of git.
    """

    commit: str = ""
    dirty: bool = False
    branch: str = ""
    url: str = ""
    committed_at: int = 0

    @property
    def label(self) -> str:
        """The commit's first twelve digits, with ``-dirty`` where files differ; ``none`` outside git."""
        short = self.commit[:12] or "none"
        return f"{short}-dirty" if self.dirty else short


def find_root(start: Path) -> Path:
    """Return the nearest folder from ``start`` upward that holds orbyard.yml, deploy/ or .git.

    Where none does, it is the nearest one with .circleci/.

    Raises:
        InvalidInput: there is none.
    """
    folder = start.resolve()
    for markers in (_MARKERS, (".circleci",)):
        for candidate in (folder, *folder.parents):
            if any((candidate / marker).exists() for marker in markers):
                return candidate
    raise InvalidInput(
        f"no project found in {folder} or above it",
        hint="run this inside a repository: one with orbyard.yml, deploy/ or .git",
    )


def read_revision(root: Path, *, process: ProcessRunner = run_process) -> Revision:
    """Return the revision of the checkout; an empty one where git or its repository is missing."""

    def git(*words: str) -> str | None:
        done = process(["git", "-C", os.fspath(root), *words], timeout_s=60)
        return done.text.strip() if done.exit_code == 0 else None

    try:
        commit = git("rev-parse", "HEAD")
    except Unavailable:
        return Revision()
    if not commit:
        return Revision()
    return Revision(
        commit=commit,
        dirty=bool(git("status", "--porcelain", "--untracked-files=normal", "--", ".")),
        branch=git("symbolic-ref", "--short", "-q", "HEAD") or "",
        url=_without_credentials(git("config", "--get", "remote.origin.url") or ""),
        committed_at=int(git("show", "-s", "--format=%ct", "HEAD") or 0),
    )


def _without_credentials(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
