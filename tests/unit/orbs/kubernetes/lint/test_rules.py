"""Each rule against its vectors: ``vectors/<rule>.yml``.

A case is a set of manifests in which a comment ``# <- error`` or ``# <- warning`` stands on every line
that the rule has to speak of; words after a colon are words of the message. A case without such a
comment is one that the rule has to be content with.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orbs.kubernetes.lint import RULES, Finding, lint
from orbs.kubernetes.manifest import RenderedManifest
from pipeline.yamlfile import parse_documents

VECTORS = Path(__file__).parent / "vectors"
EXPECTED = re.compile(r"# <- (error|warning)(?:: (.*))?")


def _load(path: Path) -> Any:
    return parse_documents(path.read_text(), path.name)[0].value


OPENAPI = _load(VECTORS / "support" / "openapi.yml")
CASES = [
    pytest.param(path.stem, case, id=f"{path.stem}: {case['name']}")
    for path in sorted(VECTORS.glob("*.yml"))
    for case in _load(path)
]


def manifests_of(text: str, file: str) -> list[RenderedManifest]:
    found = parse_documents(text, file)
    return [RenderedManifest(item, item.value.get("kind") == "Secret") for item in found]


def run_case(case: dict[str, Any]) -> list[Finding]:
    served = case.get("served")
    known = case.get("cluster")
    return lint(
        manifests_of(case["manifests"], case.get("file", "deploy/deploy.yml")),
        served=None if served is None else {name: frozenset(k) for name, k in served.items()},
        openapi=OPENAPI if case.get("schema") else None,
        disabled=case.get("disabled", ()),
        namespace=case.get("namespace", ""),
        exists=None if known is None else lambda kind, name: f"{kind}/{name}" in known,
    )


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_rule_speaks_of_exactly_the_lines_it_should(rule: str, case: dict[str, Any]) -> None:
    found = [item for item in run_case(case) if item.rule == rule]
    lines = case["manifests"].splitlines()
    wanted = [
        (number, mark[1])
        for number, line in enumerate(lines, 1)
        for mark in EXPECTED.finditer(line)
    ]

    assert [(item.where.line, item.severity) for item in found] == wanted
    for item in found:
        words = EXPECTED.search(lines[item.where.line - 1])
        assert words is not None
        assert (words[2] or "").strip() in item.message
    if "hint" in case:
        assert any(case["hint"] in str(item.hint) for item in found)
    for hidden in case.get("never", ()):
        assert not any(hidden in str(item.to_problem()) for item in found)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_case_that_it_refuses_and_one_that_it_is_content_with(rule: str) -> None:
    cases = _load(VECTORS / f"{rule}.yml")
    refused = [EXPECTED.search(case["manifests"]) is not None for case in cases]

    assert True in refused
    assert False in refused


WHOLE = """\
apiVersion: apps/v1
kind: KIND
metadata: {name: a, namespace: b, labels: {c: d}, annotations: {orbyard.dev/lint-disable: schema}}
data: {A: b}
spec:
  replicas: 1
  minReadySeconds: 1
  progressDeadlineSeconds: 2
  backoffLimit: 1
  scaleTargetRef: {kind: Deployment, name: a}
  defaultBackend: {service: {name: a}}
  rules: [{http: {paths: [{backend: {service: {name: b}}}]}}]
  tls: [{secretName: a}]
  group: g
  names: {kind: k}
  versions: [{name: v1}]
  ports: [{name: a, port: 1, targetPort: http, protocol: TCP}]
  selector: {c: d, matchLabels: {c: d}, matchExpressions: [{key: c, operator: In, values: [d]}]}
  template: &pod
    metadata: {labels: {c: d}, annotations: {e: f}}
    spec:
      restartPolicy: Never
      serviceAccountName: a
      imagePullSecrets: [{name: a}]
      nodeSelector: {a: b}
      volumes: [{configMap: {name: a, items: [{key: b}]}}, {projected: {sources: [{secret: {name: b}}]}}]
      initContainers: [{name: b, restartPolicy: Always}]
      containers:
        - name: a
          image: b
          command: [a]
          envFrom: [{configMapRef: {name: a}}]
          env: [{name: A, value: b}, {name: B, valueFrom: {secretKeyRef: {name: a, key: b}}}]
          ports: [{name: http, containerPort: 1, protocol: TCP}]
          readinessProbe: {httpGet: {port: http}}
          resources: {requests: {cpu: 1}}
  jobTemplate: {spec: {template: *pod}}
"""
JUNK: list[Any] = [None, "x", [[1.5]], {"x": None}]


def _with_junk(value: Any, junk: Any) -> Iterator[Any]:
    """Yield ``value`` with each of its parts, at any depth, replaced by ``junk``."""
    yield junk
    parts: list[tuple[Any, Any]] = []
    if isinstance(value, dict | list):
        parts = list(value.items() if isinstance(value, dict) else enumerate(value))
    for key, part in parts:
        for changed in _with_junk(part, junk):
            copy = value.copy()
            copy[key] = changed
            yield copy


@pytest.mark.parametrize("kind", ["Deployment", "CronJob", "Ingress"])
def test_no_manifest_however_odd_breaks_the_lint(kind: str) -> None:
    [document] = parse_documents(WHOLE.replace("KIND", kind), "odd.yml")
    whole = RenderedManifest(document)
    others = [
        whole.with_value({**document.value, "kind": other})
        for other in (
            "Deployment",
            "Service",
            "HorizontalPodAutoscaler",
            "CustomResourceDefinition",
        )
    ]
    served = {"apps/v1": frozenset(["Job"])}

    for junk in JUNK:
        for value in _with_junk(document.value, junk):
            if isinstance(value, dict) and isinstance(value.get("metadata"), dict):
                odd = [whole.with_value(value), *others]
                for item in lint(odd, served=served, openapi=OPENAPI, disabled=()):
                    assert item.message
