"""``store_artifacts``: copied out of the job, into the run's folder."""

from __future__ import annotations

import posixpath

from pipeline.config.model import Step
from pipeline.runner.job_run import JobRun, Outcome
from pipeline.runner.step_log import StepLog
from pipeline.runner.unpacking import unpack_safely

__all__ = ["store_artifacts"]


def store_artifacts(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Copy a file or folder; one that is missing is no failure."""
    path = str(step.options["path"])
    destination = str(step.options.get("destination") or "")
    target = run.artifact_folder() / (destination or posixpath.dirname(path).strip("/~"))
    target.mkdir(parents=True, exist_ok=True)
    try:
        unpack_safely(run.sandbox.read_archive(run.absolute(path)), target)
    except FileNotFoundError:
        log.say(f"{path}: no such file or directory; nothing is stored")
        return Outcome(note="nothing there")
    log.say(f"{path} is stored in {target}")
    run.facts.setdefault("artifacts", []).append(str(target))
    return Outcome(note=str(target))
