"""What git says of a checkout's files: which it knows, which are staged, ignored, or hold a text."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import Unavailable, excerpt
from pipeline.process import ProcessRunner, run_process

__all__ = ["Checkout", "Git", "read_checkout"]

_TIMEOUT_S = 120.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """The files of a project that git does not ignore, as paths from the project's root.

    Attributes:
        tracked: those in the index, so committed or staged.
        staged: those whose staged content differs from the last commit.
        untracked: those that git neither knows nor ignores; ``git add .`` would take them.
        edited: those whose content on disk is not the staged one.
    """

    tracked: frozenset[str]
    staged: frozenset[str]
    untracked: frozenset[str]
    edited: frozenset[str]


class Git:
    """git in one project's folder.

    Args:
        root: the project's folder, anywhere in a checkout.
        process: what runs programs.
    """

    def __init__(self, root: Path, *, process: ProcessRunner = run_process) -> None:
        self._root = root
        self._process = process

    def names(
        self, *words: str, stdin: bytes | None = None, may_be_empty: bool = False
    ) -> list[str]:
        """Run a git command that prints names ended by NUL; ``may_be_empty`` lets exit code 1 pass."""
        return [
            os.fsdecode(name) for name in self._run(words, stdin, may_be_empty).split(b"\0") if name
        ]

    def staged_text(self, name: str) -> str:
        """Return the staged content of a file."""
        return self._run(("cat-file", "blob", f":./{name}"), None, False).decode("utf-8", "replace")

    def ignored(self, names: Iterable[str]) -> set[str]:
        """Return those of the names that git ignores; the files need not be there."""
        listed = b"\0".join(os.fsencode(name) for name in names)
        words = ("check-ignore", "-z", "--stdin", "--no-index")
        return set(self.names(*words, stdin=listed, may_be_empty=True))

    def holding(self, pattern: str) -> tuple[Collection[str], Collection[str]]:
        """Return the text files, on disk and staged, that hold a match of an extended regex."""
        words = ("grep", "-z", "-l", "-I", "-i", "-E", "-e", pattern)
        on_disk = self.names(*words[:1], "--untracked", *words[1:], "--", ".", may_be_empty=True)
        staged = self.names(*words[:1], "--cached", *words[1:], "--", ".", may_be_empty=True)
        return on_disk, staged

    def _run(self, words: Sequence[str], stdin: bytes | None, may_be_empty: bool) -> bytes:
        argv = ["git", "-C", os.fspath(self._root), *words]
        done = self._process(argv, stdin=stdin, timeout_s=_TIMEOUT_S)
        if done.exit_code == 0 or (may_be_empty and done.exit_code == 1):
            return done.stdout
        raise Unavailable(
            f"git {words[0]} failed: {excerpt(done.error_text)}",
            hint="the check asks git which files it knows and ignores; run it in a checkout",
        )


def read_checkout(git: Git) -> Checkout:
    """Ask git which files it knows.

    Raises:
        Unavailable: git is missing, or this is no checkout.
    """
    return Checkout(
        tracked=frozenset(git.names("ls-files", "-z", "--cached")),
        staged=frozenset(git.names("diff", "--cached", "--name-only", "--relative", "-z")),
        untracked=frozenset(git.names("ls-files", "-z", "--others", "--exclude-standard")),
        edited=frozenset(git.names("diff", "--name-only", "--relative", "-z")),
    )
