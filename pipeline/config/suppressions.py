"""Comments that turn warnings off.

Two ways of writing them are known:

====================================================  ==============================================
comment                                               turns off
====================================================  ==============================================
``# orbyard: ignore``                                 warnings of its line, or where it stands alone
                                                      those of the line below
``# orbyard: ignore[unused-job, plain-secret]``       the same, for these codes only
``# cci-ignore``                                      warnings of its line
``# cci-ignore-next-line``                            warnings of the line below
``# cci-ignore-start`` … ``# cci-ignore-end``         warnings from the one line to the other
``# cci-ignore-file``                                 warnings of the file
====================================================  ==============================================

The last four are those of CircleCI's language server: nothing may follow the word, and a start without
its end turns nothing off. Errors stay, since CircleCI refuses the configuration whatever a comment says.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.config.findings import Finding
from pipeline.config.nodes import Source

__all__ = ["comments", "suppressed"]

_CCI = re.compile(r"#\s*cci-ignore(?P<what>-file|-next-line|-start|-end|)\s*\Z")
_OWN = re.compile(r"#\s*orbyard:\s*ignore\b(?:\s*\[(?P<codes>[^\]]*)\])?")
_EVERY_CODE = frozenset({"*"})

_INDICATOR = re.compile(r"[|>][-+0-9]{0,2}")
"""What a block scalar begins with, at the end of a line."""

_DASHES = re.compile(r"\s*+(?>(?:-\s++)*)")
_NO_KEY = frozenset("#&!*|>%@`,[]{}")

_PROPERTY = re.compile(r"[&!][^\s,\[\]{}]*[ \t]+")
"""An anchor or a tag, which stands before a value."""


def suppressed(source: Source, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings without the warnings that comments of the document turn off.

    Args:
        source: the document; findings in other files are kept.
        findings: those of the whole run.
    """
    if "cci-ignore" not in source.text and "orbyard:" not in source.text:
        return tuple(findings)
    lines = _read(source.text)
    return tuple(
        finding
        for finding in findings
        if finding.severity == "error"
        or finding.where.file != source.name
        or not lines.covers(finding)
    )


@dataclass(slots=True)
class _Lines:
    """What comments turn off: codes by line, ranges of lines, or all of the file."""

    whole_file: bool = False
    codes: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def covers(self, finding: Finding) -> bool:
        line = finding.where.line or 0
        codes = self.codes.get(line, ())
        return (
            self.whole_file
            or "*" in codes
            or finding.code in codes
            or any(first <= line <= last for first, last in self.ranges)
        )


def _read(text: str) -> _Lines:
    lines, start = _Lines(), 0
    found = list(comments(text))
    alone = {number for number, _, stands_alone in found if stands_alone}
    for number, comment, stands_alone in found:
        if own := _OWN.match(comment):
            listed = own["codes"]
            codes = _EVERY_CODE if listed is None else set(re.findall(r"[\w-]+", listed))
            lines.codes[_line_below(number, alone) if stands_alone else number] |= codes
        if not (cci := _CCI.search(comment)):
            continue
        what = cci["what"]
        if what == "-file":
            lines.whole_file = True
        elif what == "-start":
            start = start or number
        elif what == "-end" and start:
            lines.ranges.append((start, number))
            start = 0
        elif what in ("", "-next-line"):
            lines.codes[number + (what == "-next-line")] |= _EVERY_CODE
    return lines


def _line_below(number: int, comments_alone: set[int]) -> int:
    """Return the line below a comment, and below further comments."""
    number += 1
    while number in comments_alone:
        number += 1
    return number


def comments(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield the comments of a YAML text: line from 1, comment with its ``#``, whether it stands alone.

    A ``#`` in a quoted text or a block scalar is none.
    """
    block: int | None = None
    scanner = _LineScanner()
    for number, line in enumerate(text.split("\n"), 1):
        line = line.rstrip("\r")
        stripped = line.lstrip()
        if block is not None:
            if not stripped or len(line) - len(stripped) > block:
                continue
            block = None
        at = scanner.comment_start(line)
        if at >= 0:
            yield number, line[at:], not line[:at].strip()
        if not scanner.quote and not scanner.depth:
            block = _block_column(line if at < 0 else line[:at])


def _block_column(line: str) -> int | None:
    """Return the column of the key or dash that a block scalar belongs to; its text is indented more.

    None where the line, which is without its comment, does not end with a block scalar's indicator.
    """
    words = line.split()
    if not words or not _INDICATOR.fullmatch(words.pop()):
        return None
    while words and words[-1][0] in "&!" and not words[-1].endswith(":"):
        words.pop()
    found = _DASHES.match(line)
    assert found
    if words and words[-1].endswith(":"):
        return None if line[found.end()] in _NO_KEY else found.end()
    if any(word != "-" for word in words):
        return None
    return len(found[0].rstrip()) - 1  # of the dash; -1 at the top of a document


@dataclass(slots=True)
class _LineScanner:
    """Finds comments line by line; knows the quote and the brackets that are open where a line ends."""

    quote: str = ""
    depth: int = 0

    def comment_start(self, line: str) -> int:
        """Return where the comment of the next line begins, or -1."""
        at, at_value = 0, True
        while at < len(line):
            character = line[at]
            if self.quote:
                at = self._quoted(line, at)
                at_value = False
            elif character == "#" and (at == 0 or line[at - 1] in " \t"):
                return at
            elif at_value and character in "\"'":
                self.quote, at = character, at + 1
            elif at_value and (found := _PROPERTY.match(line, at)):
                at = found.end()
            else:
                at_value = self._plain(line, at, at_value)
                at += 1
        return -1

    def _quoted(self, line: str, at: int) -> int:
        """Return the place after the quoted text, or the line's end where it goes on below."""
        while at < len(line):
            if self.quote == '"' and line[at] == "\\":
                at += 2
            elif line[at] != self.quote:
                at += 1
            elif self.quote == "'" and line[at + 1 : at + 2] == "'":
                at += 2
            else:
                self.quote = ""
                return at + 1
        return at

    def _plain(self, line: str, at: int, at_value: bool) -> bool:
        """Go past a character outside of quotes; return whether a value may begin after it."""
        character = line[at]
        if character in " \t":
            return at_value or line[at - 1 : at] == ":"
        if character in "[{" and (at_value or self.depth):
            self.depth += 1
            return True
        if self.depth and character in "]},":
            self.depth -= character != ","
            return character == ","
        if self.depth and character == ":":
            return True
        return at_value and character == "-" and line[at + 1 : at + 2] in (" ", "")
