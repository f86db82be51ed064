"""The drawing of a report's workflows: jobs with what each waits for, and how each ended."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.config.model import JobRequirement
from pipeline.runner.graph_marks import MARK_STYLE, STATUS_WORDS, JobMark
from pipeline.runner.graph_model import GraphJob
from pipeline.runner.graph_svg import GRAPH_STYLE, graph_svg
from pipeline.runner.report_model import ReportData, ReportFlow, ReportJob
from pipeline.runner.report_text import anchor_href, escaped

__all__ = ["GRAPH_PAGE_STYLE", "render_graph"]

GRAPH_PAGE_STYLE = GRAPH_STYLE + MARK_STYLE
"""The style of the drawings; colours that the page sets itself come after it."""


def render_graph(data: ReportData) -> str:
    """Return the workflows as drawings whose jobs are links; "" where nothing is to be drawn."""
    flows = [flow for flow in data.flows if flow.is_last and flow.jobs]
    return "\n".join(_flow(data, flow, titled=len(flows) > 1) for flow in flows)


def _flow(data: ReportData, flow: ReportFlow, *, titled: bool) -> str:
    jobs = [_job(data, job) for job in flow.jobs]
    marks = {drawn.name: _mark(job) for drawn, job in zip(jobs, flow.jobs, strict=True)}
    title = data.mask(flow.record.name)
    heading = f"<h3><bdi>{escaped(title)}</bdi></h3>" if titled else ""
    label = escaped(f"Graph of {title}")
    drawing = graph_svg(jobs, marks=marks, title=title, standalone=False)
    return f'{heading}<div class="graph" tabindex="0" role="region" aria-label="{label}">{drawing}</div>'


def _job(data: ReportData, job: ReportJob) -> GraphJob:
    record = job.record
    kind = "job" if record.type == "build" else record.type
    requires = tuple(
        JobRequirement(data.mask(name), tuple(statuses))
        for name, statuses in record.requires.items()
    )
    details = tuple(_details(data, job))
    return GraphJob(data.mask(record.name), requires, kind, record.parallelism, details)


def _details(data: ReportData, job: ReportJob) -> Iterator[tuple[str, str]]:
    if job.record.executor:
        yield "runs in", data.mask(job.record.executor)
    if job.record.reason:
        yield "reason", data.mask(job.record.reason)


def _mark(job: ReportJob) -> JobMark:
    record = job.record
    status = record.status if record.status in STATUS_WORDS else "failed"
    took = record.seconds if record.instances else None
    return JobMark(status, took, anchor_href(job.anchor))
