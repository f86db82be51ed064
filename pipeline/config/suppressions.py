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

_BLOCK = re.compile(
    r"(?P<before>\s*(?:-\s+)*)(?:(?P<key>[^\s#\"'&!*|>%@`,\[\]{}][^#]*?|\"[^\"]*\"|'[^']*'):\s+)?"
    r"(?:[&!]\S*\s+)*[|>][-+0-9]{0,2}\s*(?:\s#.*)?\Z"
)
"""A line that ends with the indicator of a block scalar."""

_VALUE = re.compile(r"(?:-\s+|[\[{,]\s*|[&!]\S*\s+|(?:[^\s:#\"'][^:#\"']*|\"[^\"]*\"|'[^']*'):\s+)*")
"""What stands on a line before its value: dashes, keys, brackets, anchors."""


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
    quote = ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.lstrip()
        if block is not None:
            if not stripped or len(line) - len(stripped) > block:
                continue
            block = None
        if stripped.startswith("#") and not quote:
            yield number, stripped, True
            continue
        at, quote = _comment_start(line, quote)
        if not quote and (found := _BLOCK.match(line)):
            block = _parent_column(found)
        if at >= 0:
            yield number, line[at:], False


def _parent_column(found: re.Match[str]) -> int:
    """Return the column of the key or dash that a block scalar belongs to; its text is indented more."""
    if found["key"] is not None:
        return found.start("key")
    before = found["before"].rstrip()
    return len(before) - 1  # of the dash; -1 at the top of a document


def _comment_start(line: str, quote: str) -> tuple[int, str]:
    """Return where the comment of a line begins, else -1, and the quote that is open at its end."""
    at = 0 if quote else _skip(line, len(line) - len(line.lstrip()))
    while at < len(line):
        if not quote and line[at] in "\"'":
            quote, at = line[at], at + 1
        if quote:
            at = _closing(line, at, quote)
            if at < 0:
                return -1, quote
            quote = ""
        following = _next_value(line, at)
        if following is None:
            comment = re.compile(r"(?<!\S)#").search(line, at)
            return (comment.start() if comment else -1), ""
        at = following
    return -1, ""


def _skip(line: str, at: int) -> int:
    found = _VALUE.match(line, at)
    return found.end() if found else at


def _next_value(line: str, at: int) -> int | None:
    """Return where another quoted text begins on a line, as in ``[\"a\", \"b\"]``, else None."""
    found = re.compile(r"[^#\"']*?[\[{,:]\s*(?=[\"'])").match(line, at)
    return found.end() if found else None


def _closing(line: str, at: int, quote: str) -> int:
    """Return the place after the quote that closes a text, or -1."""
    while at < len(line):
        if quote == '"' and line[at] == "\\":
            at += 2
        elif line[at] == quote:
            if quote == "'" and line[at + 1 : at + 2] == "'":
                at += 2
            else:
                return at + 1
        else:
            at += 1
    return -1
