"""The kubernetes orb: manifests, the migration Job, the rollout and its verdict."""

from __future__ import annotations

import importlib
from typing import Any

PROVIDES = {
    "scaffold": "orbs.kubernetes.scaffold:scaffold",
    "extras": "orbs.kubernetes.scaffold:extras",
}
"""Capabilities for other orbs; see :mod:`pipeline.orb`."""

_HOMES = {
    "ApiError": "api_error",
    "Applied": "apply",
    "Cause": "verdict",
    "Cluster": "cluster",
    "Failed": "verdict",
    "MigrationFailed": "migrate",
    "Plan": "plan",
    "Progressing": "verdict",
    "RenderedManifest": "manifest",
    "RenderedSet": "render",
    "RolloutFailed": "rollout",
    "Succeeded": "verdict",
    "apply_manifests": "apply",
    "make_plan": "plan",
    "open_cluster": "cluster",
    "wait_for_rollouts": "rollout",
}
__all__ = [
    "PROVIDES",
    "ApiError",
    "Applied",
    "Cause",
    "Cluster",
    "Failed",
    "MigrationFailed",
    "Plan",
    "Progressing",
    "RenderedManifest",
    "RenderedSet",
    "RolloutFailed",
    "Succeeded",
    "apply_manifests",
    "make_plan",
    "open_cluster",
    "wait_for_rollouts",
]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: importing the package to list tasks costs nothing.
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
