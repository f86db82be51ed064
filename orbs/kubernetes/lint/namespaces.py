"""namespace-mismatch: an object that names another namespace than the deploy's."""

from __future__ import annotations

from collections.abc import Iterator

from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["RULES"]


def _check(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    named = manifest.namespace
    if named and context.namespace and named != context.namespace:
        yield Said(
            ("metadata", "namespace"),
            f"{manifest.ref} names the namespace {named}, and this deploy is for "
            f"{context.namespace}",
            "remove metadata.namespace: the environment's settings or kubeconfig say it; or turn "
            "this rule off for the object",
        )


RULES = (
    Rule(
        name="namespace-mismatch",
        severity="error",
        summary="An object names another namespace than the one that is deployed to.",
        reason="A manifest that names production's namespace would change production during a deploy "
        "of staging. Leave the namespace out. An object that really belongs elsewhere says so by "
        "the annotation `orbyard.dev/lint-disable: namespace-mismatch`.",
        example="""\
metadata:
  name: hoge-app   # and no namespace
""",
        check=_check,
    ),
)
