"""What all jobs of a run share."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.runner.continuation_api import ContinuationApi
from pipeline.runner.debug_shell import DebugShell
from pipeline.runner.docker_daemon import LayerVolumes
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.images import Images, Said
from pipeline.runner.model import JobSpec
from pipeline.runner.project_memory import ProjectMemory
from pipeline.runner.snapshot import Snapshot
from pipeline.runner.store import Store
from pipeline.runner.teardown import Teardown
from pipeline.runner.test_results import CaseResult, Timings
from pipeline.runner.view import View
from pipeline.secret import Masker

if TYPE_CHECKING:
    from pipeline.runner.engine import ContainerEngine

__all__ = ["Machine"]


@dataclass(slots=True)
class Machine:
    """What all jobs of a run share.

    Attributes:
        engine: returns the Docker engine, connected at the first call.
        options: how the machine is used for jobs.
        images: makes sure of images.
        store: caches and workspaces.
        snapshot: the working tree.
        run_id: the run.
        project: the name under which caches are kept.
        variables: project variables.
        values: pipeline values.
        masker: hides secrets.
        view: what a person sees.
        cancel: set when the run is stopped.
        scratch: a folder of this machine for what jobs share with the runner.
        tty: whether steps see a terminal.
        shell: opens shells for steps, or None.
        continuation: what takes the call that continues the pipeline, while setup workflows run.
        memory: what is known from earlier runs of the project.
        timings: how long tests took before this run: all nodes of a job split by the same.
        failed_tests: of jobs, by :meth:`JobSpec.of_workflow`: the only tests that are to be run.
        teardown: takes down what jobs leave.
        job_timeout_s: seconds that a job may take, or None.
        in_place: the working tree that jobs work on, or None where they get copies.
    """

    engine: Callable[[], ContainerEngine]
    options: ExecutorOptions
    images: Images
    store: Store
    snapshot: Snapshot
    run_id: str
    project: str
    variables: Mapping[str, str]
    values: Mapping[str, Any]
    masker: Masker
    view: View
    cancel: threading.Event
    scratch: Path
    memory: ProjectMemory
    tty: bool = True
    shell: DebugShell | None = None
    continuation: ContinuationApi | None = None
    _layers: LayerVolumes | None = None
    _said: set[str] = field(default_factory=set)
    timings: Timings = field(default_factory=Timings)
    failed_tests: Mapping[str, tuple[CaseResult, ...]] = field(default_factory=dict)
    job_timeout_s: float | None = None
    in_place: Path | None = None
    teardown: Teardown = field(default_factory=Teardown)
    _builds: dict[Path, tuple[int, int | None, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def build_of(self, spec: JobSpec) -> tuple[int, int | None, str]:
        """Return a job's number, that of the branch's last job, and its id: all nodes have the same."""
        folder = spec.folder.parent if spec.job.parallelism > 1 else spec.folder
        with self._lock:
            if folder not in self._builds:
                branch = str(self.values.get("pipeline.git.branch") or "")
                self._builds[folder] = (*self.memory.next_build(branch), str(uuid.uuid4()))
            return self._builds[folder]

    def layers(self) -> LayerVolumes:
        """Return what gives out the volumes that keep layers."""
        with self._lock:
            if self._layers is None:
                self._layers = LayerVolumes(self.engine(), self.project)
            return self._layers

    def note_once(self, text: str) -> None:
        """Say something, unless it was said in this run already."""
        with self._lock:
            if text in self._said:
                return
            self._said.add(text)
        self.note(text)

    def note(self, text: str) -> None:
        """Say something that stays to be read, of one line or several."""
        for line in text.splitlines():
            self.view.note(line)

    def said_of_images(self, job: str) -> Said:
        """Return what takes what is said of a job's images."""
        if not self.view.redraws:
            return Said(self.note)
        return Said(self.note, lambda text: self.view.note(text or "preparing", job=job))
