"""``store_test_results``: JUnit XML, read and counted."""

from __future__ import annotations

from pipeline.config.model import Step
from pipeline.runner.job_run import JobRun, Outcome
from pipeline.runner.step_log import StepLog
from pipeline.runner.test_results import read_results, summarise
from pipeline.runner.unpacking import unpack_safely

__all__ = ["store_test_results"]


def store_test_results(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Copy the results, and tell of failures."""
    path = str(step.options["path"])
    target = run.spec.folder / "test-results"
    target.mkdir(parents=True, exist_ok=True)
    try:
        unpack_safely(run.sandbox.read_archive(run.absolute(path)), target)
    except FileNotFoundError:
        log.say(f"{path}: no such file or directory; no test results")
        return Outcome(note="nothing there")
    found = read_results(target)
    for warning in found.warnings:
        log.say(f"Warning: {warning}")
    summary = summarise(found.cases)
    word = f"{summary.total} tests, {summary.failed + summary.errors} failed"
    log.say(word)
    run.facts["tests"] = {
        "total": summary.total,
        "failed": summary.failed + summary.errors,
        "skipped": summary.skipped,
    }
    return Outcome(note=word)
