"""Prepares one instance of a job — its sandbox, files, variables — runs it, and clears up."""

from __future__ import annotations

import shutil
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.config.model import Docker, Macos, Step
from pipeline.errors import OrbyardError, WorkFailed
from pipeline.runner.agent_messages import JobFacts
from pipeline.runner.agent_server import AgentServer
from pipeline.runner.continuation_api import ContinuationApi
from pipeline.runner.debug_shell import DebugShell
from pipeline.runner.docker_sandbox import DockerSandbox, open_docker_sandbox
from pipeline.runner.engine import ContainerEngine
from pipeline.runner.environment import BuildIdentity, builtin_variables
from pipeline.runner.host_sandbox import HostSandbox
from pipeline.runner.images import ensure_images
from pipeline.runner.job import run_steps
from pipeline.runner.job_run import JobRun
from pipeline.runner.model import JobResult, JobSpec
from pipeline.runner.project_memory import ProjectMemory
from pipeline.runner.resources import resources_of
from pipeline.runner.sandbox import Sandbox
from pipeline.runner.snapshot import Snapshot
from pipeline.runner.stand_in import answer, stand_in_script
from pipeline.runner.store import Store
from pipeline.runner.test_results import CaseResult, Timings
from pipeline.runner.view import View
from pipeline.runner.web_stand_in import WEB_PROGRAMS, setup_responder, web_script
from pipeline.secret import Masker

__all__ = ["Machine", "run_instance"]

_INSIDE = "/tmp/.orbyard"  # noqa: S108  # inside of the container
_WEB_FOLDER = "setup-bin"
_SOCKET = "/var/run/docker.sock"
_NO_PAGER = {"PAGER": "cat", "GIT_PAGER": "cat"}
"""Steps see a terminal, and a pager in it would wait for a key that nobody presses."""


@dataclass(slots=True)
class Machine:
    """What all jobs of a run share.

    Attributes:
        engine: returns the Docker engine, connected at the first call.
        executor: ``auto``, ``docker`` or ``host``.
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
        pull: whether to pull images that are there already.
        continuation: what takes the call that continues the pipeline, while setup workflows run.
        memory: what is known from earlier runs of the project.
        timings: how long tests took before this run: all nodes of a job split by the same.
        failed_tests: of jobs, by :meth:`JobSpec.of_workflow`: the only tests that are to be run.
        job_timeout_s: seconds that a job may take, or None.
    """

    engine: Callable[[], ContainerEngine]
    executor: str
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
    pull: bool = False
    shell: DebugShell | None = None
    continuation: ContinuationApi | None = None
    timings: Timings = field(default_factory=Timings)
    failed_tests: Mapping[str, tuple[CaseResult, ...]] = field(default_factory=dict)
    job_timeout_s: float | None = None
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


def run_instance(machine: Machine, spec: JobSpec) -> JobResult:
    """Run an instance of a job.

    Raises:
        OrbyardError: its sandbox cannot be made.
    """
    executor = spec.job.executor
    if isinstance(executor, Macos):
        return JobResult(
            spec.name,
            spec.node_index,
            "not_run",
            0.0,
            reason="macOS jobs do not run on this machine",
        )
    shared = machine.scratch / uuid.uuid4().hex[:8]
    shared.mkdir(parents=True)
    shared.chmod(0o755)
    known = spec.of_workflow(spec.name)
    facts = JobFacts(machine.timings, machine.failed_tests.get(known))
    try:
        respond = setup_responder(api, spec.name) if (api := machine.continuation) else answer
        with AgentServer(shared / "agent", facts, respond=respond) as agent:
            on_host = machine.executor == "host" or not isinstance(executor, Docker)
            _write_scripts(spec.job.steps, shared)
            if api is not None:
                _write_programs(shared / _WEB_FOLDER, WEB_PROGRAMS, web_script())
            sandbox: Sandbox = _host(shared) if on_host else _containers(machine, spec, shared)
            inside = str(shared) if on_host else _INSIDE
            try:
                run = _job_run(machine, spec, sandbox, inside, agent)
                _prepare(run, sandbox)
                return run_steps(run, machine.view, machine.masker)
            finally:
                sandbox.close()
    finally:
        shutil.rmtree(shared, ignore_errors=True)


def _write_scripts(steps: Sequence[Step], shared: Path) -> None:
    for number, step in enumerate(steps):
        if step.type in ("run", "deploy"):
            script = shared / f"step-{number}"
            script.write_text(str(step.options["command"]), encoding="utf-8")
            script.chmod(0o755)
    _write_programs(shared / "bin", ("circleci", "circleci-agent"), stand_in_script())
    variables = shared / "bash_env"
    variables.touch()
    variables.chmod(0o666)


def _write_programs(folder: Path, names: Sequence[str], script: bytes) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    for name in names:
        (folder / name).write_bytes(script)
        (folder / name).chmod(0o755)


def _host(shared: Path) -> HostSandbox:
    home = shared / "home"
    home.mkdir()
    return HostSandbox(home)


def _containers(machine: Machine, spec: JobSpec, shared: Path) -> DockerSandbox:
    executor = spec.job.executor
    assert isinstance(executor, Docker)
    engine = machine.engine()
    variables = {**machine.variables, **spec.contexts}
    ensure_images(
        engine,
        executor.images,
        variables,
        partial(machine.view.note, job=spec.label),
        pull=machine.pull,
    )
    binds = [f"{shared}:{_INSIDE}"]
    if any(step.type == "setup_remote_docker" for step in spec.job.steps):
        binds.append(f"{_SOCKET}:{_SOCKET}")
    plain = "".join(c if c.isalnum() else "-" for c in spec.name)[:40]
    return open_docker_sandbox(
        engine,
        executor.images,
        run_id=machine.run_id,
        name=f"{machine.run_id[-6:]}-{plain}",
        resources=resources_of(spec.job.resource_class),
        binds=binds,
    )


def _job_run(
    machine: Machine, spec: JobSpec, sandbox: Sandbox, inside: str, agent: AgentServer
) -> JobRun:
    number, previous, job_id = machine.build_of(spec)
    build = BuildIdentity(
        build_number=number,
        previous_build_number=previous,
        build_url=spec.folder.as_uri() if spec.folder.is_absolute() else str(spec.folder),
        pipeline_id=str(uuid.uuid5(uuid.NAMESPACE_URL, machine.run_id)),
        workflow_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{machine.run_id}/{spec.workflow}")),
        job_id=job_id,
        workspace_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{machine.run_id}/{spec.workflow}")),
        project_id=str(uuid.uuid5(uuid.NAMESPACE_URL, machine.project)),
        organization_id=str(
            uuid.uuid5(uuid.NAMESPACE_URL, machine.project.rpartition("/")[0] or "local")
        ),
        node_index=spec.node_index,
        node_total=spec.job.parallelism,
    )
    builtin = builtin_variables(
        job=spec.name,
        values=machine.values,
        build=build,
        working_directory=spec.job.working_directory or "~/project",
        bash_env=f"{inside}/bash_env",
        continuation_key=machine.continuation.key if machine.continuation else "",
    ) | {"ORBYARD_AGENT": f"{inside}/agent", **_NO_PAGER}
    if isinstance(sandbox, HostSandbox):
        builtin["PATH"] = f"{inside}/bin:{sandbox.path}"
    if machine.continuation:
        builtin["PATH"] = f"{inside}/{_WEB_FOLDER}:{builtin.get('PATH') or sandbox.path}"
    return JobRun(
        spec=spec,
        sandbox=sandbox,
        store=machine.store,
        snapshot=machine.snapshot,
        run_id=machine.run_id,
        project=machine.project,
        variables=machine.variables,
        builtin=builtin,
        values=machine.values,
        scratch=inside,
        cancel=machine.cancel,
        halted=lambda: agent.halted,
        tty=machine.tty,
        before_step=machine.shell.before if machine.shell else None,
        after_failure=machine.shell.after_failure if machine.shell else None,
        memory=machine.memory,
        deadline=time.monotonic() + machine.job_timeout_s if machine.job_timeout_s else None,
    )


def _prepare(run: JobRun, sandbox: Sandbox) -> None:
    """Make the working directory, and put the stand-in program on the PATH."""
    folder = run.working_directory
    if isinstance(sandbox, DockerSandbox):
        sandbox.make_folder(folder)
        with suppress(OrbyardError):
            # A login shell and sudo make a PATH of their own, on which the folder of PATH is not.
            web = f"{_INSIDE}/{_WEB_FOLDER}" if "CIRCLE_CONTINUATION_KEY" in run.builtin else ""
            sandbox.link_programs(f"{_INSIDE}/bin", where_missing=web)
        return
    code, printed = sandbox.capture(["/bin/sh", "-c", 'mkdir -p "$1"', "sh", folder])
    if code:
        raise WorkFailed(f"the working directory {folder} cannot be made: {printed.decode()}")
