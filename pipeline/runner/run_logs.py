"""The logs of a run's steps: those that its record tells of, and those that are still being written."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InvalidInput, did_you_mean
from pipeline.runner.model import StepResult
from pipeline.runner.record import RunRecord

__all__ = ["LoggedStep", "choose_steps", "follow_logs", "logged_steps"]

_BETWEEN_LOOKS_S = 0.25
_LOGS = "[0-9][0-9]*-*.log"
_INSTANCES = "[0-9]*"


@dataclass(frozen=True, slots=True)
class LoggedStep:
    """A step with its log.

    Attributes:
        job: the job's name, with the instance's number where there are several.
        name: the step's name, or its log's while the job runs.
        number: its place in the job, from 1.
        path: the log.
        result: how it ended, or None while the job runs.
    """

    job: str
    name: str
    number: int
    path: Path
    result: StepResult | None = None

    @property
    def has_failed(self) -> bool:
        """Whether it is known to have failed."""
        return self.result is not None and self.result.status == "failed"


def logged_steps(record: RunRecord, folder: Path) -> list[LoggedStep]:
    """Return the steps of a run that have logs, in the order of the jobs."""
    found = []
    for flow in record.workflows:
        for job in flow.jobs:
            for result in job.instances:
                found += [
                    LoggedStep(job.label(result), step.name, number, Path(step.log), step)
                    for number, step in enumerate(result.steps, start=1)
                    if step.log
                ]
    known = {step.path.resolve() for step in found}
    return found + [step for step in steps_on_disk(folder) if step.path.resolve() not in known]


def steps_on_disk(folder: Path) -> list[LoggedStep]:
    """Return the steps that have begun to write a log, by the names of the files."""
    jobs = folder / "jobs"
    # No deeper: below are the artifacts, which may be many, and called like anything.
    found = [*jobs.glob(f"*/{_LOGS}"), *jobs.glob(f"*/{_INSTANCES}/{_LOGS}")]
    return [_on_disk(path, jobs) for path in sorted(found)]


def _on_disk(path: Path, jobs: Path) -> LoggedStep:
    job, *instance = path.parent.relative_to(jobs).parts
    label = f"{job}[{instance[0]}]" if instance else job
    number, _, name = path.stem.partition("-")
    return LoggedStep(label, name, int(number) + 1, path)


def choose_steps(
    steps: Iterable[LoggedStep], *, job: str = "", step: str = "", failed: bool = False
) -> list[LoggedStep]:
    """Return the steps that are asked for.

    Args:
        steps: all of them.
        job: a job's name, with or without an instance's number.
        step: a step's name or a part of it, or its number.
        failed: whether only failed ones are wanted.

    Raises:
        InvalidInput: there is no such job or step.
    """
    found = list(steps)
    if job:
        known = [name for one in found for name in (one.job.partition("[")[0], one.job)]
        found = [one for one in found if job in (one.job, one.job.partition("[")[0])]
        if not found:
            raise InvalidInput(f"there is no log of a job {job!r}", hint=_known(job, known))
    if step:
        known = [one.name for one in found]
        found = _named(found, step)
        if not found:
            raise InvalidInput(f"there is no log of a step {step!r}", hint=_known(step, known))
    return [one for one in found if one.has_failed or not failed]


def _named(steps: list[LoggedStep], name: str) -> list[LoggedStep]:
    exact = [one for one in steps if name == one.name or name == str(one.number)]
    return exact or [one for one in steps if name.casefold() in one.name.casefold()]


def _known(word: str, names: Iterable[str]) -> str | None:
    unique = list(dict.fromkeys(names))
    guess = did_you_mean(word, unique)
    return guess or (f"there are {', '.join(unique[:10])}" if unique else None)


def follow_logs(
    folder: Path,
    wanted: Callable[[LoggedStep], bool],
    goes_on: Callable[[], bool],
    *,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[tuple[LoggedStep, str]]:
    """Yield the lines of a run's logs as they are written, until the run ends.

    Args:
        folder: the run's folder.
        wanted: whether a step's lines are wanted.
        goes_on: whether the run does.
        sleep: waits between two looks.
    """
    read: dict[Path, int] = {}
    over = False
    while not over:
        over = not goes_on()
        for step in filter(wanted, steps_on_disk(folder)):
            for line in _more(step.path, read, whole=over):
                yield step, line
        if not over:
            sleep(_BETWEEN_LOOKS_S)


def _more(path: Path, read: dict[Path, int], *, whole: bool) -> Iterator[str]:
    """Yield the lines that a file has got since it was last read; the one without an end at the end."""
    with path.open("rb") as file:
        file.seek(read.get(path, 0))
        for line in file:
            if not line.endswith(b"\n") and not whole:
                return
            read[path] = read.get(path, 0) + len(line)
            yield line.decode("utf-8", "replace").removesuffix("\n")
