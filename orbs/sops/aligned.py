"""Writing decrypted values as YAML whose keys stand on the lines of the encrypted file.

So that a message about a decrypted value names the line on which a user finds the key. Scalars are
written as JSON, which every YAML reader takes for the same values: sops' own YAML leaves ``=`` and
``<<`` bare, and JSON from sops has only the first of several documents.

A key's column is kept too, except that of a file's very first key, which stands behind its brace.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from pipeline.yamlfile import Document, KeyPath

__all__ = ["write_aligned"]

_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""Characters that JSON allows bare, and YAML reads as line breaks or refuses."""


def write_aligned(values: Sequence[Any], sources: Sequence[Document]) -> str:
    """Write documents as YAML.

    Args:
        values: the decrypted documents; empty ones are left out.
        sources: the encrypted documents they come from, with the places of their keys.
    """
    writer = _Writer()
    for value, source in zip(values, sources, strict=True):
        if value in ({}, None):
            continue
        writer.start_document()
        writer.write(value, (), source)
    return writer.text() + "\n"


class _Writer:
    """Text with a cursor, moved forward to where a key has to stand."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._line = 1
        self._column = 1

    def text(self) -> str:
        return "".join(self._parts)

    def start_document(self) -> None:
        if self._parts:
            self._put("\n---\n")
            self._line += 2
            self._column = 1

    def write(self, value: Any, path: KeyPath, source: Document) -> None:
        if isinstance(value, dict):
            self._put("{")
            for i, (key, item) in enumerate(value.items()):
                self._next(i, (*path, key), source)
                self._put(f"{_scalar(key)}: ")
                self.write(item, (*path, key), source)
            self._put("}")
        elif isinstance(value, list):
            self._put("[")
            for i, item in enumerate(value):
                self._next(i, (*path, i), source)
                self.write(item, (*path, i), source)
            self._put("]")
        else:
            self._put(_scalar(value))

    def _next(self, index: int, path: KeyPath, source: Document) -> None:
        line, column = source.positions.get(path, (0, 0))
        if index:
            self._put("," if line > self._line else ", ")
        if line > self._line:
            self._put("\n" * (line - self._line))
            self._line, self._column = line, 1
        # An item of a list begins where its first key does: its own brace goes before it.
        if line == self._line and column - 1 > self._column:
            self._put(" " * (column - 1 - self._column))
        if line == self._line and column > self._column and isinstance(path[-1], str):
            self._put(" " * (column - self._column))

    def _put(self, text: str) -> None:
        self._parts.append(text)
        self._column += len(text)


def _scalar(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    return _UNSAFE.sub(
        lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False)
    )
