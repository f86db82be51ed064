"""What ``ci.runs``, ``ci.logs`` and ``ci.artifacts`` print."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ci_options import json_text
from pipeline.errors import InvalidInput
from pipeline.output import format_duration, table_lines
from pipeline.runner.record import FAILED, JobRecord, RunRecord, status_words
from pipeline.runner.run_folder import find_run, list_runs
from pipeline.runner.run_logs import LoggedStep, choose_steps, follow_logs, logged_steps
from pipeline.runner.run_retention import is_running
from pipeline.runner.view_blocks import log_lines, mark, near, short_name
from pipeline.runner.view_text import plain_text, safe_line
from pipeline.sizes import format_size

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["show_artifacts", "show_logs", "show_runs"]


def status_now(folder: Path, record: RunRecord) -> str:
    """Return a run's status: ``killed`` where its process is gone without having said how it ended."""
    if record.status == "running" and not is_running(folder):
        return "killed"
    return record.status


# ci.runs


def show_runs(run: Run, *, limit: int, json: bool) -> None:
    """Print the runs of the project, the newest first.

    Raises:
        InvalidInput: the limit is none.
    """
    if limit < 1:
        raise InvalidInput(f"--limit is a number of runs, not {limit}")
    found = list(islice(list_runs(run.root), limit))
    if json:
        run.console.result(json_text([_run_data(folder, record) for folder, record in found]))
        return
    if not found:
        run.console.line("there is no run yet; `orbyard ci.run` makes one")
        return
    style = run.console.style_result
    heading = ("ID", "WHEN", "STATUS", "TOOK", "OF", "WHAT", "FAILED")
    rows = [_run_row(folder, record) for folder, record in found]
    first, *lines = table_lines(rows, heading=heading)
    run.console.result("  " + style(first, "dim"))
    for (folder, record), line in zip(found, lines, strict=True):
        run.console.result(f"{mark(status_now(folder, record), style)} {line}")


def _run_row(folder: Path, record: RunRecord) -> tuple[str, ...]:
    status = status_now(folder, record)
    took = "-" if status == "killed" else format_duration(_seconds(record, status))
    failed = _failed_jobs(record)
    more = f" and {len(failed) - 3} more" if len(failed) > 3 else ""
    return (
        record.id,
        datetime.fromtimestamp(record.started_at, UTC).astimezone().strftime("%d %b %H:%M"),
        status_words(status),
        took,
        plain_text(record.tag or record.branch or record.revision[:10] or "-"),
        plain_text(_what(record)),
        plain_text(", ".join(failed[:3]) + more),
    )


def _seconds(record: RunRecord, status: str) -> float:
    if status == "running":
        return datetime.now(UTC).timestamp() - record.started_at
    return record.seconds


def _what(record: RunRecord) -> str:
    words = [f"{key} {record.choice[key]}" for key in ("workflow", "job") if record.choice.get(key)]
    return ", ".join(words) or ", ".join(flow.name for flow in record.last_attempts()) or "-"


def _failed_jobs(record: RunRecord) -> list[str]:
    return [
        job.name for flow in record.last_attempts() for job in flow.jobs if job.status in FAILED
    ]


def _run_data(folder: Path, record: RunRecord) -> dict[str, Any]:
    status = status_now(folder, record)
    return {
        "id": record.id,
        "status": status,
        "started_at": _iso(record.started_at),
        "seconds": round(_seconds(record, status), 3),
        "branch": record.branch,
        "tag": record.tag,
        "revision": record.revision,
        "choice": dict(record.choice),
        "workflows": [flow.name for flow in record.last_attempts()],
        "failed": _failed_jobs(record),
        "folder": str(folder),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


# ci.logs


def show_logs(
    run: Run,
    names: Iterable[str],
    *,
    job: str,
    step: str,
    failed: bool,
    all_steps: bool,
    follow: bool,
) -> None:
    """Print the logs of a run's steps; of a run in which some failed, those.

    Raises:
        InvalidInput: there is no such run, job or step, or options contradict each other.
    """
    if failed and (all_steps or follow):
        raise InvalidInput("--failed goes neither with --all nor with --follow")
    folder, record = _one_run(run, names)
    if follow and record.status == "running" and is_running(folder):
        _follow(run, folder, job, step)
        return
    steps = logged_steps(record, folder)
    some = choose_steps(steps, job=job, step=step, failed=failed)
    if not (failed or all_steps or job or step) and any(one.has_failed for one in some):
        some = [one for one in some if one.has_failed]
    if not some:
        word = "no step failed" if steps and failed else "no step has a log"
        run.console.line(f"{word} in the run {record.id}")
    unknown = "running" if is_running(folder) else "killed"
    for one in some:
        _print_head(run, one, unknown)
        for line in log_lines(str(one.path)):
            run.console.result(safe_line(line, colours=run.console.colours_results))


def _print_head(run: Run, step: LoggedStep, unknown: str = "running") -> None:
    """Print what a log is of to standard error, so that standard output is the log alone."""
    style = run.console.style
    result = step.result
    words = [f"{mark(result.status if result else unknown, style)} {plain_text(step.job)}"]
    words.append(f"{style('›', 'dim')} {style(short_name(step.name), 'bold')}")
    if result is not None:
        code = f"exit code {result.exit_code}, " if result.exit_code else ""
        took = format_duration(result.seconds)
        words.append(style(f"{code}{took}, written at {plain_text(result.where)}", "dim"))
    run.console.line(" ".join(words))


def _follow(run: Run, folder: Path, job: str, step: str) -> None:
    def wanted(one: LoggedStep) -> bool:
        is_of_job = not job or job in (one.job, one.job.partition("[")[0])
        names = (one.name.casefold(), str(one.number))
        return is_of_job and (not step or step.casefold() in names[0] or step == names[1])

    last: Path | None = None
    for one, line in follow_logs(folder, wanted, lambda: is_running(folder)):
        if one.path != last:
            _print_head(run, one)
            last = one.path
        run.console.result(safe_line(line, colours=run.console.colours_results))


def _one_run(run: Run, names: Iterable[str]) -> tuple[Path, RunRecord]:
    given = list(names)
    if len(given) > 1:
        raise InvalidInput(f"one run at a time, not {', '.join(given)}")
    return find_run(run.root, given[0] if given else "last")


# ci.artifacts


def show_artifacts(run: Run, names: Iterable[str], *, job: str, json: bool) -> None:
    """Print the files that a run's jobs stored.

    Raises:
        InvalidInput: there is no such run or job.
    """
    _, record = _one_run(run, names)
    jobs = [one for flow in record.workflows for one in flow.jobs if job in ("", one.name)]
    if job and not jobs:
        raise InvalidInput(f"the run {record.id} has no job {job!r}")
    files = [(label, path) for one in jobs for label, path in _files(one)]
    if json:
        run.console.result(
            json_text(
                [
                    {"job": label, "path": str(path), "size_bytes": path.lstat().st_size}
                    for label, path in files
                ]
            )
        )
        return
    if not files:
        run.console.line(f"the run {record.id} stored no artifacts")
    rows = [
        (plain_text(label), format_size(path.lstat().st_size), plain_text(near(path)))
        for label, path in files
    ]
    run.console.table(rows)


def _files(job: JobRecord) -> Iterator[tuple[str, Path]]:
    for result in job.instances:
        folder = Path(result.folder) / "artifacts"
        for above, _, names in sorted(os.walk(folder)) if result.folder else ():
            for name in sorted(names):
                yield job.label(result), Path(above, name)
