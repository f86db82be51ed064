"""The tests, caches and artifacts of a report's page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.output import format_duration
from pipeline.runner.report_model import ReportData, ReportInstance
from pipeline.runner.report_text import anchor_href, escaped, link_to
from pipeline.runner.test_results import CaseResult, summarise
from pipeline.sizes import format_size

__all__ = ["render_artifacts", "render_caches", "render_tests"]

_MOST_FAILURES = 100
_MOST_OF_MESSAGE = 4_000


def _instances(data: ReportData) -> Iterator[ReportInstance]:
    return (instance for job in data.last_jobs() for instance in job.instances)


def _job_link(instance: ReportInstance) -> str:
    return f'<a href="{anchor_href(instance.anchor)}"><bdi>{escaped(instance.label)}</bdi></a>'


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]], caption: str) -> str:
    head = "".join(f'<th scope="col">{text}</th>' for text in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{caption}"><table>'
        f"<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def render_tests(data: ReportData) -> str:
    """Return the tests that jobs stored: failures, the slowest ones, counts; "" where there are none."""
    with_tests = [one for one in _instances(data) if one.tests or one.test_warnings]
    if not with_tests:
        return ""
    cases = [case for instance in with_tests for case in instance.tests]
    home = {id(case): instance for instance in with_tests for case in instance.tests}
    summary = summarise(cases)
    failed = summary.failed + summary.errors
    words = (
        f'<p class="counts"><strong>{summary.total:,}</strong> tests, '
        f'<strong class="{"bad" if failed else ""}">{failed:,} failed</strong>, {summary.skipped:,} '
        f"skipped, {format_duration(summary.time_s)} in all</p>"
    )
    failures = "".join(_failure(case, home[id(case)]) for case in summary.failures[:_MOST_FAILURES])
    more = len(summary.failures) - _MOST_FAILURES
    if more > 0:
        failures += f'<p class="quiet">and {more:,} more failures</p>'
    failures += "".join(
        f'<p class="quiet">{_job_link(instance)}: {escaped(warning)}</p>'
        for instance in with_tests
        for warning in instance.test_warnings
    )
    slowest = _table(
        ("Test", "Job", "Time"),
        (
            (_case_name(case), _job_link(home[id(case)]), format_duration(case.time_s))
            for case in summary.slowest
        ),
        "Slowest tests",
    )
    counts = _table(
        ("Job", "Tests", "Failed", "Skipped", "Time"),
        (_counts(instance) for instance in with_tests),
        "Tests of each job",
    )
    return words + failures + (slowest if summary.slowest else "") + counts


def _counts(instance: ReportInstance) -> Iterator[str]:
    summary = summarise(instance.tests)
    yield _job_link(instance)
    yield f"{summary.total:,}"
    yield f"{summary.failed + summary.errors:,}"
    yield f"{summary.skipped:,}"
    yield format_duration(summary.time_s)


def _failure(case: CaseResult, instance: ReportInstance) -> str:
    message = case.message
    if len(message) > _MOST_OF_MESSAGE:
        message = message[:_MOST_OF_MESSAGE] + " …"
    return (
        '<details class="test" open><summary><svg class="i i-failed" aria-hidden="true">'
        f'<use href="#i-failed"/></svg><span class="name">{_case_name(case)}</span>'
        f'<span class="note">{_job_link(instance)}</span>'
        f'<span class="took">{format_duration(case.time_s)}</span></summary>'
        f'<pre class="message">{escaped(message)}</pre></details>'
    )


def _case_name(case: CaseResult) -> str:
    place = case.file or case.classname
    where = f' <span class="quiet"><bdi>{escaped(place)}</bdi></span>' if place else ""
    return f"<bdi>{escaped(case.name)}</bdi>{where}"


def render_caches(data: ReportData) -> str:
    """Return which caches were found and saved; "" where none were used."""
    rows = [
        (
            _tag(str(cache.get("action", ""))),
            f"<code>{escaped(data.mask(str(cache.get('key', ''))))}</code>",
            _job_link(instance),
        )
        for instance in _instances(data)
        for cache in instance.result.facts.get("caches", ())
    ]
    return _table(("", "Key", "Job"), rows, "Caches by job") if rows else ""


def _tag(action: str) -> str:
    return f'<span class="tag t-{escaped(action)}">{escaped(_ACTIONS.get(action, action))}</span>'


_ACTIONS = {"restored": "hit", "missed": "miss", "saved": "saved"}


def render_artifacts(data: ReportData, page_folder: Path) -> str:
    """Return links to the files that jobs stored; "" where there are none."""
    parts = []
    for instance in _instances(data):
        if not instance.artifacts:
            continue
        home = _home(instance.artifacts[0])
        items = "".join(
            f'<li><a href="{link_to(path, page_folder)}">'
            f"{escaped(path.relative_to(home).as_posix())}</a> "
            f'<span class="quiet">{_size(path)}</span></li>'
            for path in instance.artifacts
        )
        more = (
            f'<li class="quiet">and {instance.artifacts_left_out:,} more files</li>'
            if instance.artifacts_left_out
            else ""
        )
        parts.append(f'<h3>{_job_link(instance)}</h3><ul class="artifacts">{items}{more}</ul>')
    return "".join(parts)


def _home(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.name == "artifacts")


def _size(path: Path) -> str:
    try:
        return format_size(path.lstat().st_size)
    except OSError:
        return ""
