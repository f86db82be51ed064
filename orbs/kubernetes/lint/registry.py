"""All rules by name, which of them are turned off, and the lint itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from orbs.kubernetes.lint import (
    api_versions,
    duplicates,
    env_in_podspec,
    fields,
    images,
    jobs,
    namespaces,
    probes,
    references,
    resources,
    rollout_settings,
    secret_in_plaintext,
    selectors,
    value_types,
)
from orbs.kubernetes.lint.finding import Finding
from orbs.kubernetes.lint.rule import Context, Rule
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.schema import SchemaIndex
from pipeline.errors import Location, did_you_mean
from pipeline.settings import SETTINGS_FILE

__all__ = ["DISABLE_ANNOTATION", "RULES", "UNKNOWN_RULE", "lint"]

DISABLE_ANNOTATION = "orbyard.dev/lint-disable"
"""Of an object: names of the rules that have nothing to say about it, separated by commas."""
UNKNOWN_RULE = "unknown-rule"
"""What a finding about a rule's name goes by; it cannot be turned off."""

RULES: Mapping[str, Rule] = {
    rule.name: rule
    for module in (
        api_versions,
        fields,
        value_types,
        images,
        env_in_podspec,
        secret_in_plaintext,
        references,
        probes,
        resources,
        selectors,
        jobs,
        rollout_settings,
        duplicates,
        namespaces,
    )
    for rule in module.RULES
}
"""Every rule by its name, in the order of the documentation."""


def lint(
    manifests: Sequence[RenderedManifest],
    *,
    served: Mapping[str, frozenset[str]] | None,
    openapi: Mapping[str, Any] | None,
    disabled: Iterable[str] = (),
    namespace: str = "",
    exists: Callable[[str, str], bool] | None = None,
) -> list[Finding]:
    """Return what the rules have to say about a set of manifests, by file and line.

    Args:
        manifests: the whole set of one deploy, anchors and settings filled in.
        served: the kinds that the cluster serves, by API version; None without a cluster.
        openapi: the cluster's ``/openapi/v2``; None where it has none.
        disabled: names of rules that are turned off (``deploy.lint_disable``); an unknown one is a
            finding.
        namespace: the namespace that is deployed to, where it is known.
        exists: tells whether the cluster holds an object, by kind and name; asked only about what
            the set refers to and does not contain.
    """
    schema = SchemaIndex(openapi) if openapi else None
    context = Context(tuple(manifests), served, schema, namespace, exists)
    off = frozenset(disabled)
    found = [*_unknown_in_settings(disabled)]
    for manifest in context.manifests:
        found += _one(manifest, context, off)
    return sorted(found, key=_order)


def _one(manifest: RenderedManifest, context: Context, off: frozenset[str]) -> list[Finding]:
    here = _disabled_here(manifest)
    found = [*_unknown_in_annotation(manifest, here)]
    for rule in RULES.values():
        if rule.name not in off and rule.name not in here:
            found += rule.run(manifest, context)
    return _without_repetition(found)


def _without_repetition(found: list[Finding]) -> list[Finding]:
    """Leave out what the schema says about a place that a rule with better advice speaks of."""
    spoken = {finding.where for finding in found if finding.rule != "schema"}
    return [item for item in found if item.rule != "schema" or item.where not in spoken]


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    where = finding.where
    return (where.file, where.line, where.column, finding.rule, finding.message)


def _disabled_here(manifest: RenderedManifest) -> list[str]:
    annotations = manifest.metadata.get("annotations")
    text = annotations.get(DISABLE_ANNOTATION) if isinstance(annotations, Mapping) else None
    return [name.strip() for name in str(text or "").split(",") if name.strip()]


def _unknown_in_annotation(manifest: RenderedManifest, names: Iterable[str]) -> Iterator[Finding]:
    where = manifest.where(("metadata", "annotations", DISABLE_ANNOTATION))
    yield from _unknown(names, where, manifest.ref)


def _unknown_in_settings(names: Iterable[str]) -> Iterator[Finding]:
    yield from _unknown(names, Location(SETTINGS_FILE, key="deploy.lint_disable"), "the settings")


def _unknown(names: Iterable[str], where: Location, who: str) -> Iterator[Finding]:
    for name in names:
        if name not in RULES:
            yield Finding(
                UNKNOWN_RULE,
                "error",
                f"{who}: there is no lint rule {name!r} to turn off",
                where,
                did_you_mean(name, RULES) or "see docs/lint.md for the rules",
            )
