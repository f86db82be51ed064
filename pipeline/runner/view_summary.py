"""The last page of a run: its jobs, what decided how long it took, what failed, and how to go on."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.output import format_duration
from pipeline.runner.critical_path import path_of_run
from pipeline.runner.model import JobResult, StepResult
from pipeline.runner.record import FAILED, JobRecord, RunRecord, status_words
from pipeline.runner.view_blocks import Style, mark, near, short_name, tail, written_at
from pipeline.runner.view_text import plain_text, safe_line, width_of

__all__ = ["failures", "summary_lines"]

_MOST_ROWS = 40
"""Of more jobs only those are listed that did not go well."""
_MOST_DIFFERENCES = 12
_SLOWEST = 3
_SLOW_S = 1.0
_LINES_OF_WHY = 10
_REASON_WIDTH = 60


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: a step of one of its instances, or a reason that no step tells, with its place."""

    label: str
    reason: str
    where: str = ""
    step: StepResult | None = None


def summary_lines(record: RunRecord, folder: Path, style: Style) -> Iterator[str]:
    """Yield the summary of a run that ended."""
    jobs = [job for flow in record.last_attempts() for job in flow.jobs]
    yield ""
    yield style("==> Summary", "bold")
    yield from _table(jobs, style)
    yield from _facts(record, jobs, style)
    failed = failures(jobs)
    if failed:
        yield style("==> What failed", "bold")
        alone = sum(len(job.instances) for job in jobs) == 1
        for failure in failed:
            yield from _failure(failure, style, lines=0 if alone else _LINES_OF_WHY)
    for what in record.not_emulated[:_MOST_DIFFERENCES]:
        yield style(f"  not as on CircleCI: {plain_text(what)}", "dim")
    if len(record.not_emulated) > _MOST_DIFFERENCES:
        more = len(record.not_emulated) - _MOST_DIFFERENCES
        yield style(f"  not as on CircleCI: {more:,} things more, in run.json", "dim")
    yield from _last_words(record, folder, jobs, style)


def failures(jobs: Iterable[JobRecord]) -> list[Failure]:
    """Return what failed, in the order of the jobs."""
    found = []
    for job in jobs:
        failed = [result for result in job.instances if result.status in FAILED]
        if job.status in FAILED and not failed:
            found.append(
                Failure(plain_text(job.name), job.reason or status_words(job.status), job.where)
            )
        for result in failed:
            label = _label(job, result)
            steps = [step for step in result.steps if step.status == "failed"]
            found += [Failure(label, "", step=step) for step in steps]
            if result.reason or not steps:
                found.append(
                    Failure(label, result.reason or status_words(result.status), result.where)
                )
    return found


def _label(job: JobRecord, result: JobResult) -> str:
    return plain_text(job.label(result))


def _table(jobs: Iterable[JobRecord], style: Style) -> Iterator[str]:
    rows = [row for job in jobs for row in _rows(job)]
    shown = rows if len(rows) <= _MOST_ROWS else [row for row in rows if row[0] != "success"]
    width = max((width_of(name) for _, name, _, _ in shown), default=0)
    for status, name, took, words in shown:
        padding = " " * (width - width_of(name))
        text = f"  {mark(status, style)} {name}{padding}  {took:>7}"
        yield f"{text}  {words}" if words else text
    if len(shown) < len(rows):
        more = "more " if shown else ""
        yield f"  {mark('success', style)} {len(rows) - len(shown)} {more}jobs went well"


def _rows(job: JobRecord) -> Iterator[tuple[str, str, str, str]]:
    """Yield status, name, time and a word for each instance, or for a job without any."""
    for result in job.instances:
        facts, reason = list(_facts_of(result)), _in_short(result)
        if job.kept_from:
            facts.append(f"as in the run {job.kept_from}")
        took = format_duration(result.seconds) if result.seconds else ""
        yield result.status, _label(job, result), took, _told(result.status, facts, reason)
    if not job.instances:
        took = format_duration(job.seconds) if job.started_at is not None else ""
        yield job.status, plain_text(job.name), took, _told(job.status, (), job.reason)


def _told(status: str, facts: Sequence[str], reason: str) -> str:
    """Return a status that is no success, and what there is to say of it."""
    word = "" if status == "success" else status_words(status)
    if word and reason and not facts:
        return plain_text(f"{word}: {reason}")
    return plain_text(", ".join(filter(None, (word, *facts, reason))))


def _in_short(result: JobResult) -> str:
    """Return the beginning of a reason: all of one why a job failed stands below the table."""
    if result.status != "failed" or len(result.reason) <= _REASON_WIDTH:
        return result.reason
    return f"{result.reason[: _REASON_WIDTH - 1].rstrip()}…"


def _facts_of(result: JobResult) -> Iterator[str]:
    tests = result.facts.get("tests")
    if tests:
        failed = f"{tests['failed']} of " if tests["failed"] else ""
        yield f"{failed}{tests['total']:,} tests{' failed' if failed else ''}"
    actions = _cache_actions([result])
    if actions["restored"]:
        yield "cache hit" if actions["restored"] == 1 else f"{actions['restored']} cache hits"
    if actions["missed"]:
        yield "cache miss" if actions["missed"] == 1 else f"{actions['missed']} cache misses"


def _cache_actions(results: Iterable[JobResult]) -> Counter[str]:
    return Counter(
        str(cache["action"]) for result in results for cache in result.facts.get("caches", ())
    )


def _facts(record: RunRecord, jobs: list[JobRecord], style: Style) -> Iterator[str]:
    """Yield what is told of the run as a whole: where its time went, caches, tests, artifacts."""
    own = [result for job in jobs if not job.kept_from for result in job.instances]
    facts = [
        ("critical path", [_path(record)]),
        ("slowest steps", _slowest(jobs)),
        ("caches", [_caches(own)]),
        ("tests", [_tests(own)]),
        ("artifacts", [_artifacts(own)]),
    ]
    for name, texts in facts:
        for number, text in enumerate(filter(None, texts)):
            yield f"  {style((name if number == 0 else '').ljust(13), 'dim')}  {plain_text(text)}"


def _path(record: RunRecord) -> str:
    parts = path_of_run(record)
    waited = sum(part.waited_s for part in parts)
    words = " → ".join(f"{part.name} {format_duration(part.seconds)}" for part in parts)
    if sum(len(flow.jobs) for flow in record.last_attempts()) < 2:
        return ""
    if waited >= _SLOW_S:
        words += f", and {format_duration(waited)} of waiting for room"
    return words


def _slowest(jobs: Iterable[JobRecord]) -> list[str]:
    steps = [
        (
            step.seconds,
            f"{format_duration(step.seconds)} {_label(job, result)}: {short_name(step.name)}",
        )
        for job in jobs
        if not job.kept_from
        for result in job.instances
        for step in result.steps
        if step.seconds >= _SLOW_S
    ]
    steps.sort(key=lambda step: -step[0])
    return [text for _, text in steps[:_SLOWEST]]


def _caches(results: list[JobResult]) -> str:
    actions = _cache_actions(results)
    words = {"restored": "found", "missed": "missed", "saved": "saved"}
    return ", ".join(f"{actions[key]} {word}" for key, word in words.items() if actions[key])


def _tests(results: Iterable[JobResult]) -> str:
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result.facts.get("tests", {}))
    if not counts["total"]:
        return ""
    rest = [f"{counts[key]:,} {key}" for key in ("failed", "skipped") if counts[key]]
    return ", ".join([f"{counts['total']:,}", *rest])


def _artifacts(results: Iterable[JobResult]) -> str:
    folders = [near(path) for result in results for path in result.facts.get("artifacts", ())]
    if len(folders) > 1:
        return f"of {len(folders)} steps: `orbyard ci.artifacts` lists them"
    return folders[0] if folders else ""


def _failure(failure: Failure, style: Style, *, lines: int) -> Iterator[str]:
    step = failure.step
    if step is None:
        yield f"  {mark('failed', style)} {failure.label}: {plain_text(failure.reason)}"
        if failure.where:
            yield f"    {written_at(failure.where, style)}"
        return
    code = f": exit code {step.exit_code}" if step.exit_code is not None else ""
    yield f"  {mark('failed', style)} {failure.label}: {short_name(step.name)}{code}"
    colours = bool(style("x", "dim") != "x")
    for line in tail(Path(step.log), lines) if step.log and lines else ():
        yield f"      {safe_line(line, colours=colours)}"
    yield f"    {written_at(step.where, style)}"
    if step.log:
        yield f"    {style('log', 'dim')} {near(step.log)}"


def _last_words(
    record: RunRecord, folder: Path, jobs: Iterable[JobRecord], style: Style
) -> Iterator[str]:
    held = [job.name for job in jobs if job.status == "on_hold"]
    if record.status in ("failed", "canceled"):
        yield f"  {style('to go on:', 'cyan')} orbyard ci.run --failed last"
    if held:
        approve = " ".join(f"--approve {shlex.quote(name)}" for name in map(plain_text, held))
        yield f"  {style('to let it pass:', 'cyan')} orbyard ci.run --failed last {approve}"
    word = {"success": "went well", "on_hold": "waits", "not_run": "nothing ran"}.get(
        record.status, record.status
    )
    took = style(f"in {format_duration(record.seconds)}", "dim")
    logs = style(f"logs in {near(folder)}", "dim")
    yield f"{mark(record.status, style)} {style(word, 'bold')} {took}; {logs}"
