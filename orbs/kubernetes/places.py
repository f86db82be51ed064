"""Where something is written in orbyard.yml, for messages about what it led to."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import InvalidInput, Location
from pipeline.settings import SETTINGS_FILE
from pipeline.yamlfile import KeyPath, format_key, parse_documents

__all__ = ["settings_place"]


def settings_place(root: Path, path: KeyPath) -> Location:
    """Return the place of a key; without a line where it isn't written in the file."""
    try:
        documents = parse_documents((root / SETTINGS_FILE).read_text("utf-8"), SETTINGS_FILE)
    except (OSError, InvalidInput):
        return Location(SETTINGS_FILE, key=format_key(path))
    if documents and path in documents[0].positions:
        return documents[0].where(path)
    return Location(SETTINGS_FILE, key=format_key(path))
