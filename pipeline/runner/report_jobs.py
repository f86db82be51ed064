"""The jobs of a report's page: steps folded, failed ones open, and the logs beside them, packed."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from html import escape
from pathlib import Path

from pipeline.output import format_duration
from pipeline.runner.record import status_words
from pipeline.runner.report_ansi import Line
from pipeline.runner.report_log import LogExcerpt, read_log
from pipeline.runner.report_model import (
    ReportData,
    ReportFlow,
    ReportInstance,
    ReportJob,
    ReportStep,
)
from pipeline.runner.report_text import anchor_href, escaped, link_to, time_tag

__all__ = ["JobSections", "icon", "render_lines"]

_SHOWN_WITHOUT_SCRIPT = 100
"""Lines of a failed step that are in the page as they are: seen without a script, and printed."""


def icon(status: str) -> str:
    """Return the mark of a status; its shape tells it as well as its colour."""
    name = escape(status)
    return f'<svg class="i i-{name}" aria-hidden="true"><use href="#i-{name}"/></svg>'


def render_lines(lines: list[tuple[int, Line]]) -> str:
    """Return numbered lines of a log as HTML."""
    return "".join(
        f'<div class="l" data-n="{number}">{_line(line) or "<br>"}</div>' for number, line in lines
    )


def _line(line: Line) -> str:
    if isinstance(line, str):
        return escape(line)
    return "".join(
        f'<span class="{style}">{escape(text)}</span>' if style else escape(text)
        for style, text in zip(line[::2], line[1::2], strict=True)
    )


class JobSections:
    """Renders the jobs; what their steps printed goes into blocks of data at the page's end.

    Args:
        data: the run.
        page_folder: the folder that links count from.
    """

    def __init__(self, data: ReportData, page_folder: Path) -> None:
        self._data = data
        self._page_folder = page_folder
        self._blocks: list[str] = []
        self.excerpts: dict[str, LogExcerpt] = {}
        self._bytes = sum(
            min(step.log.stat().st_size, 1_000_000)
            for job in data.jobs()
            for instance in job.instances
            for step in instance.steps
            if step.log is not None and step.log.is_file()
        )

    def blocks(self) -> str:
        """Return the logs of what was rendered, packed, as elements for the end of the page."""
        return "\n".join(self._blocks)

    def flow(self, flow: ReportFlow) -> str:
        """Return an attempt of a workflow with its jobs."""
        jobs = "\n".join(self._job(job) for job in flow.jobs)
        left_out = ", ".join(self._text(name) for name in flow.record.left_out)
        note = f'<p class="quiet">Left out by filters: {left_out}</p>' if left_out else ""
        heading = f"{icon(flow.record.status)} <bdi>{escaped(flow.title)}</bdi>"
        if flow.is_last:
            return f'<h3>{heading}</h3>\n<div class="jobs">{jobs}</div>{note}'
        return (
            f'<details class="earlier"><summary><h3>{heading}</h3></summary>'
            f'<div class="jobs">{jobs}</div>{note}</details>'
        )

    def _text(self, text: object) -> str:
        return escaped(self._data.mask(str(text)))

    def _job(self, job: ReportJob) -> str:
        record = job.record
        is_open = " open" if record.status in ("failed", "timedout") else ""
        took = _duration(record.started_at, record.seconds) if record.seconds >= 0.05 else ""
        head = (
            f'<summary>{icon(record.status)}<span class="name"><bdi>{escaped(job.label)}</bdi></span>'
            f'<span class="note">{self._text(record.reason)}</span>'
            f'<span class="state">{status_words(record.status)}</span>'
            f'<span class="took">{took}</span></summary>'
        )
        body = [f'<dl class="facts">{"".join(self._facts(record_facts(job)))}</dl>']
        body += [self._instance(job, instance) for instance in job.instances]
        return (
            f'<details class="job s-{record.status}" id="{escaped(job.anchor)}" '
            f'data-seconds="{record.seconds:.3f}"{is_open}>{head}'
            f'<div class="body">{"".join(body)}</div></details>'
        )

    def _facts(self, facts: Iterator[tuple[str, str]]) -> Iterator[str]:
        for name, value in facts:
            yield f"<div><dt>{name}</dt><dd>{self._text(value)}</dd></div>"

    def _instance(self, job: ReportJob, instance: ReportInstance) -> str:
        excerpts: list[LogExcerpt] = []
        number = len(self._blocks)
        steps = "\n".join(
            self._step(step, f"{number}:{len(excerpts)}", excerpts) for step in instance.steps
        )
        if excerpts:
            self._blocks.append(_block(number, excerpts))
        result = instance.result
        several = job.record.parallelism > 1
        reason = result.reason
        if reason and (several or reason != job.record.reason):
            steps = f'<p class="reason">{self._text(reason)}</p>{steps}'
        if not several:
            return f'<div class="steps">{steps}</div>'
        is_open = " open" if result.status in ("failed", "timedout") else ""
        return (
            f'<details class="instance" id="{escaped(instance.anchor)}"{is_open}><summary>'
            f'{icon(result.status)}<span class="name"><bdi>{escaped(instance.label)}</bdi></span>'
            f'<span class="state">{status_words(result.status)}</span>'
            f'<span class="took">{_duration(result.started_at, result.seconds)}</span></summary>'
            f'<div class="steps">{steps}</div></details>'
        )

    def _step(self, step: ReportStep, place: str, excerpts: list[LogExcerpt]) -> str:
        result = step.result
        excerpt = None
        if step.log is not None:
            excerpt = read_log(step.log, self._data.log_limits(step, self._bytes))
        failed = result.status == "failed"
        code = (
            f'<span class="code">exit {escaped(result.exit_code)}</span>'
            if result.exit_code
            else ""
        )
        head = (
            f'<summary>{icon(result.status)}<span class="name"><bdi>{escaped(result.name)}</bdi></span>'
            f'<span class="note">{escaped(result.note)}</span>{code}'
            f'<span class="took">{_duration(result.started_at, result.seconds)}</span></summary>'
        )
        data = ""
        log = ""
        if excerpt is not None:
            excerpts.append(excerpt)
            self.excerpts[step.anchor] = excerpt
            data = f' data-log="{place}"'
            log = self._log(step, excerpt, shown=failed)
        return (
            f'<details class="step s-{result.status}" id="{escaped(step.anchor)}"{data}'
            f"{' open' if failed else ''}>{head}"
            f'<div class="body"><p class="meta">{"".join(self._meta(step))}</p>{log}</div></details>'
        )

    def _meta(self, step: ReportStep) -> Iterator[str]:
        if step.result.status in ("skipped", "not_run"):
            yield f"<span>{status_words(step.result.status)}</span>"
        yield f"<span>written at <code>{self._text(step.result.where)}</code></span>"
        if step.result.started_at is not None:
            yield f"<span>{time_tag(step.result.started_at)}</span>"
        if step.log is not None and step.log.is_file():
            yield f'<a href="{link_to(step.log, self._page_folder)}">whole log</a>'
        yield f'<a href="{anchor_href(step.anchor)}">link to this step</a>'

    def _log(self, step: ReportStep, excerpt: LogExcerpt, *, shown: bool) -> str:
        lines = excerpt.last_lines(_SHOWN_WITHOUT_SCRIPT) if shown else []
        if not excerpt.size_bytes:
            return '<p class="quiet">It printed nothing.</p>'
        label = escaped(f"Output of {step.result.name}")
        note = ""
        if excerpt.left_out and step.log is not None:
            where = escaped(step.log.name)
            note = (
                f'<p class="cut">{excerpt.left_out:,} lines in the middle are not in this page: they are '
                f'in <a href="{link_to(step.log, self._page_folder)}">{where}</a>.</p>'
            )
        return (
            f'{note}<div class="log" role="region" aria-label="{label}" tabindex="0">'
            f"{render_lines(lines)}</div>"
        )


def record_facts(job: ReportJob) -> Iterator[tuple[str, str]]:
    """Yield what is known of a job beside its steps, as words and values."""
    record = job.record
    if record.executor:
        yield "runs in", record.executor
    elif record.type != "build":
        yield "type", record.type
    if record.requires:
        yield "after", ", ".join(_requirement(*item) for item in record.requires.items())
    if record.contexts:
        yield "contexts", ", ".join(record.contexts)
    if record.group:
        yield "serial group", record.group
    if record.parallelism > 1:
        yield "instances", str(record.parallelism)
    if job.is_taken_over and record.started_at is not None:
        yield "taken over from", f"attempt {job.attempt}"
    if record.kept_from:
        yield "taken over from", record.kept_from
    if record.where:
        yield "written at", record.where


def _requirement(name: str, statuses: tuple[str, ...]) -> str:
    if tuple(statuses) == ("success",):
        return name
    return f"{name} ({', '.join(statuses)})"


def _duration(started_at: float | None, seconds: float) -> str:
    return format_duration(seconds) if started_at is not None else ""


def _block(number: int, excerpts: list[LogExcerpt]) -> str:
    """Return the logs of an instance as an element: JSON, deflated, in base64."""
    logs = [[one.head, one.left_out, one.tail] if one.left_out else [one.head] for one in excerpts]
    text = json.dumps(logs, ensure_ascii=False, separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(text.encode("utf-8", "replace"), 6)).decode()
    return f'<script type="application/x-orbyard-logs" id="_logs-{number}">{packed}</script>'
