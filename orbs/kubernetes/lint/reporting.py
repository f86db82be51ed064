"""Showing findings, and stopping for errors."""

from __future__ import annotations

from collections.abc import Sequence

from orbs.kubernetes.lint.finding import Finding
from pipeline.errors import InvalidInput
from pipeline.output import Console

__all__ = ["report"]


def report(
    findings: Sequence[Finding], console: Console, *, warnings_are_errors: bool = False
) -> None:
    """Print the warnings, and refuse to go on when there are errors.

    Raises:
        InvalidInput: with every error (and every warning, if they count as such), and its place.
    """
    errors = [item for item in findings if warnings_are_errors or item.severity == "error"]
    for item in findings:
        if item not in errors:
            console.warning(f"{item.where}: {item.message} [{item.rule}]", hint=item.hint)
    if errors:
        count = f"{len(errors)} mistake{'s'[: len(errors) > 1]}"
        raise InvalidInput(
            f"the lint found {count} in the manifests; nothing was changed",
            problems=[item.to_problem() for item in errors],
            hint="correct them; or turn a rule off by its name, in deploy.lint_disable or by the "
            "annotation orbyard.dev/lint-disable of the object",
        )
