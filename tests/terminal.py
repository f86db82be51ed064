"""A terminal for tests: it shows what was written to it, and refuses what it does not know."""

from __future__ import annotations

import re
import unicodedata

_TOKENS = re.compile(r"\x1b\[(?P<arguments>[0-9;?]*)(?P<end>[A-Za-z])|(?P<char>[\s\S])")
_IGNORED_MODES = ("?2026", "?25")


class Terminal:
    """A screen with lines that scrolled off it.

    A line is a list of cells; a wide character takes two, the second of which is empty. A line that
    was broken because it was too long is told from one that ended, so that they can be broken anew when
    the width changes, as most terminals do.

    Args:
        width: columns.
        height: rows.
    """

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.width = width
        self.height = height
        self.rows: list[list[str]] = [[]]
        self.goes_on: list[bool] = [False]
        self.row = 0
        self.column = 0
        self.wraps = True
        self.shows_cursor = True
        self.written = ""

    @property
    def screen(self) -> list[str]:
        """The lines that are on the screen, without empty ones at the end."""
        return self.everything[max(0, len(self.rows) - self.height) :]

    @property
    def everything(self) -> list[str]:
        """All lines, those that scrolled off first."""
        lines = ["".join(row).rstrip() for row in self.rows]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def write(self, text: str) -> int:
        """Take text as a terminal does, where the line discipline makes CR LF of LF."""
        self.written += text
        for token in _TOKENS.finditer(text):
            if token["char"] is not None:
                self._character(token["char"])
            else:
                self._sequence(token["arguments"], token["end"])
        return len(text)

    def resize(self, width: int) -> None:
        """Change the width, and break lines anew."""
        whole: list[list[str]] = []
        cursor = 0
        for number, row in enumerate(self.rows):
            if number and self.goes_on[number - 1]:
                whole[-1] = whole[-1] + row
            else:
                whole.append(list(row))
            if number == self.row:
                cursor = len(whole) - 1
        self.rows, self.goes_on, self.width = [], [], width
        for number, line in enumerate(whole):
            parts = [line[start : start + width] for start in range(0, len(line), width)] or [[]]
            self.rows += parts
            self.goes_on += [True] * (len(parts) - 1) + [False]
            if number == cursor:
                self.row, self.column = len(self.rows) - 1, len(parts[-1])

    def _sequence(self, arguments: str, end: str) -> None:
        if end == "A":
            top = max(0, len(self.rows) - self.height)
            self.row = max(top, self.row - int(arguments or 1))
        elif end == "J" and arguments in ("", "0"):
            del self.rows[self.row][self.column :]
            del self.rows[self.row + 1 :]
            self.goes_on[self.row :] = [False]
        elif end == "K" and arguments in ("", "0"):
            del self.rows[self.row][self.column :]
        elif end in "hl" and arguments == "?7":
            self.wraps = end == "h"
        elif end in "hl" and arguments in _IGNORED_MODES:
            self.shows_cursor = self.shows_cursor if arguments == "?2026" else end == "h"
        elif end != "m":
            raise AssertionError(f"unknown control sequence ESC [ {arguments} {end}")

    def _character(self, char: str) -> None:
        if char == "\n":
            self.goes_on[self.row] = False
            self._next_row()
        elif char == "\r":
            self.column = 0
        elif unicodedata.category(char) == "Cc":
            raise AssertionError(f"unknown control character {char!r}")
        elif unicodedata.combining(char):
            self.rows[self.row][self.column - 1] += char
        else:
            self._put(char, 2 if unicodedata.east_asian_width(char) in "WF" else 1)

    def _put(self, char: str, cells: int) -> None:
        if self.column + cells > self.width:
            if not self.wraps:
                self.column = self.width - cells
            else:
                self.goes_on[self.row] = True
                self._next_row()
        row = self.rows[self.row]
        row += [" "] * (self.column + cells - len(row))
        row[self.column : self.column + cells] = [char, *[""] * (cells - 1)]
        self.column += cells

    def _next_row(self) -> None:
        self.row += 1
        self.column = 0
        if self.row == len(self.rows):
            self.rows.append([])
            self.goes_on.append(False)
