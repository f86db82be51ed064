"""The repository that goes with a snapshot's files: a clone with the branches of the user's own origin."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import WorkFailed, excerpt
from pipeline.process import ProcessRunner

__all__ = ["Git", "bring_branches", "clone_repository", "commit_changes", "origin_branches"]

_TIMEOUT_S = 600
_ORIGIN = "refs/remotes/origin/"
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
class Git:
    """Runs git, wherever it is called from."""

    process: ProcessRunner

    def __call__(
        self,
        folder: Path,
        *words: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """Run it in a folder and return its output.

        Raises:
            WorkFailed: it fails.
        """
        done = self.process(
            ["git", "-C", os.fspath(folder), *words],
            env=self._environment() | dict(environment or {}),
            stdin=stdin,
            timeout_s=_TIMEOUT_S,
        )
        if done.exit_code:
            command = next((word for word in words if word[0] not in "-/"), "")
            raise WorkFailed(f"git {command} failed: {excerpt(done.error_text)}")
        return done.stdout

    def ask(self, folder: Path, *words: str) -> str:
        """Run it and return its output in a line; "" where it fails."""
        argv = ["git", "-C", os.fspath(folder), *words]
        done = self.process(argv, env=self._environment(), timeout_s=_TIMEOUT_S)
        return "" if done.exit_code else done.text.strip()

    def _environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if name not in _LOCATIONS}


def clone_repository(git: Git, root: Path, clone: Path, *, committed: bool) -> None:
    """Clone a repository into a new folder, with what is committed as files or with none."""
    checkout = [] if committed else ["--no-checkout"]
    # Dissociated, since a job in a container has no way to objects that are borrowed from elsewhere.
    # Without --local git makes hard links as well, and copies where the clone is on another file system.
    git(
        root, "clone", "--quiet", "--dissociate", *checkout, os.fspath(root.absolute()),
        os.fspath(clone.absolute()),
    )  # fmt: skip
    if url := git.ask(root, "config", "--get", "remote.origin.url"):
        git(clone, "remote", "set-url", "origin", url)
    if not committed:
        git(clone, "reset", "--quiet")


def bring_branches(git: Git, root: Path, clone: Path) -> None:
    """Give the clone the branches of the origin that the user's clone knows.

    To the clone, the origin's branches are the user's local ones. Those that the user's origin has as
    well are replaced by it, but for the one that is checked out: it counts as pushed.
    """
    form = "--format=%(objectname) %(refname) %(symref)"
    listed = git.ask(root, "for-each-ref", form, _ORIGIN)
    if not listed:
        return
    current = git.ask(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    updates, default = [], ""
    for line in listed.splitlines():
        revision, ref, *symbolic = line.split()
        if symbolic:
            default = symbolic[0] if ref == f"{_ORIGIN}HEAD" else default
        elif ref != f"{_ORIGIN}{current}":
            updates.append(f"update {ref} {revision}\n")
    try:
        git(clone, "update-ref", "--stdin", stdin="".join(updates).encode())
    except (
        WorkFailed
    ):  # The clone has not all objects: git leaves some out in shallow and borrowing ones.
        _fetch_branches(git, root, clone, current)
    if default:
        git(clone, "symbolic-ref", f"{_ORIGIN}HEAD", default)


def _fetch_branches(git: Git, root: Path, clone: Path, current: str) -> None:
    left_out = ["HEAD", current] if current else ["HEAD"]
    git(
        clone, "-c", "gc.auto=0", "fetch", "--quiet", "--no-tags", "--update-shallow",
        "--no-write-fetch-head", "--no-recurse-submodules", os.fspath(root.absolute()),
        f"+{_ORIGIN}*:{_ORIGIN}*", *(f"^{_ORIGIN}{name}" for name in left_out),
    )  # fmt: skip


def origin_branches(git: Git, clone: Path) -> tuple[str, ...]:
    """Return the names of the branches of the origin."""
    listed = git.ask(clone, "for-each-ref", "--format=%(refname)", _ORIGIN)
    names = (ref.removeprefix(_ORIGIN) for ref in listed.splitlines())
    return tuple(name for name in names if name != "HEAD")


def commit_changes(git: Git, root: Path, clone: Path) -> str:
    """Commit in the clone what is not committed in the repository, and return the revision.

    It counts as pushed: the branch of the origin has it as well. The same changes always make the same
    commit.
    """
    head = git.ask(clone, "rev-parse", "--verify", "--quiet", "HEAD")
    if not head:
        return ""
    changed = git(root, "diff", "--name-only", "--no-renames", "-z", "HEAD")
    new = git(root, "ls-files", "-z", "--others", "--exclude-standard")
    names = [name for name in (changed + new).split(b"\0") if name and not name.endswith(b"/")]
    if not names:
        return head
    repository = ["--git-dir", os.fspath(clone.absolute() / ".git"), "--work-tree", "."]
    git(
        root, *repository, "update-index", "--add", "--remove", "--replace", "-z", "--stdin",
        stdin=b"\0".join(names) + b"\0",
    )  # fmt: skip
    tree = git(clone, "write-tree").decode().strip()
    date = git.ask(clone, "show", "--no-patch", "--format=%cI", "HEAD")
    made = git(
        clone, "commit-tree", "--no-gpg-sign", "-p", head, "-m", "Changes that are not committed",
        tree, environment=_identity(date),
    )  # fmt: skip
    revision = made.decode().strip()
    git(clone, "update-ref", "HEAD", revision)
    if branch := git.ask(clone, "symbolic-ref", "--quiet", "--short", "HEAD"):
        git(clone, "update-ref", f"{_ORIGIN}{branch}", revision)
    return revision


def _identity(date: str) -> dict[str, str]:
    return {
        f"GIT_{role}_{name}": value
        for role in ("AUTHOR", "COMMITTER")
        for name, value in {"NAME": "Orbyard", "EMAIL": "orbyard@localhost", "DATE": date}.items()
    }
