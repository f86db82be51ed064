"""``secrets.check``: nothing secret stands in plain text where git could take it.

====================  ====================================================================================
rule                  what it finds
====================  ====================================================================================
plain text            a file of the secret folders that is not ``*.enc`` and is committed, staged or not
                      ignored
ignore rules          a secret folder where git would take plain text, or would not take ``*.enc``
encrypted files       a ``*.enc`` file of these folders that is not encrypted, has conflict markers, lacks
                      its MAC or its keys, or has readable values in a Secret
elsewhere             a Secret or kubeconfig with values, or an age key, in any other file
====================  ====================================================================================

Other ``*.enc`` files are not sops' (Rails' ``credentials.yml.enc``) and are left alone. Where the staged
content of a file differs from what is on disk, both are looked at.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orbs.sops.findings import (
    SUSPECT,
    age_key_problems,
    encrypted_file_problems,
    plain_text_problems,
)
from orbs.sops.git import Checkout, Git, read_checkout
from orbs.sops.rotate import expand_folders
from pipeline.errors import InvalidInput, Location, Problem

__all__ = ["CheckResult", "check_project"]

_HARMLESS = ("README*", "*.md", ".git*", ".keep", ".sops.yaml")
"""Files of the secret folders that explain them, or keep them in git."""
_YAML_SUFFIXES = frozenset({"", ".conf", ".enc", ".json", ".kubeconfig", ".yaml", ".yml"})
_IGNORE_HINT = "put these lines into .gitignore: `/{folder}/*` and `!/{folder}/*.enc`"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What the check saw.

    Attributes:
        problems: what is wrong, by file and line.
        encrypted: how many encrypted files it looked at.
        files: how many files git knows or would take.
        unreadable: files that look like YAML with a Secret and are none, such as templates.
    """

    problems: tuple[Problem, ...]
    encrypted: int
    files: int
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Text:
    """A content of a file; ``staged`` where it is not the one on disk."""

    name: str
    text: str
    staged: bool = False


def check_project(
    root: Path, folders: Iterable[str], allow: Iterable[str] = (), *, git: Git | None = None
) -> CheckResult:
    """Look through a project.

    Args:
        root: its folder.
        folders: where secrets and kubeconfigs stand, from the root.
        allow: globs of files that may hold plain text.
        git: how git is asked.

    Raises:
        Unavailable: git is missing, or the project is no checkout.
    """
    git = git or Git(root)
    folders = expand_folders(root, folders)
    allow = tuple(allow)
    checkout = read_checkout(git)
    known = sorted(checkout.tracked | checkout.untracked)
    problems = [
        *_plain_files(checkout, folders, allow),
        *_ignore_rules(git, [folder for folder in folders if (root / folder).is_dir()]),
    ]
    encrypted = [name for name in known if name.endswith(".enc") and _inside(name, folders)]
    for content in _contents(git, root, checkout, encrypted):
        problems += _marked(content, encrypted_file_problems(content.text, content.name))
    unreadable: list[str] = []
    for content in _suspects(git, root, checkout, folders, allow):
        problems += _marked(content, _plain_problems(content, unreadable))
    unique = {str(problem): problem for problem in problems}
    ordered = sorted(unique.values(), key=_place)
    return CheckResult(tuple(ordered), len(encrypted), len(known), tuple(dict.fromkeys(unreadable)))


def _place(problem: Problem) -> tuple[str, int]:
    return (problem.where.file, problem.where.line) if problem.where else ("", 0)


def _inside(name: str, folders: Iterable[str]) -> bool:
    return any(name.startswith(f"{folder}/") for folder in folders)


def _allowed(name: str, allow: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in allow)


def _plain_files(
    checkout: Checkout, folders: list[str], allow: tuple[str, ...]
) -> Iterator[Problem]:
    for name in sorted(checkout.tracked | checkout.untracked):
        base = PurePosixPath(name).name
        harmless = any(fnmatch.fnmatchcase(base, pattern) for pattern in _HARMLESS)
        if not _inside(name, folders) or name.endswith(".enc") or harmless or _allowed(name, allow):
            continue
        encrypt = f"encrypt it with `orbyard secrets.encrypt {name}`"
        if name not in checkout.tracked:
            message = "plain text in a folder of secrets, and git does not ignore it"
            hint = f"{encrypt}, and {_IGNORE_HINT.format(folder=name.rpartition('/')[0])}"
        else:
            state = "staged" if name in checkout.staged else "committed"
            message = f"plain text in a folder of secrets is {state}"
            hint = f"{encrypt}, and take it out of git with `git rm --cached {name}`; " + (
                "if it was ever pushed, treat what is in it as known and change it"
            )
        yield Problem(message, Location(name), hint)


def _ignore_rules(git: Git, folders: list[str]) -> Iterator[Problem]:
    plain = {f"{folder}/orbyard-check.yml": folder for folder in folders}
    encrypted = {f"{name}.enc": folder for name, folder in plain.items()}
    ignored = git.ignored([*plain, *encrypted])
    for name, folder in plain.items():
        if name not in ignored:
            yield Problem(
                f"git would take plain text in {folder}/",
                Location(".gitignore"),
                _IGNORE_HINT.format(folder=folder),
            )
    for name, folder in encrypted.items():
        if name in ignored:
            yield Problem(
                f"git ignores encrypted files in {folder}/ too",
                Location(".gitignore"),
                _IGNORE_HINT.format(folder=folder),
            )


def _contents(git: Git, root: Path, checkout: Checkout, names: Iterable[str]) -> Iterator[_Text]:
    for name in names:
        path = root / name
        if path.is_file() and not path.is_symlink():
            yield _Text(name, path.read_bytes().decode("utf-8", "replace"))
        if name in checkout.edited and name in checkout.tracked:
            yield _Text(name, git.staged_text(name), staged=True)


def _suspects(
    git: Git, root: Path, checkout: Checkout, folders: list[str], allow: tuple[str, ...]
) -> Iterator[_Text]:
    on_disk, staged = git.holding(SUSPECT)
    names = sorted({*on_disk, *staged})
    elsewhere = [n for n in names if not _inside(n, folders) and not _allowed(n, allow)]
    return _contents(git, root, checkout, elsewhere)


def _plain_problems(content: _Text, unreadable: list[str]) -> Iterator[Problem]:
    yield from age_key_problems(content.text, content.name)
    if PurePosixPath(content.name).suffix not in _YAML_SUFFIXES:
        return
    try:
        yield from plain_text_problems(content.text, content.name)
    except InvalidInput:
        unreadable.append(content.name)


def _marked(content: _Text, problems: Iterable[Problem]) -> Iterator[Problem]:
    for problem in problems:
        suffix = " (in the staged content)" if content.staged else ""
        yield Problem(problem.message + suffix, problem.where, problem.hint)
