"""The timeline of a run: a bar for each instance of a job, on one axis of time. Pure.

Positions are in percent, so that the drawing fits every width without a script.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.output import format_duration
from pipeline.runner.record import FAILED, JobRecord
from pipeline.runner.report_model import ReportData, ReportFlow, ReportInstance, ReportJob
from pipeline.runner.report_text import anchor_href, escaped

__all__ = ["Bar", "render_timeline", "timeline_bars"]

_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
_MOST_TICKS = 8
_SHORTEST_S = 0.05
"""Jobs that run nothing and are shorter are not drawn."""
_NARROWEST = 0.25
"""Percent: what is shorter is drawn as wide as this, to be seen at all."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the timeline; times are seconds since the run began.

    Attributes:
        label: what it is called.
        anchor: its place in the page.
        status: how it ended.
        free_at: when it could have started.
        start: when its steps began.
        end: when they ended.
        is_critical: whether the run would have ended earlier without it.
        steps: name, place, status, start and end of each step.
    """

    label: str
    anchor: str
    status: str
    free_at: float
    start: float
    end: float
    is_critical: bool = False
    steps: tuple[tuple[str, str, str, float, float], ...] = ()


def timeline_bars(data: ReportData, critical: frozenset[tuple[str, str]]) -> tuple[Bar, ...]:
    """Return the bars of what ran, in the order in which it began.

    Args:
        data: the run.
        critical: workflow and name of the jobs of its critical path.
    """
    bars = [
        bar
        for number, flow in enumerate(data.flows)
        for job in flow.jobs
        if job.record.started_at is not None
        and not job.record.kept_from
        and not _went_on(job.record, data.flows[number + 1 :])
        for bar in _bars(data, flow, job, critical)
    ]
    return tuple(sorted(bars, key=lambda bar: (bar.free_at, bar.start)))


def _went_on(job: JobRecord, later: Iterable[ReportFlow]) -> bool:
    """Return whether a rerun took a job over that had gone well: its bar is drawn there."""
    return any(other == job for flow in later for other in flow.record.jobs)


def _bars(
    data: ReportData, flow: ReportFlow, job: ReportJob, critical: frozenset[tuple[str, str]]
) -> Iterator[Bar]:
    zero = data.record.started_at
    is_critical = flow.is_last and (flow.record.name, job.record.name) in critical
    needed = [one for one in flow.record.jobs if one.name in job.record.requires]
    before = [one for one in data.flows if one.record.name == flow.record.name]
    for earlier in before[: before.index(flow)]:
        # A rerun begins when all of the attempt before it has ended.
        needed += earlier.record.jobs
    free_at = _free_at(needed, zero)
    suffix = "" if flow.is_last else f" (attempt {flow.record.attempt})"
    for instance in job.instances:
        result = instance.result
        start = (result.started_at or job.record.started_at or zero) - zero
        yield Bar(
            instance.label + suffix,
            instance.anchor,
            result.status,
            min(free_at, start),
            start,
            start + result.seconds,
            is_critical,
            tuple(_steps(instance, zero)),
        )
    if not job.instances and job.record.seconds >= _SHORTEST_S:
        start = (job.record.started_at or zero) - zero
        end = start + job.record.seconds
        label = job.label + suffix
        yield Bar(
            label, job.anchor, job.record.status, min(free_at, start), start, end, is_critical
        )


def _steps(instance: ReportInstance, zero: float) -> Iterator[tuple[str, str, str, float, float]]:
    for step in instance.steps:
        result = step.result
        if result.started_at is not None:
            start = result.started_at - zero
            yield result.name, step.anchor, result.status, start, start + result.seconds


def _free_at(needed: Iterable[JobRecord], zero: float) -> float:
    """Return when all that a job waited for had ended, in seconds since the run began."""
    ends = [
        need.started_at + need.seconds - zero
        for need in needed
        if need.started_at is not None and not need.kept_from
    ]
    return max([0.0, *ends])


def render_timeline(bars: tuple[Bar, ...], seconds: float) -> str:
    """Return the timeline as HTML with a drawing in each row."""
    total = max([seconds, 0.001, *(bar.end for bar in bars)])
    rows = "\n".join(_row(bar, total) for bar in bars)
    return (
        '<div class="timeline" tabindex="0" role="region" aria-label="Timeline">\n'
        f'<div class="trow axis" aria-hidden="true"><span></span>{_axis(total)}<span></span></div>\n'
        f"<ol>\n{rows}\n</ol>\n</div>\n{_LEGEND}"
    )


_LEGEND = """\
<ul class="legend">
<li><span class="key k-success"></span>went well</li>
<li><span class="key k-failed"></span>failed</li>
<li><span class="key k-other"></span>stopped or on hold</li>
<li><span class="key k-wait"></span>waited: for a place, its image, its serial group</li>
<li><span class="key k-critical"></span>critical path: what has to be faster for the run to be</li>
</ul>
"""


def _axis(total: float) -> str:
    step = next((tick for tick in _TICKS if total / tick <= _MOST_TICKS), total / _MOST_TICKS)
    texts = []
    for number in range(int(total / step) + 1):
        share = number * step / total * 100
        anchor = ' text-anchor="end"' if share > 95 else ""
        shift = "-3" if anchor else "3"
        label = _tick(number * step)
        texts.append(
            f'<line x1="{share:.2f}%" x2="{share:.2f}%" y1="0" y2="20"/>'
            f'<text x="{share:.2f}%" dx="{shift}" y="13"{anchor}>{label}</text>'
        )
    return f'<svg class="bars" width="100%" height="20">{"".join(texts)}</svg>'


def _tick(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g}s"
    return format_duration(seconds).replace(" 00s", "").replace(" 00m", "")


def _row(bar: Bar, total: float) -> str:
    took = format_duration(bar.end - bar.start)
    waited = bar.start - bar.free_at
    words = f"{bar.label}: {bar.status}, {took}"
    if waited >= 0.05:
        words += f", after a wait of {format_duration(waited)}"
    if bar.is_critical:
        words += ", on the critical path"
    kind = _kind(bar.status)
    left, width = _span(bar.start, bar.end, total)
    wait_left, wait_width = bar.free_at / total * 100, waited / total * 100
    wait = (
        f'<rect class="wait" x="{wait_left:.2f}%" width="{wait_width:.2f}%" y="9" height="4"/>'
        if wait_width > 0.1
        else ""
    )
    steps = "".join(_segment(step, total) for step in bar.steps)
    mark = (
        f'<rect class="critical" x="{left:.2f}%" width="{width:.2f}%" y="19" height="3"/>'
        if bar.is_critical
        else ""
    )
    shown = escaped(words)
    return (
        f'<li class="trow"><a href="{anchor_href(bar.anchor)}">'
        f'<svg class="i i-{bar.status}" aria-hidden="true"><use href="#i-{bar.status}"/></svg>'
        f" <bdi>{escaped(bar.label)}</bdi></a>"
        f'<svg class="bars" width="100%" height="24" role="img" aria-label="{shown}">'
        f'{wait}<rect class="bar {kind}" x="{left:.2f}%" width="{width:.2f}%" y="4" height="14" '
        f'rx="2"><title>{shown}</title></rect>{steps}{mark}</svg>'
        f'<span class="took">{took}</span></li>'
    )


def _segment(step: tuple[str, str, str, float, float], total: float) -> str:
    name, anchor, status, start, end = step
    left, width = _span(start, end, total)
    if width <= _NARROWEST and status != "failed":
        return ""
    words = escaped(f"{name}: {status}, {format_duration(end - start)}")
    return (
        f'<a href="{anchor_href(anchor)}" tabindex="-1"><rect class="seg {_kind(status)}" '
        f'x="{left:.2f}%" width="{width:.2f}%" y="4" height="14"><title>{words}</title></rect></a>'
    )


def _span(start: float, end: float, total: float) -> tuple[float, float]:
    """Return left edge and width in percent, of a thing that stays to be seen at the right edge."""
    width = max(_NARROWEST, (end - start) / total * 100)
    return min(start / total * 100, 100 - width), width


def _kind(status: str) -> str:
    if status == "success":
        return "k-success"
    return "k-failed" if status in FAILED else "k-other"
