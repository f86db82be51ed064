"""What ``checkout`` puts into a job: the working tree as it is, and a repository to go with it.

Made once a run, so that all jobs see the same files whatever is edited meanwhile. Tracked files and
untracked ones that are not ignored are taken, with what is changed in them; or what is committed.
The repository is a local clone, so that worktrees and submodules, whose ``.git`` is a file that points
elsewhere, work as well.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InvalidInput, WorkFailed, excerpt
from pipeline.process import ProcessRunner, run_process
from pipeline.runner.archive import open_archive, pack_paths, write_archive

__all__ = ["Snapshot", "make_snapshot"]

_GIT_TIMEOUT_S = 600
_LOCATIONS = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_WORK_TREE",
    }
)
"""What git sets for hooks: there it would take the clone for the repository that the hook is of."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An archive of the files, and their names; ``repository`` holds a ``.git``, or is None."""

    files: Path
    names: tuple[str, ...]
    repository: Path | None

    def archives(self) -> Iterator[Iterator[bytes]]:
        """Yield tars to be unpacked into the working directory, one after the other."""
        yield open_archive(self.files)
        if self.repository is not None:
            yield pack_paths(self.repository, [".git"])


def make_snapshot(
    root: Path, scratch: Path, *, committed: bool = False, process: ProcessRunner = run_process
) -> Snapshot:
    """Take a snapshot of a checkout.

    Args:
        root: the repository's folder, or any folder.
        scratch: an empty folder for the snapshot's own files.
        committed: whether to take the last commit instead of the files as they are.
        process: runs git.

    Raises:
        InvalidInput: ``committed`` outside of a repository.
        WorkFailed: git fails, or a file cannot be read.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _LOCATIONS}

    def git(*words: str) -> bytes:
        done = process(["git", *words], env=environment, timeout_s=_GIT_TIMEOUT_S)
        if done.exit_code:
            raise WorkFailed(f"git {words[0]} failed: {excerpt(done.error_text)}")
        return done.stdout

    if not (root / ".git").exists():
        if committed:
            raise InvalidInput(f"{root} is not a git repository: it has nothing committed")
        return _packed(root, _files_below(root), scratch, None)
    clone = scratch / "repository"
    url = process(
        ["git", "-C", os.fspath(root), "config", "--get", "remote.origin.url"], env=environment
    ).text
    checkout = [] if committed else ["--no-checkout"]
    # Dissociated, since a job in a container has no way to objects that are borrowed from elsewhere.
    git("clone", "--quiet", "--local", "--dissociate", *checkout, os.fspath(root), os.fspath(clone))
    if url.strip():
        git("-C", os.fspath(clone), "remote", "set-url", "origin", url.strip())
    if committed:
        names = git("-C", os.fspath(clone), "ls-files", "-z")
        return _packed(clone, _listed(names, clone), scratch, clone)
    git("-C", os.fspath(clone), "reset", "--quiet")
    names = git(
        "-C", os.fspath(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"
    )
    return _packed(root, _listed(names, root), scratch, clone)


def _packed(folder: Path, names: Iterable[str], scratch: Path, clone: Path | None) -> Snapshot:
    ordered = tuple(sorted(names))
    files = scratch / "files.tar.zst"
    write_archive(pack_paths(folder, ordered), files)
    return Snapshot(files, ordered, clone)


def _listed(output: bytes, folder: Path) -> set[str]:
    """Return git's list without what was deleted from the working tree."""
    names = {os.fsdecode(name).rstrip("/") for name in output.split(b"\0") if name}
    return {name for name in names if os.path.lexists(folder / name)}


def _files_below(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != ".orbyard"]
        for name in (*files, *(n for n in folders if (Path(folder) / n).is_symlink())):
            yield os.path.relpath(Path(folder) / name, root)
