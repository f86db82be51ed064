"""Terminal output as a report shows it: colours kept, overwritten text gone, other controls removed.

A line is a text where nothing is coloured, else a list of classes and texts by turns:
``["f1 b", "failed", "", ": 3"]``. Classes are ``f0``–``f15`` for the text's colour, ``g0``–``g15`` for
that behind it, and ``b d e u r x`` for bold, dim, italic, underlined, reversed and struck out. Colours
beyond the sixteen are shown as the nearest of them: those can be read on a light and on a dark page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from pipeline.runner.report_text import UNSEEN, visible

__all__ = ["Line", "TerminalText"]

Line = str | list[str]

_SEQUENCE = re.compile(
    r"\x1b\[(?P<numbers>[0-9;:]*)(?P<final>[mKG])"  # what is understood
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # other control sequences
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
    r"|(?P<move>[\r\b])"
)
_MOVES = re.compile(r"[\r\b]|\x1b\[\d*G|\x1b\[[12]K")
"""What writes elsewhere than at the end of the line."""
_SPECIAL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SWITCHES = {1: "b", 2: "d", 3: "e", 4: "u", 7: "r", 9: "x"}
_OFF = {22: "bd", 23: "e", 24: "u", 27: "r", 29: "x"}
_LONGEST_LINE = 4_000
"""Characters shown of a line; a browser gets slow with longer ones, and nobody reads them."""
_BASIC = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0),
    (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0),
    (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255),
)  # fmt: skip


class TerminalText:
    """Reads the lines of one output in order; a colour holds until it is changed."""

    def __init__(self) -> None:
        self._switches: set[str] = set()
        self._text = self._behind = ""

    def lines(self, texts: Iterable[str]) -> list[Line]:
        """Return lines as a report shows them."""
        return [self.line(text) for text in texts]

    def line(self, text: str) -> Line:
        """Return the next line."""
        style = self._style()
        if _SPECIAL.search(text) is None:
            shown = _shortened(visible(text) if UNSEEN.search(text) else text)
            return [style, shown] if style and shown else shown
        return self._read(text, style)

    def _read(self, text: str, style: str) -> Line:
        """Read a line with control characters; most only change colours, and are read in one go."""
        if _MOVES.search(text) is not None:
            return _joined(_runs(self._overwritten(text, style)))
        runs: list[tuple[str, str]] = []
        position = 0
        for found in _SEQUENCE.finditer(text):
            runs.append((style, text[position : found.start()]))
            position = found.end()
            if found["final"] == "m":
                self._change(found["numbers"])
                style = self._style()
        runs.append((style, text[position:]))
        return _joined(runs)

    def _overwritten(self, text: str, style: str) -> list[tuple[str, str]]:
        """Return what a terminal shows in the end, as characters with their styles."""
        cells: list[tuple[str, str]] = []
        column = position = 0
        for found in _SEQUENCE.finditer(text):
            column = _put(cells, column, text[position : found.start()], style)
            position = found.end()
            if found["final"] == "m":
                self._change(found["numbers"])
                style = self._style()
            elif found["final"] == "K":
                _erase(cells, column, found["numbers"])
            elif found["final"] == "G" or found["move"] == "\r":
                number = found["numbers"] or "1"
                column = max(0, int(number) - 1) if number.isdecimal() and len(number) < 5 else 0
            elif found["move"]:
                column = max(0, column - 1)
        _put(cells, column, text[position:], style)
        return cells

    def _style(self) -> str:
        if not (self._switches or self._text or self._behind):
            return ""
        return " ".join(filter(None, (self._text, self._behind, *sorted(self._switches))))

    def _change(self, numbers: str) -> None:
        codes = [int(one or 0) for one in numbers.replace(":", ";").split(";") if len(one) < 5]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self._switches.clear()
                self._text = self._behind = ""
            elif code in _SWITCHES:
                self._switches.add(_SWITCHES[code])
            elif code in _OFF:
                self._switches.difference_update(_OFF[code])
            elif code in (38, 48):
                colour = _extended(codes)
                if colour is not None:
                    self._colour(code == 38, colour)
            else:
                self._basic(code)

    def _basic(self, code: int) -> None:
        if code == 39:
            self._text = ""
        elif code == 49:
            self._behind = ""
        elif code // 10 in (3, 4, 9, 10) and code % 10 < 8:
            self._colour(code // 10 in (3, 9), code % 10 + (8 if code >= 90 else 0))

    def _colour(self, of_text: bool, number: int) -> None:
        if of_text:
            self._text = f"f{number}"
        else:
            self._behind = f"g{number}"


def _put(cells: list[tuple[str, str]], column: int, text: str, style: str) -> int:
    """Write over what is there, as a terminal does, and return where the next text goes."""
    if column > len(cells):
        cells += [(" ", "")] * (column - len(cells))
    cells[column : column + len(text)] = [(character, style) for character in text]
    return column + len(text)


def _erase(cells: list[tuple[str, str]], column: int, mode: str) -> None:
    if mode in ("", "0"):
        del cells[column:]
    elif mode == "1":
        cells[:column] = [(" ", "")] * min(column, len(cells))
    elif mode == "2":
        cells[:] = [(" ", "")] * column


def _runs(cells: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put characters of the same style together: from (character, style) to (style, text)."""
    return [
        (style, "".join(character for character, _ in group))
        for style, group in groupby(cells, key=itemgetter(1))
    ]


def _joined(runs: list[tuple[str, str]]) -> Line:
    pieces: list[str] = []
    styled = False
    room = _LONGEST_LINE
    left_out = 0
    for style, raw in runs:
        text = _without_controls(raw)
        if len(text) > room:
            left_out += len(text) - room
            text = text[:room]
        if not text:
            continue
        room -= len(text)
        styled = styled or bool(style)
        if pieces and pieces[-2] == style:
            pieces[-1] += text
        else:
            pieces += (style, text)
    if left_out:
        pieces += ("", _more(left_out))
    return pieces if styled else "".join(pieces[1::2])


def _without_controls(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return visible(_SPECIAL.sub("", text))


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_LINE:
        return text
    return text[:_LONGEST_LINE] + _more(len(text) - _LONGEST_LINE)


def _more(characters: int) -> str:
    return f" … {characters:,} more characters"


def _extended(codes: list[int]) -> int | None:
    """Take the rest of ``38;5;N`` or ``38;2;R;G;B`` off the codes, and return the nearest of 16."""
    kind = codes.pop(0) if codes else 0
    if kind == 5 and codes:
        return _of_256(codes.pop(0))
    if kind == 2 and len(codes) >= 3:
        red, green, blue = codes[:3]
        del codes[:3]
        return _nearest(red, green, blue)
    return None


def _of_256(number: int) -> int:
    if number < 16:
        return number
    if number >= 232:
        grey = 8 + (min(number, 255) - 232) * 10
        return _nearest(grey, grey, grey)
    red, rest = divmod(number - 16, 36)
    green, blue = divmod(rest, 6)
    return _nearest(*(55 + 40 * one if one else 0 for one in (red, green, blue)))


def _nearest(red: int, green: int, blue: int) -> int:
    def distance(number: int) -> int:
        r, g, b = _BASIC[number]
        return (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2

    return min(range(16), key=distance)
