"""Findings as people and programs read them: with the source in a terminal, one a line, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config.excerpts import end_of_place, excerpt_line, harmless
from pipeline.config.findings import Finding

__all__ = ["findings_json", "findings_short", "render_findings", "terminal_width"]

JSON_VERSION = 1
"""Grows when a key of :func:`findings_json` is renamed, removed or changes its meaning."""

_NARROWEST = 20
"""Columns for the source where the terminal says that it has hardly any."""

_NEARBY = 2000
"""Characters before and after a place that are looked at; more than a terminal's line holds."""

_STYLES = {"error": "1;31", "warning": "1;33", "gutter": "1;34", "help": "1;36", "message": "1"}


def render_findings(findings: Sequence[Finding], *, colour: bool = False, width: int = 100) -> str:
    """Return findings for a terminal, each with the line it is about, and a summary.

    A line with a secret (the code ``plain-secret``) is shown for none of them.

    Args:
        findings: in the order in which they are shown.
        colour: whether to colour them by ANSI escape sequences.
        width: columns of the terminal; lines of the source are cut to it.

    Returns:
        Lines without a line break at the end; "" where there are no findings.
    """
    if not findings:
        return ""
    painter = _Painter(colour)
    secret = {
        (found.where.file, found.where.line) for found in findings if found.code == "plain-secret"
    }
    blocks = ["\n".join(_block(found, secret, painter, width)) for found in findings]
    return "\n\n".join([*blocks, _summary(findings, painter)])


def terminal_width() -> int:
    """Return the columns of the terminal, or of ``COLUMNS``; 100 where there is none."""
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


class _Painter:
    def __init__(self, colour: bool) -> None:
        self._colour = colour

    def __call__(self, text: str, style: str) -> str:
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self._colour and text else text


def _block(found: Finding, secret: set[tuple[str, int]], paint: _Painter, width: int) -> list[str]:
    margin = len(str(found.where.line)) if found.where.line else 1
    first, *others = _lines(found.message)
    head = paint(f"{found.severity}[{found.code}]", found.severity)
    lines = [f"{head}{paint(': ' + first, 'message')}"]
    lines += [f"{' ' * (margin + 3)}{line}" for line in others]
    lines.append(f"{' ' * margin}{paint('-->', 'gutter')} {harmless(str(found.where))}")
    lines += _source(found, secret, paint, margin, width)
    lines += _notes(found, paint, margin)
    return lines


def _source(
    found: Finding, secret: set[tuple[str, int]], paint: _Painter, margin: int, width: int
) -> list[str]:
    file, number = found.where.file, found.where.line
    if (file, number) in secret or not found.line_text.strip():
        return []
    room = max(width - margin - 3, _NARROWEST)
    bar = paint("|", "gutter")
    lines = [f"{' ' * (margin + 1)}{bar}"]
    if found.line_before.strip() and (file, number - 1) not in secret:
        before = excerpt_line(_nearby(found.line_before, 0)[0], room).text
        lines.append(f"{paint(str(number - 1).rjust(margin), 'gutter')} {bar} {before}")
    line, start = _nearby(found.line_text, max(found.where.column - 1, 0))
    shown = excerpt_line(line, room, start, end_of_place(line, start))
    lines.append(f"{paint(str(number).rjust(margin), 'gutter')} {bar} {shown.text}")
    carets = paint("^" * (shown.end - shown.start), found.severity)
    lines.append(f"{' ' * (margin + 1)}{bar} {' ' * shown.start}{carets}")
    return lines


def _nearby(line: str, start: int) -> tuple[str, int]:
    """Return what is near a place of a line, and the place in it: a line may be millions long."""
    first, last = max(start - _NEARBY, 0), start + _NEARBY
    if first == 0 and last >= len(line):
        return line, start
    return f"{'…' * (first > 0)}{line[first:last]}…", start - first + (first > 0)


def _notes(found: Finding, paint: _Painter, margin: int) -> list[str]:
    sign = f"{' ' * (margin + 1)}{paint('=', 'gutter')} "
    lines: list[str] = []
    if found.hint:
        first, *others = _lines(found.hint)
        lines.append(f"{sign}{paint('help', 'help')}: {first}")
        lines += [f"{' ' * (margin + 9)}{line}" for line in others]
    for call in found.calls:
        where = call.where
        place = f"{where.file}:{where.line}:{where.column}"
        lines.append(f"{sign}{harmless(f'{call} ({place})')}")
    return lines


def _lines(text: str) -> list[str]:
    return [harmless(line) for line in text.split("\n")]


def _summary(findings: Sequence[Finding], paint: _Painter) -> str:
    parts = []
    for severity in ("error", "warning"):
        count = sum(found.severity == severity for found in findings)
        if count:
            parts.append(paint(f"{count} {severity}{'s' * (count > 1)}", severity))
    return ", ".join(parts)


def findings_short(findings: Sequence[Finding]) -> str:
    """Return one line for each finding, as compilers write them and editors and ``grep`` read them.

    ``.circleci/config.yml:12:9: error: Cannot find a definition for job named bild [unknown-job]``
    """
    lines = []
    for found in findings:
        where = found.where
        message = " ".join(found.message.split())
        lines.append(
            harmless(
                f"{where.file}:{where.line}:{where.column}: {found.severity}: {message} [{found.code}]"
            )
        )
    return "\n".join(lines)


def findings_json(findings: Sequence[Finding]) -> str:
    """Return findings as JSON: ``{"version": 1, "valid": …, "findings": […]}``.

    ``valid`` is true where none of them is an error. Each finding has ``code``, ``severity``
    (``error`` or ``warning``), ``message``, ``file``, ``line`` and ``column`` (from 1; 0 where they
    are not known), ``path`` (the keys that lead there, as ``jobs.build.steps[3].run``), ``hint`` (or
    null) and ``calls``: the calls that lead there, outermost first, each with ``kind``, ``name``,
    ``file``, ``line`` and ``column``. Keys may be added without a new version.
    """
    import json

    return json.dumps(
        {
            "version": JSON_VERSION,
            "valid": all(found.severity != "error" for found in findings),
            "findings": [found.as_json() for found in findings],
        },
        indent=2,
    )
