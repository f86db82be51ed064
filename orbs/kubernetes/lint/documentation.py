"""docs/lint.md, made of the rules' own definitions."""

from __future__ import annotations

from orbs.kubernetes.lint.registry import DISABLE_ANNOTATION, RULES
from orbs.kubernetes.lint.rule import Rule

__all__ = ["describe_rules"]

_INTRODUCTION = f"""\
# Lint

Before a deploy changes anything, it checks the manifests, with anchors and settings filled in,
against the rules below and against the cluster's own description of its fields. Everything that is
found is shown at once, with file, line and field. An **error** stops the deploy (exit code 2); a
**warning** is printed, unless `deploy.lint_warnings_are_errors` is set.

A rule is turned off by its name, for all manifests in `orbyard.yml`:

```yaml
deploy:
  lint_disable: [resources-missing]
```

or for one object by an annotation of it:

```yaml
metadata:
  annotations:
    {DISABLE_ANNOTATION}: latest-tag, missing-liveness-probe
```

A name that no rule has is an error, so that a slip turns nothing off unseen.
"""


def describe_rules() -> str:
    """Return the page on the lint in Markdown: how it works, and a section for each rule."""
    rows = ["| Rule | | What it looks for |", "| --- | --- | --- |"]
    rows += [f"| [`{r.name}`](#{r.name}) | {r.severity} | {r.summary} |" for r in RULES.values()]
    sections = [_section(rule) for rule in RULES.values()]
    return "\n".join([_INTRODUCTION, *rows, "", *sections])


def _section(rule: Rule) -> str:
    return f"""\
## `{rule.name}`

{rule.summary} ({rule.severity})

{rule.reason}

```yaml
{rule.example.rstrip()}
```
"""
