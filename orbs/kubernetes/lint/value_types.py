"""config-value-not-string, unquoted-types: YAML makes numbers of what Kubernetes wants as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orbs.kubernetes.lint.podspec import containers, dig, entries, pod_template
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.manifest import RenderedManifest
from pipeline.yamlfile import KeyPath

__all__ = ["RULES"]


def _kind_of(value: Any) -> str | None:
    """Return what a value is where it should be text, or None where it is text, or left empty."""
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "a mapping"


def _quoted(key: str, value: Any) -> str:
    if isinstance(value, bool):
        return f'put it in quotes, as in {key}: "{str(value).lower()}"'
    if isinstance(value, int | float):
        return f'put it in quotes, as in {key}: "{value}"'
    return f"write it as one text: `{key}: |`, and the lines below it"


def _check_data(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    if manifest.kind not in {"ConfigMap", "Secret"}:
        return
    for part in ("data", "stringData"):
        for key, value in dig(manifest.value, part).items():
            kind = _kind_of(value)
            if kind is None:
                continue
            hint = f'put it in quotes: {key}: "…"' if manifest.sensitive else _quoted(key, value)
            yield Said(
                (part, key), f"{manifest.ref}: {key} is {kind}, and only text is allowed", hint
            )


def _check_text(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    for path, value in _texts(manifest.value):
        kind = _kind_of(value)
        if kind in {"a boolean", "a number"}:
            name = str(path[-1])
            field = f"-{name}-" if isinstance(path[-1], int) else name
            hint = (
                f'put it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
                if isinstance(path[-1], int)
                else _quoted(field, value)
            )
            what = f"the item {path[-1] + 1} of {path[-2]}" if isinstance(path[-1], int) else name
            yield Said(path, f"{manifest.ref}: {what} is {kind}, and only text is allowed", hint)


def _texts(value: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the values that have to be text and that YAML likes to take for something else."""
    yield from _entries_of(value, ("metadata", "labels"))
    yield from _entries_of(value, ("metadata", "annotations"))
    if value.get("kind") == "Service":
        yield from _entries_of(value, ("spec", "selector"))
    else:
        yield from _entries_of(value, ("spec", "selector", "matchLabels"))
    template = pod_template(value)
    if template is None:
        return
    if template.path:
        for part in ("labels", "annotations"):
            yield from _entries_of(value, (*template.path, "metadata", part))
    yield from _entries_of(value, (*template.spec_path, "nodeSelector"))
    for container in containers(template):
        for index, variable in entries(container.value, "env"):
            yield (*container.path, "env", index, "value"), variable.get("value")
        for part in ("command", "args"):
            words = container.value.get(part)
            for index, word in enumerate(words if isinstance(words, list) else ()):
                yield (*container.path, part, index), word


def _entries_of(value: Mapping[str, Any], path: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    found = dig(value, *(str(step) for step in path))
    yield from (((*path, key), item) for key, item in found.items())


RULES = (
    Rule(
        name="config-value-not-string",
        severity="error",
        summary="A value in a ConfigMap or Secret is a number, a boolean or a structure.",
        reason="Environment variables and files are text, and the API server refuses anything else. "
        "YAML takes `5`, `1e3`, `true`, `yes` and `on` for numbers and booleans unless they stand "
        "in quotes.",
        example="""\
kind: ConfigMap
data:
  RAILS_MAX_THREADS: "5"
  RAILS_SERVE_STATIC_FILES: "true"
""",
        check=_check_data,
    ),
    Rule(
        name="unquoted-types",
        severity="error",
        summary="A label, an annotation, a selector, an environment variable or a word of a command "
        "is a number or a boolean.",
        reason="They are text, and the API server refuses anything else. A revision that happens to "
        "be all digits, or `1e5`, becomes a number unless it stands in quotes.",
        example="""\
labels:
  version: "12"
command: ["sleep", "60"]
""",
        check=_check_text,
    ),
)
