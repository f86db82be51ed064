"""The pipeline values of a checkout: branch, revision, repository, the commit's words.

Read from git when the first of them is asked for, since most configurations ask for none.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import Unavailable
from pipeline.process import ProcessRunner, run_process

__all__ = ["CheckoutValues"]

_NAMES = tuple(
    f"pipeline.{name}"
    for name in [
        "git.branch",
        "git.revision",
        "git.base_revision",
        "git.repo_name",
        "git.repo_owner",
        "git.repo_url",
        "git.commit.subject",
        "git.commit.body",
        "git.commit.author_login",
        "project.git_url",
        "project.slug",
        "project.type",
        "trigger_parameters.git.checkout_sha",
        "trigger_parameters.git.branch",
        "trigger_parameters.git.repo_name",
        "trigger_parameters.git.repo_owner",
        "trigger_parameters.git.repo_url",
        "trigger_parameters.git.ref",
        "config.ref",
        "config.sha",
    ]
)
_FORMAT = "%H%x00%P%x00%s%x00%b%x00%an"
_REMOTE = re.compile(
    r"(?:https?|ssh|git)://(?:[^/@]+@)?([^/:]+)(?::\d+)?/(.+?)/([^/]+?)(?:\.git)?/?\Z"
)
_SCP = re.compile(r"(?:[^/@]+@)?([^/:]+):(.+?)/([^/]+?)(?:\.git)?/?\Z")
_TYPES = {"github.com": "github", "gitlab.com": "gitlab", "bitbucket.org": "bitbucket"}


class CheckoutValues(Mapping[str, Any]):
    """Pipeline values that were given, and what git knows of a folder.

    Args:
        root: the repository's folder; outside of a repository git knows nothing.
        given: values that win.
        process: runs git.
    """

    def __init__(
        self,
        root: Path,
        given: Mapping[str, Any] | None = None,
        *,
        process: ProcessRunner = run_process,
    ) -> None:
        self._root = root
        self._given = dict(given or {})
        self._process = process
        self._read: dict[str, Any] | None = None

    def besides(self, values: Mapping[str, Any]) -> CheckoutValues:
        """Return the same with more given values, which win over git's and not over those before."""
        return CheckoutValues(self._root, {**values, **self._given}, process=self._process)

    def __getitem__(self, name: str) -> Any:
        if name in self._given:
            return self._given[name]
        if name not in _NAMES:
            raise KeyError(name)
        return self._from_git()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._given or (name in _NAMES and name in self._from_git())

    def __iter__(self) -> Iterator[str]:
        return iter({**self._from_git(), **self._given})

    def __len__(self) -> int:
        return len({**self._from_git(), **self._given})

    def _git(self, *words: str) -> str:
        try:
            done = self._process(["git", "-C", os.fspath(self._root), *words], timeout_s=30)
        except Unavailable:
            return ""
        return done.text.strip() if done.exit_code == 0 else ""

    def _from_git(self) -> dict[str, Any]:
        if self._read is None:
            self._read = self._ask_git()
        return self._read

    def _ask_git(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        commit = self._git("log", "-1", f"--format={_FORMAT}")
        if commit:
            revision, parents, subject, body, author = commit.split("\0")
            values |= {
                "git.revision": revision,
                "git.base_revision": parents.partition(" ")[0] or None,
                "git.commit.subject": subject,
                "git.commit.body": body.strip(),
                "git.commit.author_login": author,
                "config.sha": revision,
                "trigger_parameters.git.checkout_sha": revision,
            }
        branch = self._git("symbolic-ref", "--short", "-q", "HEAD")
        if branch:
            values |= {
                "git.branch": branch,
                "config.ref": f"refs/heads/{branch}",
                "trigger_parameters.git.branch": branch,
                "trigger_parameters.git.ref": f"refs/heads/{branch}",
            }
        values |= _remote_values(self._git("config", "--get", "remote.origin.url"))
        return {f"pipeline.{name}": value for name, value in values.items() if value is not None}


def _remote_values(url: str) -> dict[str, str]:
    found = _REMOTE.match(url) or _SCP.match(url)
    if not found:
        return {}
    host, owner, name = found.groups()
    kind = _TYPES.get(host, "github")
    slug = {"github": "gh", "bitbucket": "bb"}.get(kind, kind)
    web = f"https://{host}/{owner}/{name}"
    return {
        "git.repo_owner": owner,
        "git.repo_name": name,
        "git.repo_url": web,
        "project.git_url": web,
        "project.type": kind,
        "project.slug": f"{slug}/{owner}/{name}",
        "trigger_parameters.git.repo_owner": owner,
        "trigger_parameters.git.repo_name": name,
        "trigger_parameters.git.repo_url": web,
    }
