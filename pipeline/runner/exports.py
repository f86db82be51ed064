"""What a shell's ``export -p`` prints, read: for jobs in which there is no ``env -0``."""

from __future__ import annotations

import re

__all__ = ["parse_exports"]

_HEAD = re.compile(r"(?:export|declare -\w+) (?P<name>[^=\s]+)(?P<sign>=?)")
_PIECE = re.compile(
    r"""'(?P<plain>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\$'(?P<ansi>(?:[^'\\]|\\.)*)'"""
    r"""|\\(?P<escaped>.)|(?P<bare>[^\s'"\\]+)""",
    re.DOTALL,
)
_IN_DOUBLE = re.compile(r'\\([\\"$`])')
_ANSI = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "v": "\v",
}


def parse_exports(text: str) -> dict[str, str]:
    """Return the variables of ``export A='b'`` lines, as dash, busybox and bash write them."""
    variables: dict[str, str] = {}
    position = 0
    while head := _HEAD.search(text, position):
        position = head.end()
        if not head["sign"]:
            continue
        value: list[str] = []
        while piece := _PIECE.match(text, position):
            value.append(_unquoted(piece))
            position = piece.end()
        whole = "".join(value).encode("utf-8", "surrogateescape")
        variables[head["name"]] = whole.decode("utf-8", "surrogateescape")
    return variables


def _unquoted(piece: re.Match[str]) -> str:
    if piece["double"] is not None:
        return _IN_DOUBLE.sub(r"\1", piece["double"].replace("\\\n", ""))
    if piece["ansi"] is not None:
        return _ANSI.sub(_ansi, piece["ansi"])
    return piece["plain"] or piece["escaped"] or piece["bare"] or ""


def _ansi(escape: re.Match[str]) -> str:
    if escape[1] or escape[2]:
        code = int(escape[1], 16) if escape[1] else int(escape[2], 8) & 0xFF
        return bytes([code]).decode("utf-8", "surrogateescape")
    return _LETTERS.get(escape[3], escape[3])
