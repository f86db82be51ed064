"""Text on its way to a screen: what programs print made harmless, measured in cells, cut to a width."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["cut", "plain_text", "safe_line", "width_of"]

_LONGEST = 8192
"""Characters of a line that are looked at; nobody reads further on a screen, and the log has all."""
_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_HARMFUL = re.compile(
    r"(?P<sgr>\x1b\[[0-9;:]*m)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # control sequences: cursor, erase, modes
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links, and whatever goes to the terminal
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_OVERWRITTEN = re.compile(r"[^\x08]\x08")
_VARIANT = "\ufe0f"


def safe_line(text: str, *, colours: bool) -> str:
    """Return a line of a program's output without anything that could move the cursor or hide text.

    Colours are kept where they are wanted, and end with the line. Of a progress bar that redraws itself
    with carriage returns the last state is left.
    """
    text = _last_state(text[-_LONGEST:] if "\r" in text else text[:_LONGEST])
    if text.isprintable():
        return text
    while "\x08" in text:
        shorter = _OVERWRITTEN.sub("", text)
        text = shorter if shorter != text else text.replace("\x08", "")
    text = _HARMFUL.sub(lambda found: _kept(found, colours), text.expandtabs(8))
    return f"{text}\x1b[0m" if "\x1b" in text else text


def plain_text(text: str) -> str:
    """Return a text, as a name or a reason, in one line and without any control sequence."""
    return safe_line(" ".join(text.split()), colours=False)


def _kept(found: re.Match[str], colours: bool) -> str:
    return found["sgr"] or "" if colours else ""


def _last_state(text: str) -> str:
    if "\r" not in text:
        return text
    for state in reversed(text.split("\r")):
        if _HARMFUL.sub("", state).strip():
            return state
    return ""


def width_of(text: str) -> int:
    """Return how many cells a text takes in a terminal; colours take none."""
    plain = _SGR.sub("", text)
    return len(plain) if plain.isascii() else sum(map(_char_width, plain))


def cut(text: str, width: int) -> str:
    """Return a text cut to a width in cells, with an ellipsis where something is missing."""
    if len(text) <= width and text.isascii():
        return text
    if width_of(text) <= width:
        return text
    kept, used, position = [], 0, 0
    while position < len(text):
        style = _SGR.match(text, position)
        if style:
            kept.append(style[0])
            position = style.end()
            continue
        used += _char_width(text[position])
        if used > width - 1:
            break
        kept.append(text[position])
        position += 1
    end = "\x1b[0m" if "\x1b" in text else ""
    return "".join(kept) + ("…" if width > 0 else "") + end


@lru_cache(maxsize=4096)
def _char_width(char: str) -> int:
    """Return a character's cells; rather one too many than one too few, which would break the lines."""
    if char == _VARIANT:
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
