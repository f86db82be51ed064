"""The values that a pipeline has: their names, and what they are on this machine.

Source: CircleCI's list of pipeline values. ``pipeline.number`` is an integer and
``pipeline.git.branch.is_default`` a boolean; the rest are texts. A value that is known and not set is
empty inside of a text, and null where it stands alone.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

__all__ = ["KNOWN_VALUES", "default_values", "is_known_value"]

KNOWN_VALUES = frozenset(
    f"pipeline.{name}"
    for name in [
        "id",
        "number",
        "name",
        "definition.id",
        "integration_source",
        "trigger_source",
        "project.id",
        "project.git_url",
        "project.type",
        "project.slug",
        "organization.id",
        "git.tag",
        "git.branch",
        "git.branch.is_default",
        "git.revision",
        "git.base_revision",
        "git.repo_url",
        "git.repo_owner",
        "git.repo_name",
        "git.repo_id",
        "git.commit.url",
        "git.commit.subject",
        "git.commit.body",
        "git.commit.author_login",
        "git.commit.author_email",
        "config.repository.name",
        "config.repository.url",
        "config.file_path",
        "config.ref",
        "config.sha",
        "trigger.received_at",
        "trigger.id",
        "trigger.type",
        "trigger.name",
        "schedule.name",
        "schedule.id",
        "event.name",
        "event.action",
        "in_setup",
    ]
)
"""Every value with a name of its own."""

_FAMILIES = ("pipeline.event.", "pipeline.trigger_parameters.", "pipeline.deploy.")
"""What follows these is made by whoever triggers the pipeline."""


def is_known_value(name: str) -> bool:
    """Return whether CircleCI has a pipeline value of that name."""
    return name in KNOWN_VALUES or name.startswith(_FAMILIES)


def default_values(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the values of a pipeline on this machine, those that are given first.

    What is not given is what CircleCI's own command line assumes: pipeline number 1, a fixed id,
    triggered by a push. Nothing is asked of ``given`` until a value is needed.
    """
    values = {
        "pipeline.id": "00000000-0000-0000-0000-000000000001",
        "pipeline.number": 1,
        "pipeline.project.type": "github",
        "pipeline.git.branch.is_default": False,
        "pipeline.trigger_source": "webhook",
        "pipeline.trigger.type": "webhook",
        "pipeline.trigger.received_at": "2020-01-01T00:00:00Z",
        "pipeline.event.name": "push",
        "pipeline.config.file_path": ".circleci/config.yml",
    }
    return ChainMap(given, values)  # type: ignore[arg-type]  # only read, so need not be mutable
