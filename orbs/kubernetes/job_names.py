"""A Job of its own for each run: its name, its labels, which earlier ones go."""

from __future__ import annotations

import copy
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from orbs.kubernetes.names import JOB_LABEL, MANAGED_BY_LABEL, MANAGER, REVISION_LABEL
from orbs.kubernetes.verdict.fields import name_of, text

__all__ = ["job_for_run", "outdated_jobs", "run_name"]

_NAME_LIMIT = 57
"""Characters: a Pod's name is the Job's with six more, and both are labels of at most 63."""
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""That of the API server's own generated names: no vowels, so no words."""


def run_name(base: str, revision: str, *, token: Callable[[], str] | None = None) -> str:
    """Return ``<base>-<revision>-<five random letters>``, at most 57 characters, a DNS label.

    What does not fit is cut from the base; the revision says where the Job comes from.
    """
    tail = (token or _token)()
    short = _label(revision)[:18].strip("-")
    room = _NAME_LIMIT - len(tail) - len(short) - 2
    parts = [_label(base)[:room].strip("-"), short, tail]
    return "-".join(part for part in parts if part)


def _token() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


def _label(word: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", word.lower()).strip("-")


def job_for_run(manifest: dict[str, Any], name: str, revision: str) -> dict[str, Any]:
    """Return the Job to create: the manifest under another name, with labels to find it by."""
    job = copy.deepcopy(manifest)
    base = name_of(manifest)
    labels = {
        JOB_LABEL: base,
        REVISION_LABEL: re.sub(r"[^A-Za-z0-9_.-]+", "-", revision)[:63].strip("-_."),
    }
    job["metadata"]["name"] = name
    job["metadata"].setdefault("labels", {}).update({MANAGED_BY_LABEL: MANAGER, **labels})
    template = job.setdefault("spec", {}).setdefault("template", {})
    template.setdefault("metadata", {}).setdefault("labels", {}).update(labels)
    return job


def outdated_jobs(finished: Sequence[dict[str, Any]], keep: int) -> list[dict[str, Any]]:
    """Return the finished Jobs that are one too many, all but the newest ``keep``."""
    newest_first = sorted(
        finished, key=lambda job: text(job, "metadata", "creationTimestamp"), reverse=True
    )
    return newest_first[max(keep, 0) :]
