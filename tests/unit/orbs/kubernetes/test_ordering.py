"""In which order things are applied."""

from __future__ import annotations

import pytest

from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.ordering import is_migration, phases
from tests.unit.orbs.kubernetes.projects import manifest


def of_kind(kind: str, name: str = "x", api: str = "v1", **annotations: str) -> RenderedManifest:
    marks = ", ".join(f'"{key}": "{value}"' for key, value in annotations.items())
    return manifest(
        f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}, annotations: {{{marks}}}}}\n"
    )


def job(name: str, **annotations: str) -> RenderedManifest:
    return of_kind("Job", name, "batch/v1", **annotations)


def test_what_others_need_comes_first_and_workloads_last() -> None:
    kinds = [
        "HorizontalPodAutoscaler",
        "Deployment",
        "Ingress",
        "Service",
        "CronJob",
        "Widget",
        "PersistentVolumeClaim",
        "Secret",
        "ConfigMap",
        "RoleBinding",
        "ServiceAccount",
        "Namespace",
    ]
    found = phases([*(of_kind(kind) for kind in kinds), job("dbmigration")])
    assert [item.kind for item in found.before] == [
        "Namespace",
        "ServiceAccount",
        "RoleBinding",
        "ConfigMap",
        "Secret",
        "PersistentVolumeClaim",
        "Service",
        "Ingress",
        "Widget",
    ]
    assert [item.kind for item in found.migrations] == ["Job"]
    assert [item.kind for item in found.workloads] == [
        "Deployment",
        "CronJob",
        "HorizontalPodAutoscaler",
    ]
    assert len(found.all) == 13


def test_equal_kinds_keep_their_order() -> None:
    found = phases([of_kind("ConfigMap", name) for name in ("b", "a", "c")])
    assert [item.name for item in found.before] == ["b", "a", "c"]


def test_migrations_run_before_other_jobs() -> None:
    found = phases([job("assets"), job("dbmigration"), job("seed")])
    assert [item.name for item in found.migrations] == ["dbmigration", "assets", "seed"]


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (job("dbmigration"), True),
        (job("db-MIGRATE".lower()), True),
        (job("schema"), False),
        (job("schema", **{"orbyard.dev/migration": "true"}), True),
        (job("migration-report", **{"orbyard.dev/migration": "false"}), False),
        (of_kind("CronJob", "migrate", "batch/v1"), False),
        (of_kind("Job", "migrate", "example.com/v1"), False),
    ],
)
def test_a_migration_is_known_by_its_name_or_its_annotation(
    manifest: RenderedManifest, expected: bool
) -> None:
    assert is_migration(manifest) is expected
