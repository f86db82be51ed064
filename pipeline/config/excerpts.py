"""Pieces of source text as a terminal can show them: harmless, aligned, cut, and with a place marked."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

__all__ = ["Excerpt", "end_of_place", "excerpt_line", "harmless"]

_TAB_STOP = 4
_INVISIBLE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
"""Unicode categories of characters that control a terminal, turn text around, or cannot be seen."""

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'')
_TAG = re.compile(r"<<.*?>>")
_REFERENCE = re.compile(r"[&*!][^\s,\[\]{}]*")
_PLAIN_END = re.compile(r":(?=\s|$)|\s#|$")
_FLOW_END = re.compile(r":(?=\s|$|[,\[\]{}])|\s#|[,\[\]{}]|$")
_OPENING = {"[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A line as it is shown: its text, and where the marked part begins and ends in columns from 0."""

    text: str
    start: int = 0
    end: int = 0


def harmless(text: str) -> str:
    r"""Return a text with its control characters replaced by what can be seen.

    Escape sequences would move the cursor or change colours, and characters that turn the direction
    of writing make a line look like another one.

    >>> harmless("a\x1b[31mb\u202e")
    'a␛[31mb<U+202E>'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    if unicodedata.category(character) in _INVISIBLE:
        return f"<U+{code:04X}>"
    return character


def _cells(line: str) -> list[tuple[str, int]]:
    """Return what is shown for each character, and the columns it takes."""
    cells: list[tuple[str, int]] = []
    column = 0
    for character in line:
        if character == "\t":
            shown = " " * (_TAB_STOP - column % _TAB_STOP)
            width = len(shown)
        else:
            shown = _visible(character)
            width = len(shown) if len(shown) > 1 else _width(shown)
        cells.append((shown, width))
        column += width
    return cells


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def excerpt_line(line: str, width: int, start: int = 0, end: int = 0) -> Excerpt:
    """Return a line cut to a width, with a part of it in sight.

    Args:
        line: the line of the source.
        width: columns there are.
        start: the first character of the part, from 0.
        end: the character after it; what stands beyond the cut is not marked.
    """
    cells = _cells(line.rstrip())
    first, last = _window([wide for _, wide in cells], width, start, end)
    text = "".join(shown for shown, _ in cells[first:last])
    cut_left, cut_right = first > 0, last < len(cells)
    text = ("…" if cut_left else "") + text + ("…" if cut_right else "")
    lead = int(cut_left)

    def column(character: int) -> int:
        inside = min(max(character, first), last)
        return lead + sum(wide for _, wide in cells[first:inside]) + max(0, character - len(cells))

    begin = min(column(start), width - 1)
    return Excerpt(text.rstrip(), begin, max(column(min(end, last)), begin + 1))


def _window(widths: list[int], width: int, start: int, end: int) -> tuple[int, int]:
    """Return the first and last character to show, so that the marked part is among them."""
    total = sum(widths)
    if total <= width:
        return 0, len(widths)
    room = width - 2
    first = min(start, len(widths))
    before = min(sum(widths[first:end]), room)
    lead = max((room - before) // 2, room // 4)
    taken = 0
    while first > 0 and taken + widths[first - 1] <= lead:
        first -= 1
        taken += widths[first]
    last, taken = first, 0
    while last < len(widths) and taken + widths[last] <= room:
        taken += widths[last]
        last += 1
    while first > 0 and last == len(widths) and taken + widths[first - 1] <= room:
        first -= 1
        taken += widths[first]
    return first, last


def end_of_place(line: str, start: int) -> int:
    """Return where the key or scalar that begins at a character of a line ends, from 0.

    What cannot be told from the line alone, as the end of a text of several lines, ends with it.
    """
    line = line.rstrip()
    if start >= len(line):
        return start + 1
    for pattern in (_QUOTED, _TAG, _REFERENCE):
        if found := pattern.match(line, start):
            return max(found.end(), start + 1)
    first = line[start]
    if first in _OPENING:
        return _closing(line, start)
    if first in "|>" or (first in "-?:" and line[start + 1 : start + 2] in ("", " ")):
        return start + 1
    ending = (_FLOW_END if _in_flow(line[:start]) else _PLAIN_END).search(line, start)
    assert ending is not None
    end = ending.start()
    return max(len(line[:end].rstrip()), start + 1)


def _closing(line: str, start: int) -> int:
    """Return the character after the bracket that closes the one at ``start``, or the line's end."""
    open_brackets: list[str] = []
    at = start
    while at < len(line):
        if found := _QUOTED.match(line, at):
            at = found.end()
            continue
        character = line[at]
        if character in _OPENING:
            open_brackets.append(_OPENING[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
            if not open_brackets:
                return at + 1
        at += 1
    return len(line)


def _in_flow(before: str) -> bool:
    bare = _QUOTED.sub("", before)
    return any(bare.count(opening) > bare.count(closing) for opening, closing in _OPENING.items())
