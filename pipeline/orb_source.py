"""An orb's CircleCI source: the folder ``src/`` of small files, and the one document it is packed to.

The layout is that of CircleCI's orb development kit: ``@orb.yml`` at the top, one file for each element in
``commands/``, ``jobs/``, ``executors/`` and ``examples/``, named after it, and scripts that a step takes in
with ``<< include(scripts/x.sh) >>``. The included text is shell, so each ``<<`` in it is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import InvalidInput
from pipeline.yamlfile import Document, parse_documents

__all__ = ["SECTIONS", "OrbSource", "pack_orb", "read_orb_source"]

SECTIONS = ("commands", "jobs", "executors", "examples")
"""Folders of the source, and keys of the packed orb."""

_INCLUDE = re.compile(r"<<\s*include\(([-\w/.]+)\)\s*>>")


@dataclass(frozen=True, slots=True)
class OrbSource:
    """The files of an orb.

    Attributes:
        folder: ``src/``.
        header: ``@orb.yml``.
        elements: each element's file by section and name.
    """

    folder: Path
    header: Document
    elements: Mapping[tuple[str, str], Document]

    def names(self, section: str) -> list[str]:
        """Return the names of a section's elements."""
        return sorted(name for found, name in self.elements if found == section)


def read_orb_source(folder: Path) -> OrbSource:
    """Read an orb's source.

    Raises:
        InvalidInput: a file is missing, not YAML, or not one mapping.
    """
    elements = {
        (section, path.stem): _read(path)
        for section in SECTIONS
        for path in sorted((folder / section).glob("*.yml"))
    }
    return OrbSource(folder, _read(folder / "@orb.yml"), elements)


def pack_orb(source: OrbSource) -> dict[str, Any]:
    """Return the orb as one document, with the scripts in place.

    Raises:
        InvalidInput: a script that is included is not there.
    """
    packed: dict[str, Any] = dict(source.header.value)
    for section in SECTIONS:
        names = source.names(section)
        if names:
            packed[section] = {
                name: _with_scripts(source, source.elements[section, name]) for name in names
            }
    return packed


def _read(path: Path) -> Document:
    try:
        documents = parse_documents(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError as error:
        raise InvalidInput(f"{path} is missing: an orb's source has it") from error
    if len(documents) != 1 or not isinstance(documents[0].value, dict):
        raise InvalidInput(f"{path}: expected one mapping")
    return documents[0]


def _with_scripts(source: OrbSource, document: Document) -> Any:
    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        return _INCLUDE.sub(include, value) if isinstance(value, str) else value

    def include(found: re.Match[str]) -> str:
        path = source.folder / found[1]
        if not path.is_file():
            raise InvalidInput(
                f"the script {found[1]!r} is included, and is not there", where=document.where()
            )
        return path.read_text(encoding="utf-8").rstrip("\n").replace("<<", "\\<<")

    return fill(document.value)
