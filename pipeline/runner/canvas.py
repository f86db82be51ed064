"""A sheet of terminal cells to draw on, and how wide texts are there. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

__all__ = ["Canvas", "cell_width", "cut_cells", "plain_text", "wrap_name"]

_BREAK = re.compile(r"(?<=[-_/.: ])")


def plain_text(text: str) -> str:
    """Return a text without what would move the cursor, turn the writing's direction or end XML."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("�" if _is_odd(character) else character for character in text)


def _is_odd(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") or (
        character in "\ufffe\uffff"
    )


def cell_width(text: str) -> int:
    """Return how many columns a text takes."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut_cells(text: str, width: int) -> tuple[str, str]:
    """Return as much of a text as fits into columns, and the rest."""
    taken = 0
    for index, character in enumerate(text):
        taken += _width(character)
        if taken > width and index:
            return text[:index], text[index:]
    return text, ""


def wrap_name(name: str, width: int) -> list[str]:
    """Return a name on lines of at most ``width`` columns, broken behind ``-``, ``_`` or ``/``."""
    lines = [""]
    for part in _BREAK.split(name):
        if cell_width(lines[-1] + part.rstrip()) <= width:
            lines[-1] += part
            continue
        rest = part
        if lines[-1]:
            lines.append("")
        while rest:
            lines[-1], rest = cut_cells(rest, width)
            if rest:
                lines.append("")
    return [line.rstrip() for line in lines]


class Canvas:
    """Cells with a character and a style each, which grow as they are written to.

    Args:
        styles: the escape codes of each style's name; without one the text is plain.
    """

    def __init__(self, styles: Mapping[str, str] | None = None) -> None:
        self._styles = styles or {}
        self._rows: list[list[tuple[str, str]]] = []

    def put(self, row: int, column: int, text: str, style: str = "") -> None:
        """Write a text from a cell on; a wide character takes two."""
        while len(self._rows) <= row:
            self._rows.append([])
        line = self._rows[row]
        for character in text:
            width = _width(character)
            if not width:
                if column and len(line) >= column:
                    line[column - 1] = (line[column - 1][0] + character, line[column - 1][1])
                continue
            line.extend([(" ", "")] * (column + width - len(line)))
            line[column] = (character, style)
            if width > 1:
                line[column + 1] = ("", style)
            column += width

    def lines(self) -> list[str]:
        """Return what was drawn."""
        return [self._line(row) for row in self._rows]

    def _line(self, row: list[tuple[str, str]]) -> str:
        parts: list[str] = []
        current = ""
        text = "".join(character for character, _ in row).rstrip()
        if not self._styles:
            return text
        left = len(text)
        for character, style in row:
            if left <= 0:
                break
            code = self._styles.get(style, "") if character.strip() else current
            if code != current:
                parts.append(("\x1b[0m" if current else "") + (f"\x1b[{code}m" if code else ""))
                current = code
            parts.append(character)
            left -= len(character)
        return "".join(parts) + ("\x1b[0m" if current else "")
