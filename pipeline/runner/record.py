"""The record of a run: what ``run.json`` says, written while the run goes on and read again later.

The form is described in docs/run-json.md. Times are seconds since 1970 here and ISO 8601 in UTC in the
file; durations are seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import InvalidInput
from pipeline.runner.model import JobResult, StepResult
from pipeline.runner.schedule import Status
from pipeline.whole_file import write_whole

__all__ = [
    "FAILED",
    "LOCKS",
    "RECORD_FILE",
    "VERSION",
    "JobRecord",
    "RunRecord",
    "RunStatus",
    "WorkflowRecord",
    "read_record",
    "status_of",
    "status_words",
    "write_record",
]

RECORD_FILE = "run.json"
VERSION = 2
FAILED = ("failed", "timedout", "unauthorized")
"""Statuses of jobs that did not go well by themselves."""
LOCKS = ("lock", "unlock")
"""Types of jobs that hold what they did only while their workflow goes on."""
RunStatus = Literal["running", "success", "failed", "canceled", "on_hold", "not_run"]
_TIMES = ("started_at",)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job of a workflow, with all its parallel instances.

    Attributes:
        name: its final name.
        type: ``build``, ``approval``, ``no-op`` …
        executor: where it runs, in a word or two: ``docker: cimg/ruby:3.3``.
        status: how far it is, or how it ended.
        requires: the jobs that it waits for, each with the statuses that let it start.
        contexts: its contexts' names.
        parallelism: how many instances it has.
        where: file and line of the workflow that it is written at.
        group: its serial group, or "".
        reason: why it is what it is, where that is not told by its steps.
        started_at: seconds since 1970, or None for a job that did not start.
        seconds: how long it took, from the first instance's start to the last one's end.
        instances: its parallel instances that ended.
        kept_from: the run that it was taken over from, or "".
    """

    name: str
    type: str
    executor: str = ""
    status: Status = "waiting"
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contexts: tuple[str, ...] = ()
    parallelism: int = 1
    where: str = ""
    group: str = ""
    reason: str = ""
    started_at: float | None = None
    seconds: float = 0.0
    instances: tuple[JobResult, ...] = ()
    kept_from: str = ""

    def label(self, instance: JobResult) -> str:
        """Return how an instance is called: the job's name, with its number where there are several."""
        return f"{self.name}[{instance.node_index}]" if self.parallelism > 1 else self.name


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """A workflow, or one of its automatic reruns (``attempt`` 2, 3 …).

    ``continues`` tells whether it began when the setup workflow of the run had ended.
    """

    name: str
    attempt: int
    status: RunStatus
    jobs: tuple[JobRecord, ...]
    left_out: tuple[str, ...] = ()
    continues: bool = False


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run.

    Attributes:
        id: its id, which is its folder's name.
        status: how far it is, or how it ended.
        started_at: seconds since 1970.
        seconds: how long it took.
        process: the process that runs it.
        config: the configuration's file.
        branch: or "" for a run of a tag.
        tag: or "".
        revision: the commit that was checked out, or "".
        parameters: pipeline parameters.
        choice: what was asked for: ``workflow``, ``job`` and ``only``.
        options: the options of the run that one which goes on from it takes over, as far as given; of
            variables the names.
        workflows: in the order in which they began.
        not_emulated: what CircleCI does and this run did not, a line each.
    """

    id: str
    status: RunStatus = "running"
    started_at: float = 0.0
    seconds: float = 0.0
    process: int = 0
    config: str = ""
    branch: str = ""
    tag: str = ""
    revision: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    workflows: tuple[WorkflowRecord, ...] = ()
    not_emulated: tuple[str, ...] = ()

    @property
    def is_success(self) -> bool:
        """Whether the run ended, and nothing in it failed, was stopped or waits."""
        return self.status == "success"

    def last_attempts(self) -> tuple[WorkflowRecord, ...]:
        """Return each workflow as it was in the end: of several attempts the last."""
        return tuple({flow.name: flow for flow in self.workflows}.values())


_WORST_FIRST: tuple[tuple[tuple[str, ...], RunStatus], ...] = (
    (("running", "waiting"), "running"),
    (FAILED, "failed"),
    (("canceled",), "canceled"),
    (("on_hold",), "on_hold"),
    (("success",), "success"),
)


def status_of(statuses: Iterable[str]) -> RunStatus:
    """Return what the statuses of jobs, or of workflows, come to; ``not_run`` where nothing ran."""
    found = set(statuses)
    for some, status in _WORST_FIRST:
        if found.intersection(some):
            return status
    return "not_run"


def status_words(status: str) -> str:
    """Return the status of a run, a job or a step as it is read: ``not run``."""
    return "timed out" if status == "timedout" else status.replace("_", " ")


def write_record(record: RunRecord, folder: Path) -> None:
    """Write ``run.json`` in one go: whoever reads it sees the old one or the new one.

    Raises:
        OSError: the folder cannot be written.
    """
    data = {"version": VERSION, **_with_times(asdict(record), _written_time)}
    write_whole(folder / RECORD_FILE, json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def read_record(folder: Path) -> RunRecord:
    """Read the record in a run's folder.

    Raises:
        InvalidInput: there is none, or it is none of this version.
    """
    path = folder / RECORD_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("version") != VERSION:
            raise InvalidInput(f"{path} is the record of another version of Orbyard")
        return _run(_with_times(data, _read_time))
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInput(f"{path} is not the record of a run: {error}") from None


def _run(data: dict[str, Any]) -> RunRecord:
    return RunRecord(
        **{
            **data,
            "workflows": tuple(map(_workflow, data["workflows"])),
            "not_emulated": tuple(data["not_emulated"]),
        }
    )


def _workflow(data: dict[str, Any]) -> WorkflowRecord:
    return WorkflowRecord(
        **{**data, "jobs": tuple(map(_job, data["jobs"])), "left_out": tuple(data["left_out"])}
    )


def _job(data: dict[str, Any]) -> JobRecord:
    requires = {name: tuple(statuses) for name, statuses in data["requires"].items()}
    instances = tuple(map(_instance, data["instances"]))
    return JobRecord(
        **{
            **data,
            "requires": requires,
            "contexts": tuple(data["contexts"]),
            "instances": instances,
        }
    )


def _instance(data: dict[str, Any]) -> JobResult:
    return JobResult(**{**data, "steps": tuple(StepResult(**step) for step in data["steps"])})


def _with_times(value: Any, convert: Any) -> Any:
    """Return a copy with every time converted, and durations as short as they are exact."""
    if isinstance(value, dict):
        return {
            key: convert(item) if key in _TIMES else _with_times(item, convert)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_with_times(item, convert) for item in value]
    return round(value, 3) if isinstance(value, float) else value


def _written_time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _read_time(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
