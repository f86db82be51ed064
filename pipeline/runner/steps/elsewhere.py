"""Steps that only CircleCI can carry out."""

from __future__ import annotations

from pipeline.config.model import Step
from pipeline.runner.job_run import JobRun, Outcome
from pipeline.runner.step_log import StepLog

__all__ = ["hosted_only"]


def hosted_only(run: JobRun, step: Step, log: StepLog) -> Outcome:  # noqa: ARG001
    """Say that only CircleCI can do this."""
    log.say(f"{step.type} works on CircleCI only: passed over")
    return Outcome(note="not here")
