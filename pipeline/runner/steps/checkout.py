"""``checkout``: the snapshot of the working tree, in the job's folder."""

from __future__ import annotations

import posixpath

from pipeline.config.model import Step
from pipeline.runner.archive import open_archive
from pipeline.runner.job_run import JobRun, Outcome, StepFailed
from pipeline.runner.mount_check import refuse_overwritten
from pipeline.runner.step_log import StepLog

__all__ = ["checkout"]

_BRANCHES_SHOWN = 20
_WHAT_IS_THERE = ("/bin/sh", "-c", 'mkdir -p "$1" && { [ -d "$1/.git" ] || ls -A "$1"; }', "sh")
"""Prints what a folder has, unless it is a repository."""


def checkout(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Put the files and their repository into ``path``, by default the working directory."""
    folder = run.absolute(str(step.options.get("path") or "."))
    if run.in_place:
        if folder != run.working_directory:
            log.say(f"with --in-place there is no copy of the files that could go to {folder}")
            raise StepFailed
        log.say(f"the job works on {folder} itself: nothing is checked out")
        return Outcome(note="in place")
    refuse_overwritten(run.mounts, folder, run.snapshot.names)
    if folder != run.empty_folder and not _may_receive(run, folder):
        log.say(
            f"Directory ({folder}) you are trying to checkout to is not empty and not a git repository"
        )
        raise StepFailed
    run.sandbox.put_archive(folder, run.snapshot.archive())
    if run.snapshot.outward_links is not None:
        links = open_archive(run.snapshot.outward_links)
        run.sandbox.put_archive(folder, links, outward_links=True)
    count = len(run.snapshot.names)
    log.say(f"{count} files of the working tree, in {folder}")
    if run.snapshot.branches:
        shown = ", ".join(run.snapshot.branches[:_BRANCHES_SHOWN])
        log.say(f"Branches to compare with, as of the last `git fetch` in your clone: {shown}")
    return Outcome(note=f"{count} files")


def _may_receive(run: JobRun, folder: str) -> bool:
    code, printed = run.sandbox.capture([*_WHAT_IS_THERE, folder])
    there = set(printed.decode(errors="replace").splitlines())
    below = (posixpath.relpath(posixpath.normpath(mount.target), folder) for mount in run.mounts)
    return not code and not there - {path.partition("/")[0] for path in below}
