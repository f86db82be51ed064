"""``store_test_results``: JUnit XML, read and counted."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable
from pathlib import Path

from pipeline.config.model import Step
from pipeline.runner.job_run import JobRun, Outcome
from pipeline.runner.relocation import joined, renamed
from pipeline.runner.step_log import StepLog
from pipeline.runner.test_results import read_results, summarise
from pipeline.runner.unpacking import unpack_safely

__all__ = ["store_test_results"]


def store_test_results(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Copy the results, and tell of failures."""
    path = str(step.options["path"])
    name = posixpath.basename(run.absolute(path))
    if name.startswith("."):
        log.say(f"Warning: {path} is hidden: CircleCI passes hidden folders and files over")
        return Outcome(note="hidden")
    # A step of its own folder each: two may store files of the same name.
    top = run.spec.folder / "test-results"
    target = top / str(len(list(top.iterdir())) if top.exists() else 0)
    target.mkdir(parents=True)
    try:
        archive = renamed(
            run.sandbox.read_archive(run.absolute(path)), _if_xml, outward_links=False
        )
        unpack_safely(joined([archive]), target)
    except FileNotFoundError:
        log.say(f"{path}: no such file or directory; no test results")
        return Outcome(note="nothing there")
    _mask_files(target, run.mask)
    found = read_results(target)
    for warning in found.warnings:
        log.say(f"Warning: {warning.removeprefix(f'{target}/')}")
    summary = summarise(found.cases)
    word = f"{summary.total} tests, {summary.failed + summary.errors} failed"
    log.say(word)
    so_far = run.facts.setdefault("tests", {"total": 0, "failed": 0, "skipped": 0})
    so_far["total"] += summary.total
    so_far["failed"] += summary.failed + summary.errors
    so_far["skipped"] += summary.skipped
    run.memory.note_tests(found.cases)
    return Outcome(note=word)


def _if_xml(name: str) -> str | None:
    """Leave out what is no result: a screen recording beside it would be read as a whole."""
    return name if name.lower().endswith(".xml") else None


def _mask_files(folder: Path, mask: Callable[[str], str]) -> None:
    """Take the secrets out of files: what a test saw of them is in its failure's message."""
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            if path.is_symlink() or not path.is_file():
                continue
            text = path.read_bytes().decode("utf-8", "surrogateescape")
            masked = mask(text)
            if masked != text:
                path.write_bytes(masked.encode("utf-8", "surrogateescape"))
