from __future__ import annotations

from orbs.kubernetes.lint import lint
from orbs.kubernetes.manifest import RenderedManifest
from pipeline.yamlfile import parse_documents

TWO_JOBS = """\
apiVersion: batch/v1
kind: Job
metadata: {name: late, annotations: {orbyard.dev/lint-disable: "resources-missing, latest-tag"}}
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: a, image: hoge}]}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: early}
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: a, image: hoge}]}}
"""


def manifests(text: str, file: str = "deploy/job.yml") -> list[RenderedManifest]:
    return [RenderedManifest(document) for document in parse_documents(text, file)]


def rules_said(text: str, **options: object) -> list[tuple[str, int]]:
    arguments = {"served": None, "openapi": None, "disabled": (), **options}
    return [(item.rule, item.where.line) for item in lint(manifests(text), **arguments)]  # type: ignore[arg-type]


def test_an_annotation_turns_rules_off_for_its_own_object_alone() -> None:
    assert rules_said(TWO_JOBS) == [
        ("job-backoff-limit", 4),
        ("job-backoff-limit", 10),
        ("resources-missing", 11),
        ("latest-tag", 11),
    ]


def test_settings_turn_rules_off_for_every_object() -> None:
    off = ("job-backoff-limit", "resources-missing")

    assert rules_said(TWO_JOBS, disabled=off) == [("latest-tag", 11)]


def test_an_unknown_rule_in_the_settings_is_an_error_that_names_the_nearest() -> None:
    found = lint([], served=None, openapi=None, disabled=["latest-tags"])

    assert [(item.severity, item.where.key) for item in found] == [("error", "deploy.lint_disable")]
    assert "latest-tags" in found[0].message
    assert found[0].hint == "did you mean 'latest-tag'?"


def test_an_unknown_rule_in_an_annotation_is_an_error_at_the_annotation() -> None:
    text = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: hoge
  annotations:
    orbyard.dev/lint-disable: shema
"""
    found = lint(manifests(text), served=None, openapi=None, disabled=())

    assert [(item.rule, item.where.line) for item in found] == [("unknown-rule", 6)]
    assert found[0].hint == "did you mean 'schema'?"


def test_findings_are_sorted_by_file_and_line() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  B: 1\n  A: 2\n"
    both = [*manifests(text, "z.yml"), *manifests(text.replace("name: a", "name: b"), "a.yml")]

    found = lint(both, served=None, openapi=None, disabled=())

    assert [(item.where.file, item.where.line) for item in found] == [
        ("a.yml", 5),
        ("a.yml", 6),
        ("z.yml", 5),
        ("z.yml", 6),
    ]


def test_the_schema_does_not_repeat_what_another_rule_says_of_a_place() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: 1}\n"
    openapi = {
        "definitions": {
            "ConfigMap": {
                "type": "object",
                "x-kubernetes-group-version-kind": [{"version": "v1", "kind": "ConfigMap"}],
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"type": "object"},
                    "data": {"type": "object", "additionalProperties": {"type": "string"}},
                },
            }
        }
    }

    assert rules_said(text, openapi=openapi) == [("config-value-not-string", 4)]
