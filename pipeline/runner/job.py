"""Runs one instance of a job: its sandbox, its steps in order, and what remains of it."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path

from pipeline.config.model import Step
from pipeline.disk import telling_of_disk
from pipeline.errors import OrbyardError
from pipeline.runner.job_run import JobRun, Outcome, StepFailed
from pipeline.runner.model import JobResult, StepResult, StepStatus, step_name
from pipeline.runner.schedule import Status
from pipeline.runner.step_log import StepLog
from pipeline.runner.steps import STEP_FUNCTIONS
from pipeline.runner.view import View
from pipeline.runner.view_state import StepStart
from pipeline.secret import Masker

__all__ = ["run_steps"]

_ALWAYS = frozenset({"store_artifacts", "store_test_results"})
"""Steps that run after a failure as well (R9)."""


def run_steps(run: JobRun, view: View, masker: Masker) -> JobResult:
    """Run a job's steps in its sandbox, which is ready, and return how it ended."""
    started, started_at = time.monotonic(), time.time()
    try:
        results = _all_steps(run, view, masker)
        timed_out = run.timed_out
    finally:
        run.end_background()
    status_of_job: Status = "failed" if run.failed else "success"
    reason = ""
    if timed_out:
        status_of_job, reason = "timedout", "it took longer than a job may"
    if run.lost is not None:
        reason = f"{run.lost.message}; {run.lost.hint}"
    if run.cancel.is_set():
        status_of_job, reason = "canceled", ""
    return JobResult(
        run.spec.name,
        run.spec.node_index,
        status_of_job,
        time.monotonic() - started,
        tuple(results),
        reason=reason,
        facts=masker.mask_data(run.facts),
        folder=str(run.spec.folder),
        started_at=started_at,
    )


def _all_steps(run: JobRun, view: View, masker: Masker) -> list[StepResult]:
    results: list[StepResult] = []
    halted = False
    for number, step in enumerate(run.spec.job.steps):
        if halted or run.stopping or not _wanted(step, run.failed):
            status: StepStatus = "not_run" if run.stopping else "skipped"
            results.append(_left_out(step, status, masker))
            continue
        if run.before_step is not None:
            run.before_step(run, step, number)
            run.empty_folder = ""
        result, halted = _run_step(run, step, number, view, masker)
        results.append(result)
        if result.status == "failed":
            run.failed = True
            if run.after_failure is not None:
                run.after_failure(run, step)
    return results


def _wanted(step: Step, failed: bool) -> bool:
    when = step.options.get("when") or "on_success"
    if step.type in _ALWAYS or when == "always":
        return True
    return failed if when == "on_fail" else not failed


def _left_out(step: Step, status: StepStatus, masker: Masker) -> StepResult:
    return StepResult(
        step_name(step, masker.mask), step.type, status, 0.0, None, str(step.where), ""
    )


def _run_step(
    run: JobRun, step: Step, number: int, view: View, masker: Masker
) -> tuple[StepResult, bool]:
    name = step_name(step, masker.mask)
    path = _log_path(run.spec.folder, number, name)
    start = StepStart(number, masker.mask(name), step.type, str(step.where), str(path))
    shown = view.step_started(run.spec, start)
    log = StepLog(path, masker, shown.take)
    shown.unfinished = log.unfinished
    began, began_at = time.monotonic(), time.time()
    outcome = Outcome()
    status: StepStatus = "success"
    code: int | None = None
    try:
        outcome = _carry_out(run, step, log)
        code = outcome.exit_code
    except StepFailed as failure:
        status = "failed"
        code = failure.args[0] if failure.args else None
    except OrbyardError as error:
        with suppress(OrbyardError):
            log.say(str(error))
            if error.hint:
                log.say(error.hint)
        status = "failed"
    finally:
        run.sandbox.end_reading()
        if step.options.get("background") is not True:
            log.close()
    if log.lost is not None:
        run.lost = log.lost
        status = "failed"
    seconds = time.monotonic() - began
    result = StepResult(
        name,
        step.type,
        status,
        seconds,
        code,
        str(step.where),
        str(path),
        masker.mask(outcome.note),
        began_at,
    )
    shown.finished(result)
    return result, run.halted()


def _carry_out(run: JobRun, step: Step, log: StepLog) -> Outcome:
    function = STEP_FUNCTIONS.get(step.type)
    if function is None:
        log.say(f"Warning: the step {step.type} is not known here, and passed over")
        what = f"the step {step.type} is not known here, and was passed over"
        run.facts.setdefault("not_emulated", []).append(what)
        return Outcome(note="not known here")
    try:
        with telling_of_disk(run.spec.folder):
            return function(run, step, log)
    finally:
        run.empty_folder = ""


def _log_path(folder: Path, number: int, name: str) -> Path:
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "step"
    return folder / f"{number:02d}-{plain}.log"
