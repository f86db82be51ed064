"""Workflows and their jobs as lists: for people, and for programs. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.runner.canvas import cell_width, plain_text
from pipeline.runner.overview import JobOverview, WorkflowOverview, statuses_text

__all__ = [
    "heading_lines",
    "job_data",
    "job_notes",
    "left_out_lines",
    "listing_data",
    "listing_lines",
    "needs_text",
    "styled",
]

_STYLES = {"bold": "1", "dim": "2", "yellow": "33", "cyan": "36", "green": "32"}
_NARROWEST_LAST = 20
"""Columns that the last cell of a row has at least; it is wrapped."""


def styled(text: str, style: str, *, colour: bool) -> str:
    """Return a text in a style, or as it is."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour and text else text


def heading_lines(flow: WorkflowOverview, *, width: int = 0, colour: bool = False) -> list[str]:
    """Return a workflow's name and whether it starts, wrapped to a width, or not with 0."""
    name, word = plain_text(flow.name), plain_text(flow.headline)
    first, *rest = _wrapped(f"{name}  {word}", width, "    ") or [""]
    style = "green" if flow.state == "starts" else "yellow"
    if not first.startswith(name):  # The name itself is wider than the terminal.
        return [first, *rest]
    head = styled(name, "bold", colour=colour) + styled(first[len(name) :], style, colour=colour)
    return [head, *(styled(line, style, colour=colour) for line in rest)]


def left_out_lines(flow: WorkflowOverview, *, width: int = 0, colour: bool = False) -> list[str]:
    """Return the jobs of a workflow that do not run, each with the reason."""
    lines: list[str] = []
    for job in flow.left_out:
        reason = plain_text(job.reason)
        text = f"left out: {plain_text(job.name)}" + (f" ({reason})" if reason else "")
        lines += [styled(line, "dim", colour=colour) for line in _wrapped(text, width, "    ")]
    return lines


def listing_lines(
    flows: Iterable[WorkflowOverview], *, width: int = 0, colour: bool = False
) -> list[str]:
    """Return workflows with their jobs in tables.

    Args:
        flows: the workflows.
        width: columns that the lines should fit into; where a table does not, each job has several lines.
            0 for any width.
        colour: whether to colour.
    """
    lines: list[str] = []
    for flow in flows:
        lines += [""] if lines else []
        lines += heading_lines(flow, width=width, colour=colour)
        lines += _table([_row(job) for job in flow.jobs], width, colour)
        lines += [
            f"  {line}" for line in left_out_lines(flow, width=max(width - 2, 0), colour=colour)
        ]
    return lines


def _row(job: JobOverview) -> tuple[str, str, str, str]:
    place = job.executor + (f", {job.resource_class}" if job.resource_class else "")
    name = plain_text(job.counted_name)
    return name, plain_text(place or job.kind), plain_text(needs_text(job)), job_notes(job)


def needs_text(job: JobOverview) -> str:
    """Return what a job requires: ``build, test (failed)``."""
    words = []
    for need in job.requires:
        label = statuses_text(need.statuses)
        words.append(f"{need.name} ({label})" if label else need.name)
    return ", ".join(words)


def job_notes(job: JobOverview) -> str:
    """Return what else there is to say of a job: services, images, contexts, serial group, filters."""
    notes = []
    if job.services:
        notes.append(f"services {', '.join(job.services)}")
    if job.here:
        notes.append(job.here)
    if job.contexts:
        notes.append(f"contexts {', '.join(job.contexts)}")
    if job.serial_group:
        notes.append(f"one at a time in {job.serial_group}")
    if job.filters:
        notes.append(job.filters)
    return plain_text("; ".join(notes))


_HEADING = ("JOB", "RUNS IN", "REQUIRES", "NOTES")


def _table(rows: Sequence[tuple[str, str, str, str]], width: int, colour: bool) -> list[str]:
    if not rows:
        return []
    used = [column for column in range(4) if any(row[column] for row in rows)]
    cells = [[row[column] for column in used] for row in rows]
    heading = [_HEADING[column] for column in used]
    wide = [max(map(cell_width, column)) for column in zip(heading, *cells, strict=True)]
    last = max(wide[-1] if not width else min(wide[-1], _NARROWEST_LAST), 1)
    if width and 2 + sum(wide[:-1]) + 2 * len(wide) - 2 + last > width:
        return _stacked(rows, width)
    lines = [styled(_line(heading, wide), "dim", colour=colour)]
    for row in cells:
        lines += _row_lines(row, wide, width)
    return lines


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = [
        cell + " " * max(width - cell_width(cell), 0)
        for cell, width in zip(cells, widths, strict=False)
    ]
    return ("  " + "  ".join(parts)).rstrip()


def _row_lines(cells: Sequence[str], widths: Sequence[int], width: int) -> list[str]:
    """Return a row's lines: of its last cell, what does not fit goes on below."""
    begin = 2 + sum(widths[:-1]) + 2 * len(widths) - 2
    first, *rest = _wrapped(cells[-1], max(width - begin, 1) if width else 0, "") or [""]
    return [_line([*cells[:-1], first], widths), *(" " * begin + line for line in rest)]


def _stacked(rows: Iterable[tuple[str, str, str, str]], width: int) -> list[str]:
    """Return each job on a line, and what does not fit there below it."""
    lines: list[str] = []
    rows = list(rows)
    wide = [max(cell_width(row[column]) for row in rows) for column in (0, 1)]
    for name, place, needs, notes in rows:
        facts = [f"after {needs}" if needs else "", notes]
        if sum(wide) + 4 <= width:
            lines.append(_line([name, place], wide))
        else:
            lines.append(f"  {name}")
            facts.insert(0, place)
        text = "; ".join(fact for fact in facts if fact)
        lines += [f"      {line}" for line in _wrapped(text, max(width - 6, 1), "  ")]
    return lines


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    if not width:
        return [text]
    return textwrap.wrap(
        text, max(width, len(indent) + 1), subsequent_indent=indent, break_on_hyphens=False
    )


# For programs -------------------------------------------------------------------------------------


def listing_data(flows: Iterable[WorkflowOverview]) -> list[dict[str, Any]]:
    """Return workflows as plain data: the shape that ``--json`` prints."""
    return [
        {
            "name": flow.name,
            "state": flow.state,
            "reason": flow.reason,
            "where": flow.where,
            "jobs": [job_data(job) for job in flow.jobs],
            "left_out": [
                {"name": job.name, "reason": job.reason, "where": job.where}
                for job in flow.left_out
            ],
        }
        for flow in flows
    ]


def job_data(job: JobOverview) -> dict[str, Any]:
    """Return a job as plain data."""
    return {
        "name": job.name,
        "kind": job.kind,
        "executor": job.executor,
        "services": list(job.services),
        "here": job.here,
        "resource_class": job.resource_class,
        "parallelism": job.parallelism,
        "node_index": job.node_index,
        "requires": {need.name: list(need.statuses) for need in job.requires},
        "contexts": list(job.contexts),
        "filters": job.filters,
        "serial_group": job.serial_group,
        "steps": job.steps,
        "where": job.where,
        "written_at": job.body_where,
    }
