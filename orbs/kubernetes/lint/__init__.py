"""The lint: what is wrong or unwise in a set of manifests, said before anything is changed.

One module per rule or small family of rules; ``registry.py`` lists them all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orbs.kubernetes.lint.documentation import describe_rules
    from orbs.kubernetes.lint.finding import Finding
    from orbs.kubernetes.lint.registry import RULES, lint
    from orbs.kubernetes.lint.reporting import report

__all__ = ["RULES", "Finding", "describe_rules", "lint", "report"]

_HOMES = {
    "RULES": "registry",
    "Finding": "finding",
    "describe_rules": "documentation",
    "lint": "registry",
    "report": "reporting",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
