"""What ``checkout`` puts into a job: the working tree as it is, and a repository to go with it.

Made once a run, so that all jobs see the same files whatever is edited meanwhile. Tracked files and
untracked ones that are not ignored are taken, with what is changed in them; or what is committed.
The repository is a local clone, so that worktrees and submodules, whose ``.git`` is a file that points
elsewhere, work as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.errors import InvalidInput
from pipeline.process import ProcessRunner, run_process
from pipeline.runner.archive import open_archive, pack_paths, write_archive
from pipeline.runner.snapshot_repository import (
    Git,
    bring_branches,
    clone_repository,
    commit_changes,
    origin_branches,
)
from pipeline.runner.tar_members import END_OF_TAR

__all__ = ["Snapshot", "make_snapshot"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files of a checkout.

    Attributes:
        files: an archive of them, without the end mark of a tar.
        names: their names.
        repository: the folder that holds a ``.git``, or None.
        revision: the commit that was made of changes, or "".
        outward_links: an archive of the symbolic links that lead out of the checkout, or None.
        branches: those of the origin, where changes were to be committed: for what compares with them.
    """

    files: Path
    names: tuple[str, ...]
    repository: Path | None
    revision: str = ""
    branches: tuple[str, ...] = ()
    outward_links: Path | None = None

    def archive(self) -> Iterator[bytes]:
        """Yield the tar to be unpacked into the working directory."""
        yield from open_archive(self.files)
        if self.repository is None:
            yield END_OF_TAR
        else:
            yield from pack_paths(self.repository, [".git"])


def make_snapshot(
    root: Path,
    scratch: Path,
    *,
    committed: bool = False,
    commits_changes: bool = False,
    process: ProcessRunner = run_process,
) -> Snapshot:
    """Take a snapshot of a checkout.

    Args:
        root: the repository's folder, or any folder.
        scratch: an empty folder for the snapshot's own files.
        committed: whether to take the last commit instead of the files as they are.
        commits_changes: whether the repository has what is not committed as a commit on top. That is for
            setup jobs, which compare commits and check out others, where git refuses to lose changes.
        process: runs git.

    Raises:
        InvalidInput: ``committed`` outside of a repository.
        WorkFailed: git fails, or a file cannot be read.
    """
    if not (root / ".git").exists():
        if committed:
            raise InvalidInput(f"{root} is not a git repository: it has nothing committed")
        return _packed(root, _files_below(root), scratch, None)
    clone = scratch / "repository"
    git = Git(process)
    clone_repository(git, root, clone, committed=committed)
    bring_branches(git, root, clone)
    source = clone if committed else root
    others = [] if committed else ["--others", "--exclude-standard"]

    def listed(folder: Path) -> bytes:
        return git(folder, "ls-files", "-z", "--cached", *others)

    taken = _packed(source, _with_nested(source, listed), scratch, clone)
    if not commits_changes:
        return taken
    revision = "" if committed else commit_changes(git, root, clone)
    return replace(taken, revision=revision, branches=origin_branches(git, clone))


def _packed(folder: Path, names: Iterable[str], scratch: Path, clone: Path | None) -> Snapshot:
    found = sorted(names)
    links = {name for name in found if (folder / name).is_symlink()}
    ordered = tuple(name for name in found if links.isdisjoint(_folders_of(name)))
    outward = {name for name in links.intersection(ordered) if _leads_out(folder, name)}
    files = scratch / "files.tar.zst"
    inward = [name for name in ordered if name not in outward]
    write_archive(pack_paths(folder, inward, with_parents=True, end=False), files)
    if not outward:
        return Snapshot(files, ordered, clone)
    apart = scratch / "links.tar.zst"
    write_archive(pack_paths(folder, sorted(outward), with_parents=True), apart)
    return Snapshot(files, ordered, clone, outward_links=apart)


def _folders_of(name: str) -> Iterator[str]:
    """Yield the folders that a file is in. Git lists what it knew of one that a link has replaced."""
    while name := name.rpartition("/")[0]:
        yield name


def _leads_out(folder: Path, link: str) -> bool:
    """Return whether a link leads out of the checkout: Docker takes it only in a way of its own."""
    target = os.path.normpath(os.path.join(os.path.dirname(link), os.readlink(folder / link)))
    return not target.startswith("/") and target.split("/")[0] == ".."


def _listed(output: bytes, folder: Path) -> set[str]:
    """Return git's list without what was deleted from the working tree."""
    names = {os.fsdecode(name).rstrip("/") for name in output.split(b"\0") if name}
    return {name for name in names if os.path.lexists(folder / name)}


def _with_nested(folder: Path, listed: Callable[[Path], bytes]) -> Iterator[str]:
    """Yield the files of a repository and of those inside of it: git lists such a one as a folder.

    Their ``.git`` stays behind. That of a submodule points to where nothing is in a job, and git then
    refuses to work; without it, it takes the submodule for one that is not checked out.
    """
    for name in _listed(listed(folder), folder):
        inner = folder / name
        if os.path.lexists(inner / ".git") and not inner.is_symlink():
            yield from (f"{name}/{file}" for file in _with_nested(inner, listed))
        else:
            yield name


def _files_below(root: Path) -> Iterator[str]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name != ".orbyard"]
        for name in (*files, *(n for n in folders if (Path(folder) / n).is_symlink())):
            yield os.path.relpath(Path(folder) / name, root)
