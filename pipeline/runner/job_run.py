"""What the steps of a job work with."""

from __future__ import annotations

import posixpath
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.config.model import Step
from pipeline.errors import OrbyardError
from pipeline.runner.container_spec import HostMount
from pipeline.runner.environment import job_environment
from pipeline.runner.model import JobSpec
from pipeline.runner.project_memory import ProjectMemory
from pipeline.runner.relocation import portable_name
from pipeline.runner.remote_docker import RemoteDocker
from pipeline.runner.sandbox import Sandbox
from pipeline.runner.snapshot import Snapshot
from pipeline.runner.ssh_agent import SshKeys
from pipeline.runner.step_log import StepLog
from pipeline.runner.store import Store

__all__ = ["DEFAULT_FOLDER", "Background", "JobRun", "Outcome", "StepFailed"]

DEFAULT_FOLDER = "~/project"
"""The working directory of jobs that name none."""
_BACKGROUND_END_S = 10
"""Seconds that a background step has for its end: those of SIGTERM and of SIGKILL after it."""


class StepFailed(Exception):
    """A step did not do what it should; the reason is in its log."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step that did not fail went: its exit code, and a word for the summary."""

    exit_code: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Background:
    """A step that runs on beside the others; ``stop`` ends it."""

    thread: threading.Thread
    stop: threading.Event


@dataclass(slots=True)
class JobRun:
    """A job that runs.

    Attributes:
        spec: what is run.
        sandbox: where.
        store: caches and workspaces.
        snapshot: what ``checkout`` puts there.
        run_id: the run.
        project: the name under which caches are kept.
        variables: project variables, below the contexts'.
        builtin: CIRCLE_* variables.
        values: branch, revision and the like, for the keys of caches.
        scratch: a folder inside of the sandbox for the runner's own files.
        cancel: set when the run is stopped.
        memory: what is remembered of the project.
        mask: hides secrets in what is kept of the job.
        halted: tells whether ``circleci step halt`` was called.
        failed: whether a step has failed.
        background: the steps that run beside the others.
        in_place: the working tree itself, as the sandbox sees it, or "" where the job gets a copy.
        mounts: what the job sees of the user's own files.
        deadline: when the job has to be over, as :func:`time.monotonic` counts, or None.
        before_step: called with each step, and its number from 0, before it is run.
        after_failure: called with a step that failed.
        facts: what the summary tells: caches, test results, artifacts.
        remote_docker: what ``setup_remote_docker`` gives, or None.
        ssh_keys: what ``add_ssh_keys`` uses, or None where that cannot be.
        lost: why the log of a step could not be kept, or None.
        empty_folder: a folder that is known to be empty, since nothing has run yet, or "".
    """

    spec: JobSpec
    sandbox: Sandbox
    store: Store
    snapshot: Snapshot
    run_id: str
    project: str
    variables: Mapping[str, str]
    builtin: Mapping[str, str]
    values: Mapping[str, Any]
    scratch: str
    cancel: threading.Event
    halted: Callable[[], bool]
    memory: ProjectMemory
    mask: Callable[[str], str] = str
    failed: bool = False
    tty: bool = True
    background: list[Background] = field(default_factory=list)
    in_place: str = ""
    mounts: Sequence[HostMount] = ()
    deadline: float | None = None
    before_step: Callable[[JobRun, Step, int], None] | None = None
    after_failure: Callable[[JobRun, Step], None] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    remote_docker: RemoteDocker | None = None
    ssh_keys: SshKeys | None = None
    lost: OrbyardError | None = None
    empty_folder: str = ""

    @property
    def timed_out(self) -> bool:
        """Whether the job took longer than it may."""
        return self.deadline is not None and time.monotonic() > self.deadline

    @property
    def stopping(self) -> bool:
        """Whether no more is to be done: the run is stopped, or the job is out of time."""
        return self.cancel.is_set() or self.timed_out

    def end_background(self) -> None:
        """End the steps that run beside the others, with all that they started."""
        for step in self.background:
            step.stop.set()
        for step in self.background:
            step.thread.join(_BACKGROUND_END_S)

    @property
    def working_directory(self) -> str:
        """The job's working directory inside the sandbox."""
        return self.in_place or self.configured_directory

    @property
    def configured_directory(self) -> str:
        """The working directory that the job would have with a copy of the files, absolute."""
        written = self.expand(self.spec.job.working_directory or DEFAULT_FOLDER)
        return posixpath.normpath(posixpath.join("/", written))

    def expand(self, path: str) -> str:
        """Return a path with ``~`` replaced; a relative one stays relative."""
        if path == "~" or path.startswith("~/"):
            return self.sandbox.home + path[1:]
        return path

    def absolute(self, path: str) -> str:
        """Return a path of a step, relative to the working directory, as an absolute one."""
        found = posixpath.normpath(posixpath.join(self.working_directory, self.expand(path)))
        return _moved(found, self.configured_directory, self.working_directory)

    def portable(self, path: str) -> str:
        """Return the name under which a cache keeps an absolute path: the same in place and elsewhere."""
        home = self.sandbox.home
        # The home folder of a job on this machine is itself inside of the working tree.
        if path != home and not path.startswith(f"{home}/"):
            path = _moved(path, self.working_directory, self.configured_directory)
        return portable_name(path, home)

    def environment(self, step: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Return the variables of a step."""
        executor = self.spec.job.executor
        image = getattr(executor, "images", (None,))[0]
        return job_environment(
            image=image.environment if image else None,
            project=self.variables,
            contexts=[self.spec.contexts],
            builtin=self.builtin,
            job=self.spec.job.environment,
            step=step,
        )

    def artifact_folder(self) -> Path:
        """Return the folder of this machine that artifacts are copied to."""
        return self.spec.folder / "artifacts"


def _moved(path: str, old: str, new: str) -> str:
    """Return a path with a folder that it is in, or is, replaced by another one."""
    return new + path[len(old) :] if path == old or path.startswith(f"{old}/") else path


StepFunction = Callable[[JobRun, Step, StepLog], Outcome]
"""Carries a step out; raises StepFailed or an OrbyardError."""
