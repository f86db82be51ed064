"""A manifest as it may be shown."""

from __future__ import annotations

from typing import Any

from orbs.kubernetes import diff
from orbs.kubernetes.manifest import RenderedManifest

__all__ = ["masked_value"]


def masked_value(manifest: RenderedManifest) -> dict[str, Any]:
    """Return the object with the values of a Secret, or of an encrypted file, hidden."""
    return diff.masked_value(manifest.value, sensitive=manifest.sensitive)
