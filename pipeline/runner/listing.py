"""Workflows and their jobs as lists: for people, and for programs. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.runner.canvas import cell_width, plain_text
from pipeline.runner.overview import JobOverview, WorkflowOverview, statuses_text

__all__ = ["heading_line", "job_data", "left_out_lines", "listing_data", "listing_lines", "styled"]

_STYLES = {"bold": "1", "dim": "2", "yellow": "33", "cyan": "36", "green": "32"}
_WIDEST_CELL = 48
"""Columns of a cell beyond which it does not push the others away."""
_NARROWEST_LAST = 24


def styled(text: str, style: str, *, colour: bool) -> str:
    """Return a text in a style, or as it is."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if colour and text else text


def heading_line(flow: WorkflowOverview, *, colour: bool = False) -> str:
    """Return a workflow's name and whether it starts."""
    name = styled(plain_text(flow.name), "bold", colour=colour)
    reason = plain_text(flow.reason)
    style = "green" if flow.state == "starts" else "yellow"
    word = reason if flow.state in ("starts", "scheduled") else f"does not run: {reason}"
    return f"{name}  {styled(word, style, colour=colour)}"


def left_out_lines(flow: WorkflowOverview, *, colour: bool = False) -> list[str]:
    """Return the jobs of a workflow that do not run, each with the reason."""
    lines = []
    for job in flow.left_out:
        reason = plain_text(job.reason)
        text = f"left out: {plain_text(job.name)}" + (f" ({reason})" if reason else "")
        lines.append(styled(text, "dim", colour=colour))
    return lines


def listing_lines(
    flows: Iterable[WorkflowOverview], *, width: int = 0, colour: bool = False
) -> list[str]:
    """Return workflows with their jobs in tables.

    Args:
        flows: the workflows.
        width: columns that lines are wrapped to; 0 for not at all.
        colour: whether to colour.
    """
    lines: list[str] = []
    for flow in flows:
        lines += [*([""] if lines else []), heading_line(flow, colour=colour)]
        rows = [_row(job) for job in flow.jobs]
        rows += [
            [f"- {plain_text(job.name)}", _left_out_word(job.reason), "", ""]
            for job in flow.left_out
        ]
        lines += _table(rows, len(flow.jobs), width, colour)
    return lines


def _left_out_word(reason: str) -> str:
    return f"left out: {plain_text(reason)}" if reason else ""


def _row(job: JobOverview) -> list[str]:
    name = plain_text(job.name) + (f" ×{job.parallelism}" if job.parallelism > 1 else "")
    place = job.executor + (f", {job.resource_class}" if job.resource_class else "")
    return [f"  {name}", plain_text(place or job.kind), plain_text(needs_text(job)), _notes(job)]


def needs_text(job: JobOverview) -> str:
    """Return what a job requires: ``build, test (failed)``."""
    words = []
    for need in job.requires:
        label = statuses_text(need.statuses)
        words.append(f"{need.name} ({label})" if label else need.name)
    return ", ".join(words)


def _notes(job: JobOverview) -> str:
    notes = []
    if job.contexts:
        notes.append(f"contexts {', '.join(job.contexts)}")
    if job.serial_group:
        notes.append(f"one at a time in {job.serial_group}")
    if job.filters:
        notes.append(job.filters)
    return plain_text("; ".join(notes))


def _table(rows: list[list[str]], running: int, width: int, colour: bool) -> list[str]:
    if not rows:
        return []
    heading = ["  JOB", "RUNS IN", "REQUIRES", "NOTES"]
    used = [n for n in range(4) if n < 2 or any(row[n] for row in rows)]
    widths = [
        min(_WIDEST_CELL, max(cell_width(row[n]) for row in (heading, *rows[:running])))
        for n in used
    ]
    lines = [styled(_line([heading[n] for n in used], widths), "dim", colour=colour)]
    for number, row in enumerate(rows):
        cells = [row[n] for n in used]
        if number >= running:
            lines.append(styled(_line([cells[0], cells[1]], widths), "dim", colour=colour))
        else:
            lines += _wrapped(cells, widths, width)
    return lines


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = [
        cell + " " * max(width - cell_width(cell), 0)
        for cell, width in zip(cells, widths, strict=False)
    ]
    return "  ".join(parts).rstrip()


def _wrapped(cells: list[str], widths: Sequence[int], width: int) -> list[str]:
    """Return a row's lines; what does not fit goes on below its own column."""
    if not width or cell_width(_line(cells, widths)) <= width:
        return [_line(cells, widths)]
    stacks: list[list[str]] = []
    begin = 0
    for number, (cell, wide) in enumerate(zip(cells, widths, strict=True)):
        last = number == len(cells) - 1
        room = max(width - begin, _NARROWEST_LAST) if last else wide
        # A name stays whole, so that it can be copied.
        stacks.append([cell] if number == 0 else textwrap.wrap(cell, room) or [""])
        begin += wide + 2
    return [
        _line([stack[n] if n < len(stack) else "" for stack in stacks], widths)
        for n in range(max(map(len, stacks)))
    ]


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
        "resource_class": job.resource_class,
        "parallelism": job.parallelism,
        "requires": {need.name: list(need.statuses) for need in job.requires},
        "contexts": list(job.contexts),
        "filters": job.filters,
        "serial_group": job.serial_group,
        "steps": job.steps,
        "where": job.where,
        "written_at": job.body_where,
    }
