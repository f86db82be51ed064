"""A manifest as it will be applied, with the place of each of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.errors import Location
from pipeline.yamlfile import Document

__all__ = ["RenderedManifest"]


@dataclass(frozen=True, slots=True)
class RenderedManifest:
    """One object, anchors and settings filled in.

    Attributes:
        document: its value, and where each part is written (``.where(path)``).
        sensitive: from an encrypted file, or a Secret: its values are never shown.
    """

    document: Document
    sensitive: bool = False

    @property
    def value(self) -> dict[str, Any]:
        """The object as it will be applied."""
        found: dict[str, Any] = self.document.value
        return found

    @property
    def metadata(self) -> dict[str, Any]:
        """The object's own metadata."""
        found: dict[str, Any] = self.value.get("metadata") or {}
        return found

    @property
    def api_version(self) -> str:
        """``apps/v1``."""
        return str(self.value.get("apiVersion", ""))

    @property
    def kind(self) -> str:
        """``Deployment``."""
        return str(self.value.get("kind", ""))

    @property
    def name(self) -> str:
        """The object's name."""
        return str(self.metadata.get("name", ""))

    @property
    def namespace(self) -> str | None:
        """The namespace that the manifest names itself, or None."""
        return self.metadata.get("namespace") or None

    @property
    def ref(self) -> str:
        """``Deployment/hoge-app``: what the object is called in messages and settings."""
        return f"{self.kind}/{self.name}"

    def where(self, path: Sequence[str | int] = ()) -> Location:
        """Return the place of a value, or of what is nearest above it."""
        return self.document.where(path)

    def with_value(self, value: dict[str, Any]) -> RenderedManifest:
        """Return the manifest with another value, and the places kept."""
        return replace(self, document=replace(self.document, value=value))
