"""Values that options of an invocation have in common."""

from __future__ import annotations

from pipeline.config.definitions import check_steps
from pipeline.config.findings import Poisoned
from pipeline.config.nodes import Node, Scalar
from pipeline.config.scope import Compilation, Scope
from pipeline.config.spec import Checker
from pipeline.config.values import show, yaml_type

__all__ = ["check_written_steps", "option_text"]


def option_text(node: Node, scope: Scope, key: str, compilation: Compilation) -> str:
    """Return the text of an option that has to be one and not empty.

    Raises:
        Poisoned: it is not; reported.
    """
    resolved = compilation.resolve_node(node, scope)
    if type(resolved) is Scalar and isinstance(resolved.value, str):
        if resolved.value.strip():
            return resolved.value
        raise compilation.report.error(
            "wrong-value", f"{key} cannot be empty", node, frame=scope.frame
        )
    found = show(resolved.value) if type(resolved) is Scalar else yaml_type(resolved)
    raise compilation.report.error(
        "wrong-type",
        f"expected type: String, found: {yaml_type(resolved)}: {key} has to be a text, not {found}",
        node,
        hint="put it in quotes" if type(resolved) is Scalar else None,
        frame=scope.frame,
    )


def check_written_steps(node: Node, scope: Scope, compilation: Compilation) -> None:
    """Check steps that stand in an option.

    Raises:
        Poisoned: they have mistakes; reported.
    """
    before = compilation.report.error_count
    check_steps(node, scope.namespace, Checker(compilation.report, tags=True, frame=scope.frame))
    if compilation.report.error_count != before:
        raise Poisoned
