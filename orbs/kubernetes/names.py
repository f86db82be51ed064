"""The labels and annotations that Orbyard writes, and the manager it writes them as."""

from __future__ import annotations

__all__ = [
    "CONFIG_ANNOTATION",
    "DEPLOYED_AT_ANNOTATION",
    "DEPLOYED_BY_ANNOTATION",
    "JOB_LABEL",
    "MANAGED_BY_LABEL",
    "MANAGER",
    "MIGRATION_ANNOTATION",
    "REVISION_ANNOTATION",
    "REVISION_LABEL",
    "RUN_ANNOTATION",
    "WRITTEN_ANNOTATIONS",
]

MANAGER = "orbyard"
"""The value of the managed-by label, and the default field manager."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
"""On every object that Orbyard applies; its value is :data:`MANAGER`."""

REVISION_ANNOTATION = "orbyard.dev/revision"
"""The source revision that an object was deployed from."""

DEPLOYED_BY_ANNOTATION = "orbyard.dev/deployed-by"
"""Who deployed it: ``user@host``, or the CI system's user."""

RUN_ANNOTATION = "orbyard.dev/run"
"""Which run: the CI job's URL, or ``user@host`` and a random id."""

DEPLOYED_AT_ANNOTATION = "orbyard.dev/deployed-at"
"""When, in UTC (``2024-05-01T12:00:00Z``)."""

CONFIG_ANNOTATION = "orbyard.dev/config"
"""On Pod templates: a digest of the ConfigMaps and Secrets they refer to, so that Pods restart when
these change. The annotations above are never put on a Pod template: they would restart the Pods of
every deploy."""

MIGRATION_ANNOTATION = "orbyard.dev/migration"
"""Marks a Job as the migration where its name doesn't say so (``"true"``)."""

JOB_LABEL = "orbyard.dev/job"
"""On a migration Job: the name in its manifest, without the run's suffix."""

REVISION_LABEL = "orbyard.dev/revision"
"""On a migration Job: the revision, short enough for a label."""

WRITTEN_ANNOTATIONS = (
    REVISION_ANNOTATION,
    DEPLOYED_BY_ANNOTATION,
    RUN_ANNOTATION,
    DEPLOYED_AT_ANNOTATION,
)
"""Annotations that differ in every run, and so say nothing about a change."""
