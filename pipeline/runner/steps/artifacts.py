"""``store_artifacts``: copied out of the job, into the run's folder."""

from __future__ import annotations

import posixpath

from pipeline.config.model import Step
from pipeline.runner.job_run import JobRun, Outcome
from pipeline.runner.relocation import joined, renamed
from pipeline.runner.step_log import StepLog
from pipeline.runner.unpacking import unpack_safely

__all__ = ["store_artifacts"]


def store_artifacts(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Copy a file or folder; one that is missing is no failure."""
    path = str(step.options["path"])
    absolute = run.absolute(path)
    name = posixpath.basename(absolute)
    place = _place(str(step.options.get("destination") or path))
    folder = run.artifact_folder()
    folder.mkdir(parents=True, exist_ok=True)

    def rename(member: str) -> str | None:
        return f"{place}{member.removeprefix(name)}".strip("/") or None

    try:
        # A link that leads out of the artifacts would show whoever looks at them something else.
        archive = renamed(run.sandbox.read_archive(absolute), rename, outward_links=False)
        unpack_safely(joined([archive]), folder)
    except FileNotFoundError:
        log.say(f"{path}: no such file or directory; nothing is stored")
        return Outcome(note="nothing there")
    target = folder / place
    log.say(f"{path} is stored in {target}")
    run.facts.setdefault("artifacts", []).append(str(target))
    return Outcome(note=str(target))


def _place(destination: str) -> str:
    """Return where a file or folder goes below the artifacts: its ``destination``, else its path.

    So does CircleCI: ``path: doc/html`` with ``destination: html`` gives ``html/index.html``.
    """
    plain = destination.removeprefix("~")
    return posixpath.normpath(f"/{plain}").strip("/")
