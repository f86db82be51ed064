"""schema: fields that the cluster does not know, or of the wrong type."""

from __future__ import annotations

from collections.abc import Iterator

from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.schema import check_object

__all__ = ["RULES"]


def _check(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    if context.schema is None:
        return
    found = check_object(
        manifest.value,
        manifest.api_version,
        manifest.kind,
        context.schema,
        show_values=not manifest.sensitive,
    )
    for mistake in found:
        yield Said(mistake.path, f"{manifest.ref}: {mistake.message}", mistake.hint)


RULES = (
    Rule(
        name="schema",
        severity="error",
        summary="A field is unknown to the cluster, missing, or of the wrong type.",
        reason="The cluster describes its own fields, and each object is compared with that before "
        "anything is changed: unknown fields (a slip, or a wrong indentation), required ones that "
        "are missing, numbers in quotes and text without. Kinds that the cluster does not describe "
        "are passed over.",
        example="""\
containers:
  - name: hoge-app
    ports:
      - containerPort: 3000   # a number, without quotes
    readinessProbe:           # of the container, not of the Pod
      httpGet:
        path: /ready
        port: 3000
""",
        check=_check,
    ),
)
