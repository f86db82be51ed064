"""A run as one HTML page that needs nothing else: no network, no other file.

The page forbids itself all that it does not have (a strict Content-Security-Policy), so that even a log
line that should slip through unescaped could do nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path

from pipeline.output import format_duration
from pipeline.runner.record import FAILED, status_words
from pipeline.runner.report_graph import GRAPH_PAGE_STYLE, render_graph
from pipeline.runner.report_jobs import JobSections, icon, render_lines
from pipeline.runner.report_model import ReportData, ReportJob, ReportStep
from pipeline.runner.report_results import render_artifacts, render_caches, render_tests
from pipeline.runner.report_text import anchor_href, escaped, time_tag
from pipeline.runner.report_timeline import render_timeline, timeline_bars

__all__ = ["render_page"]

_LAST_LINES = 12
"""Lines of a failed step's output at the top of the page; mostly they say what is wrong."""


def render_page(data: ReportData, page_folder: Path) -> str:
    """Return the page.

    Args:
        data: the run.
        page_folder: where the page will be; links to logs and artifacts count from there.
    """
    page = _Page(data, page_folder)
    style, script = GRAPH_PAGE_STYLE + _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return "".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            '<meta name="color-scheme" content="light dark">\n',
            '<meta name="referrer" content="no-referrer">\n',
            f"<title>{page.title()}</title>\n",
            f'<link rel="icon" href="{_favicon(data.record.status)}">\n',
            f"<style>{style}</style>\n</head>\n<body>\n{_asset('icons.svg')}",
            page.body(),
            f"<script>{script}</script>\n</body>\n</html>\n",
        )
    )


@cache
def _asset(name: str) -> str:
    return (files("pipeline.runner") / "report_assets" / name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _favicon(status: str) -> str:
    colour = {"success": "%230f7a5f", "failed": "%23c0341d"}.get(status, "%23667085")
    return (
        (
            "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'>"
            f"<circle cx='8' cy='8' r='7' fill='{colour}'/></svg>"
        )
        .replace("<", "%3C")
        .replace(">", "%3E")
    )


class _Page:
    def __init__(self, data: ReportData, page_folder: Path) -> None:
        self._data = data
        self._folder = page_folder
        self._jobs = JobSections(data, page_folder)

    def _text(self, text: object) -> str:
        return escaped(self._data.mask(str(text)))

    def title(self) -> str:
        record = self._data.record
        return (
            f"{status_words(record.status)}: {self._text(self._subject())} – {escaped(record.id)}"
        )

    def _subject(self) -> str:
        choice = self._data.record.choice
        if choice.get("job"):
            return str(choice["job"])
        return ", ".join(flow.name for flow in self._data.record.last_attempts()) or "nothing"

    def body(self) -> str:
        jobs = "\n".join(self._jobs.flow(flow) for flow in self._data.flows)
        sections = [
            ("_failures", *self._failures()),
            ("_graph", "Workflow", render_graph(self._data)),
            ("_timeline", "Timeline", self._timeline()),
            ("_jobs", "Jobs", f"{_JOB_BUTTONS}{jobs}" if jobs else ""),
            ("_tests", "Tests", render_tests(self._data)),
            ("_caches", "Caches", render_caches(self._data)),
            ("_artifacts", "Artifacts", render_artifacts(self._data, self._folder)),
            ("_differences", "Not as on CircleCI", self._differences()),
        ]
        shown = [section for section in sections if section[2]]
        links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in shown)
        main = "\n".join(
            f'<section id="{name}" aria-labelledby="{name}-h"><h2 id="{name}-h">{title}</h2>\n'
            f"{content}\n</section>"
            for name, title, content in shown
        )
        return (
            f'<a class="skip" href="#_main">to the content</a>\n{self._header(links)}\n'
            f'<main id="_main">\n<div id="_hits" hidden></div>\n{main}\n</main>\n'
            f"{_footer()}\n{self._jobs.blocks()}\n"
        )

    def _header(self, links: str) -> str:
        record = self._data.record
        facts = "".join(
            f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in self._facts()
        )
        return (
            f'<header class="s-{escaped(record.status)}">\n<div class="headline">{icon(record.status)}'
            f"<h1><bdi>{self._text(self._subject())}</bdi> "
            f'<span class="state">{_ended(record.status)}</span></h1></div>\n'
            f'<dl class="facts">{facts}</dl>\n</header>\n'
            f'<nav class="bar" aria-label="Sections and search"><ul>{links}</ul>{_TOOLS}</nav>'
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        record = self._data.record
        counts: dict[str, int] = {}
        for job in self._data.last_jobs():
            counts[job.record.status] = counts.get(job.record.status, 0) + 1
        yield "took", format_duration(record.seconds)
        yield "began", time_tag(record.started_at)
        words = ", ".join(f"{number} {status_words(name)}" for name, number in counts.items())
        yield "jobs", escaped(words or "none")
        for name, value in (("branch", record.branch), ("tag", record.tag)):
            if value:
                yield name, self._text(value)
        if record.revision:
            short = self._text(record.revision[:12])
            yield "revision", f'<code title="{self._text(record.revision)}">{short}</code>'
        yield "configuration", f"<code>{self._text(record.config)}</code>"
        chosen = _choice_words(dict(record.choice))
        if chosen:
            yield "asked for", self._text(chosen)
        for name, value in record.parameters.items():
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"<code>{self._text(name)}</code>", f"<code>{self._text(text)}</code>"
        yield "run", f"<code>{escaped(record.id)}</code>"

    def _timeline(self) -> str:
        from pipeline.runner.critical_path import path_of_run

        critical = frozenset((part.workflow, part.name) for part in path_of_run(self._data.record))
        bars = timeline_bars(self._data, critical)
        return render_timeline(bars, self._data.record.seconds) if bars else ""

    def _failures(self) -> tuple[str, str]:
        """Return title and content of the section that is read first."""
        items = [item for job in self._data.last_jobs() for item in self._failure(job)]
        statuses = {job.record.status for job in self._data.last_jobs()}
        title = "What it waits for" if statuses.isdisjoint(FAILED) else "What went wrong"
        return title, f'<ul class="failures">{"".join(items)}</ul>' if items else ""

    def _failure(self, job: ReportJob) -> Iterator[str]:
        found = False
        for instance in job.instances:
            for step in instance.steps:
                if step.result.status == "failed":
                    found = True
                    yield self._failed_step(instance.label, step)
        status = job.record.status
        if not found and status in (*FAILED, "on_hold"):
            yield (
                f'<li class="s-{status}">{icon(status)}<div><a href="{anchor_href(job.anchor)}">'
                f"<bdi>{escaped(job.label)}</bdi></a> {status_words(status)}"
                f"<p>{self._text(job.record.reason)}</p>{self._place(job)}</div></li>"
            )

    def _place(self, job: ReportJob) -> str:
        """Return where what the job's reason is about is written, if that is known."""
        places = [one.result.where for one in job.instances] or [job.record.where]
        where = next(filter(None, places), "")
        return f"<p>written at <code>{self._text(where)}</code></p>" if where else ""

    def _failed_step(self, label: str, step: ReportStep) -> str:
        result = step.result
        excerpt = self._jobs.excerpts.get(step.anchor)
        lines = excerpt.last_lines(_LAST_LINES) if excerpt is not None else []
        log = (
            f'<div class="log short" role="presentation">{render_lines(lines)}</div>'
            if lines
            else ""
        )
        code = (
            f" with exit code {escaped(result.exit_code)}" if result.exit_code is not None else ""
        )
        return (
            f"<li>{icon('failed')}<div><bdi>{escaped(label)}</bdi>: "
            f'<a href="{anchor_href(step.anchor)}"><bdi>{escaped(result.name)}</bdi></a> failed{code}, '
            f"written at <code>{self._text(result.where)}</code>{log}</div></li>"
        )

    def _differences(self) -> str:
        lines = "".join(f"<li>{self._text(line)}</li>" for line in self._data.record.not_emulated)
        return f"<ul>{lines}</ul>" if lines else ""


def _ended(status: str) -> str:
    return {
        "success": "went well",
        "failed": "failed",
        "canceled": "was stopped",
        "on_hold": "is on hold",
        "not_run": "did not run",
        "running": "is running",
    }.get(status, status)


def _choice_words(choice: dict[str, object]) -> str:
    words = [f"{name} {choice[name]}" for name in ("workflow", "job") if choice.get(name)]
    if choice.get("only"):
        words.append("without what it requires")
    return ", ".join(words)


def _footer() -> str:
    from pipeline import __version__

    return f"<footer>Made by Orbyard {escaped(__version__)}</footer>"


_TOOLS = """
<form class="tools" role="search">
<label><span class="sr">Search in logs</span>
<input type="search" id="_search" placeholder="Search in logs  /" autocomplete="off"
spellcheck="false"></label>
<output id="_found" for="_search" aria-live="polite"></output>
<button type="button" id="_previous" title="previous hit (Shift+Enter)" aria-label="previous hit">↑</button>
<button type="button" id="_next" title="next hit (Enter)" aria-label="next hit">↓</button>
<button type="button" id="_theme" title="light, dark, or as the system is">Theme: auto</button>
</form>"""
_JOB_BUTTONS = """
<div class="buttons"><button type="button" id="_open-failed">Open what failed</button>
<button type="button" id="_close-all">Close all</button>
<label>Show <select id="_filter"><option value="">all jobs</option>
<option value="failed">jobs that failed</option>
<option value="slow">slowest first</option></select></label></div>
"""
