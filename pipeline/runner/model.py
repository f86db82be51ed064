"""What a run is and how it went: plain data, kept in ``run.json``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pipeline.config.model import Job, Step
from pipeline.runner.schedule import Status

__all__ = ["JobResult", "JobSpec", "StepResult", "StepStatus"]

StepStatus = Literal["success", "failed", "skipped", "not_run"]


@dataclass(frozen=True, slots=True)
class JobSpec:
    """An instance of a job to be run.

    Attributes:
        name: the job's final name.
        workflow: its workflow.
        job: what it does.
        upstream: names of the jobs that it requires, and of those that these require.
        requires: for each job of the workflow those that it requires.
        node_index: which of the parallel instances it is, from 0.
        contexts: variables of its contexts, later ones win.
        folder: where its logs and artifacts go.
        shown: what it is called, where its name alone would not tell it from another workflow's.
    """

    name: str
    workflow: str
    job: Job
    upstream: tuple[str, ...]
    requires: Mapping[str, tuple[str, ...]]
    node_index: int
    contexts: Mapping[str, str]
    folder: Path
    shown: str = ""

    @property
    def label(self) -> str:
        """The job's name, with the instance's number where there are several."""
        name = self.shown or self.name
        return f"{name}[{self.node_index}]" if self.job.parallelism > 1 else name

    def of_workflow(self, job: str) -> str:
        """Return the name under which a run's store has what a job of this workflow persisted."""
        return f"{self.workflow}: {job}"


@dataclass(frozen=True, slots=True)
class StepResult:
    """How a step ended.

    Attributes:
        name: as it is shown.
        type: ``run``, ``checkout`` …
        status: ``skipped`` for one that its ``when`` or a halt left out.
        seconds: how long it took.
        started_at: seconds since 1970, or None for one that was left out.
        exit_code: of a run step.
        where: file and line it is written at.
        log: its output's file.
        note: a word on it, as which cache was found.
    """

    name: str
    type: str
    status: StepStatus
    seconds: float
    exit_code: int | None
    where: str
    log: str
    note: str = ""
    started_at: float | None = None


@dataclass(frozen=True, slots=True)
class JobResult:
    """How an instance of a job ended.

    Attributes:
        name: the job's final name.
        node_index: which of the parallel instances it is, from 0.
        status: how it ended.
        seconds: how long it took.
        steps: its steps.
        reason: why it is what it is, where its steps do not tell.
        where: file and line that the reason is about, or "".
        facts: what a summary tells: caches, artifacts, tests.
        folder: where its logs and artifacts are.
        started_at: seconds since 1970, or None for one that did not start.
    """

    name: str
    node_index: int
    status: Status
    seconds: float
    steps: tuple[StepResult, ...] = ()
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    started_at: float | None = None
    where: str = ""


def step_name(step: Step, hide: Callable[[str], str] = str) -> str:
    """Return how a step is called: its ``name``, else its command's first line, else its type.

    ``hide`` takes secrets out, which stand in a configuration that a job generated.
    """
    name = step.options.get("name")
    if name:
        return hide(str(name))
    if step.type in ("run", "deploy"):
        lines = hide(str(step.options.get("command", ""))).strip().splitlines()
        return lines[0][:80] if lines else step.type
    titles = {
        "checkout": "Checkout code",
        "save_cache": "Saving cache",
        "restore_cache": "Restoring cache",
        "persist_to_workspace": "Persisting to workspace",
        "attach_workspace": "Attaching workspace",
        "store_artifacts": "Uploading artifacts",
        "store_test_results": "Uploading test results",
        "setup_remote_docker": "Setup a remote Docker engine",
        "add_ssh_keys": "Installing additional SSH keys",
    }
    return titles.get(step.type, step.type)
