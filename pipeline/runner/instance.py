"""Prepares one instance of a job — its sandbox, files, variables — runs it, and clears up."""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from pipeline.config.model import Step
from pipeline.errors import Interrupted, WorkFailed
from pipeline.runner.agent_messages import JobFacts
from pipeline.runner.agent_server import AgentServer
from pipeline.runner.containers import INSIDE
from pipeline.runner.docker_sandbox import DockerSandbox
from pipeline.runner.environment import BuildIdentity, builtin_variables
from pipeline.runner.first_process import Wanted
from pipeline.runner.host_sandbox import HostSandbox
from pipeline.runner.in_place import enter_tree
from pipeline.runner.job import run_steps
from pipeline.runner.job_run import DEFAULT_FOLDER, JobRun
from pipeline.runner.machine import Machine
from pipeline.runner.model import JobResult, JobSpec
from pipeline.runner.mount_check import refuse_covered
from pipeline.runner.opening import Opened, open_place
from pipeline.runner.places import place_of
from pipeline.runner.sandbox import Sandbox
from pipeline.runner.stand_in import answer, stand_in_script
from pipeline.runner.web_stand_in import WEB_PROGRAMS, setup_responder, web_script

__all__ = ["Machine", "run_instance"]

_WEB_FOLDER = "setup-bin"
_NO_PAGER = {"PAGER": "cat", "GIT_PAGER": "cat"}
"""Steps see a terminal, and a pager in it would wait for a key that nobody presses."""


def run_instance(machine: Machine, spec: JobSpec) -> JobResult:
    """Run an instance of a job.

    Raises:
        OrbyardError: its sandbox cannot be made.
    """
    began, began_at = time.monotonic(), time.time()
    place = place_of(spec.job, machine.options)
    if place.kind == "nowhere":
        differs = {"not_emulated": [f"{spec.name} was not run: {place.reason}"]}
        return JobResult(spec.name, spec.node_index, "not_run", 0.0, (), place.reason, differs)
    shared = machine.scratch / uuid.uuid4().hex
    shared.mkdir(parents=True)
    shared.chmod(0o755)
    known = spec.of_workflow(spec.name)
    facts = JobFacts(machine.timings, machine.failed_tests.get(known))
    # Called in the opposite order. What only removes things need not be waited for.
    undo = ExitStack()
    undo.callback(shutil.rmtree, shared, ignore_errors=True)
    try:
        respond = setup_responder(api, spec.name) if (api := machine.continuation) else answer
        with AgentServer(shared / "agent", facts, respond=respond) as agent:
            _write_scripts(spec.job.steps, shared)
            if api is not None:
                _write_programs(shared / _WEB_FOLDER, WEB_PROGRAMS, web_script())
            wanted = _wanted(machine, spec)
            opened = open_place(machine, spec, place.kind, shared, wanted)
            undo.callback(opened.close)
            result = _run(machine, spec, opened, agent, wanted)
            # With what came before the steps, as on CircleCI: a container takes its time, too.
            return replace(result, seconds=time.monotonic() - began, started_at=began_at)
    except Interrupted as error:
        return JobResult(
            spec.name,
            spec.node_index,
            "canceled",
            time.monotonic() - began,
            reason=error.message,
            folder=str(spec.folder),
            started_at=began_at,
        )
    finally:
        if _may_close_later(spec, place.kind) and machine.in_place is None:
            machine.teardown.later(undo.close)
        else:
            undo.close()


def _may_close_later(spec: JobSpec, kind: str) -> bool:
    """Return whether nobody waits for the job's place: a Docker engine of its own gives back its volume."""
    return kind == "containers" and not any(
        step.type == "setup_remote_docker" for step in spec.job.steps
    )


def _wanted(machine: Machine, spec: JobSpec) -> Wanted:
    """Return what a container is to have before the first step."""
    # A login shell and sudo make a PATH of their own, on which the folder of PATH is not.
    return Wanted(
        folder="" if machine.in_place else spec.job.working_directory or DEFAULT_FOLDER,
        programs=f"{INSIDE}/bin",
        where_missing=f"{INSIDE}/{_WEB_FOLDER}" if machine.continuation else "",
        is_later=bool(machine.options.mounts),
    )


def _run(
    machine: Machine, spec: JobSpec, opened: Opened, agent: AgentServer, wanted: Wanted
) -> JobResult:
    run = _job_run(machine, spec, opened, agent)
    _prepare(run, opened.sandbox, wanted)
    result = run_steps(run, machine.view, machine.masker)
    if result.status == "failed" and opened.services is not None:
        for words in opened.services.last_words():
            machine.note(words)
    return result


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


def _job_run(machine: Machine, spec: JobSpec, opened: Opened, agent: AgentServer) -> JobRun:
    inside = opened.inside
    builtin = builtin_variables(
        job=spec.name,
        values=machine.values,
        build=_build(machine, spec),
        working_directory=spec.job.working_directory or DEFAULT_FOLDER,
        bash_env=f"{inside}/bash_env",
        project=machine.project,
        continuation_key=machine.continuation.key if machine.continuation else "",
    ) | {"ORBYARD_AGENT": f"{inside}/agent", **_NO_PAGER, **opened.variables}
    if isinstance(opened.sandbox, HostSandbox):
        builtin["PATH"] = f"{inside}/bin:{opened.sandbox.path}"
    if machine.continuation:
        builtin["PATH"] = f"{inside}/{_WEB_FOLDER}:{builtin.get('PATH') or opened.sandbox.path}"
    differs = [*opened.not_emulated, *_hosted_only(spec)]
    return JobRun(
        spec=spec,
        sandbox=opened.sandbox,
        store=machine.store,
        snapshot=machine.snapshot,
        run_id=machine.run_id,
        project=machine.project,
        variables=machine.variables,
        builtin=builtin,
        values=machine.values,
        scratch=inside,
        cancel=machine.cancel,
        halted=lambda: _is_halted(opened.sandbox, agent),
        tty=machine.tty,
        before_step=machine.shell.before if machine.shell else None,
        after_failure=machine.shell.after_failure if machine.shell else None,
        memory=machine.memory,
        mask=machine.masker.mask,
        in_place=str(machine.in_place or ""),
        mounts=machine.options.mounts if isinstance(opened.sandbox, DockerSandbox) else (),
        deadline=time.monotonic() + machine.job_timeout_s if machine.job_timeout_s else None,
        facts={"not_emulated": differs} if differs else {},
        remote_docker=opened.remote_docker,
        ssh_keys=opened.ssh_keys,
    )


def _build(machine: Machine, spec: JobSpec) -> BuildIdentity:
    """Return the ids and numbers that a job has: some are those of its run, some its own."""
    number, previous, job_id = machine.build_of(spec)
    workflow = _id_of(f"{machine.run_id}/{spec.workflow}")
    return BuildIdentity(
        build_number=number,
        previous_build_number=previous,
        build_url=spec.folder.as_uri() if spec.folder.is_absolute() else str(spec.folder),
        pipeline_id=_id_of(machine.run_id),
        workflow_id=workflow,
        job_id=job_id,
        workspace_id=workflow,
        project_id=_id_of(machine.project),
        organization_id=_id_of(machine.project.rpartition("/")[0] or "local"),
        node_index=spec.node_index,
        node_total=spec.job.parallelism,
    )


def _id_of(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


def _hosted_only(spec: JobSpec) -> Iterator[str]:
    """Tell what a job asks for that there is on CircleCI only."""
    if spec.job.circleci_ip_ranges:
        yield f"{spec.name} has this machine's address, not one of CircleCI's (circleci_ip_ranges)"
    if spec.job.cache_retention:
        yield f"caches of {spec.name} stay until the store is full, not {spec.job.cache_retention}"


def _is_halted(sandbox: Sandbox, agent: AgentServer) -> bool:
    if isinstance(sandbox, DockerSandbox):
        sandbox.sync()
    return agent.halted


def _prepare(run: JobRun, sandbox: Sandbox, wanted: Wanted) -> None:
    """Make the working directory, and put the stand-in program on the PATH."""
    folder = run.working_directory
    if run.in_place:
        enter_tree(sandbox, Path(run.in_place), run.configured_directory)
        # Docker would take that of the first user with the ids, which may be root.
        run.builtin = {**run.builtin, "HOME": sandbox.home}
    if isinstance(sandbox, DockerSandbox):
        refuse_covered(run.mounts, folder)
        sandbox.prepare(replace(wanted, folder="" if run.in_place else folder))
        run.empty_folder = folder if sandbox.has_empty_folder else ""
        return
    code, printed = sandbox.capture(["/bin/sh", "-c", 'mkdir -p "$1"', "sh", folder])
    if code:
        raise WorkFailed(f"the working directory {folder} cannot be made: {printed.decode()}")
