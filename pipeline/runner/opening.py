"""Opens the place where a job runs, with what belongs to it: services, a Docker engine, ssh keys."""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipeline.config.model import Docker, DockerImage, Step
from pipeline.config.model import Machine as MachineExecutor
from pipeline.errors import InvalidInput, Location, caused_at
from pipeline.process import find_program
from pipeline.runner.container_spec import ImageFacts, VolumeMount
from pipeline.runner.containers import (
    INSIDE,
    ContainerJob,
    job_labels,
    job_name,
    open_containers,
)
from pipeline.runner.docker_daemon import Daemon
from pipeline.runner.docker_sandbox import DockerSandbox
from pipeline.runner.first_process import Wanted
from pipeline.runner.host_sandbox import HostSandbox
from pipeline.runner.image_names import image_in_place
from pipeline.runner.machine import Machine
from pipeline.runner.model import JobSpec
from pipeline.runner.remote_docker import (
    JOB_SOCKET,
    RemoteDocker,
    engine_socket,
    start_own_daemon,
)
from pipeline.runner.resources import resources_of
from pipeline.runner.sandbox import Sandbox
from pipeline.runner.services import Services
from pipeline.runner.short_folders import make_short_folder
from pipeline.runner.ssh_agent import SshKeys

if TYPE_CHECKING:
    from pipeline.runner.engine import ContainerEngine

__all__ = ["Opened", "open_place"]

_AGENT = "ssh-agent"
_MACHINE_IMAGE = Location("orbyard.yml", key="ci.machine_image")
_DESKTOP_AGENT = "/run/host-services/ssh-auth.sock"
"""Where Docker Desktop for Mac has the caller's agent, on the engine's machine: its shared folders carry no
sockets (docs.docker.com/desktop/features/networking, "SSH agent forwarding")."""
_DESKTOP_INSIDE = "/tmp/.orbyard-ssh-agent"  # noqa: S108  # inside of the container


@dataclass(slots=True)
class Opened:
    """Where a job runs.

    Attributes:
        sandbox: the place.
        inside: where the job sees the folder that it shares with the runner.
        variables: of the place, for all steps.
        services: of a docker job.
        remote_docker: what ``setup_remote_docker`` gives.
        ssh_keys: what ``add_ssh_keys`` uses.
        not_emulated: what is otherwise than on CircleCI.
    """

    sandbox: Sandbox
    inside: str
    variables: dict[str, str] = field(default_factory=dict)
    services: Services | None = None
    remote_docker: RemoteDocker | None = None
    ssh_keys: SshKeys | None = None
    not_emulated: tuple[str, ...] = ()
    _undo: ExitStack = field(default_factory=ExitStack)

    def close(self) -> None:
        """Remove all of it."""
        self._undo.close()


def open_place(
    machine: Machine,
    spec: JobSpec,
    kind: Literal["containers", "machine", "host"],
    shared: Path,
    wanted: Wanted,
) -> Opened:
    """Open the place where a job runs.

    Args:
        machine: what the run's jobs share.
        spec: the job.
        kind: the kind of place.
        shared: the folder that the job shares with the runner.
        wanted: what a container is to have before the first step.

    Raises:
        OrbyardError: it cannot be; nothing of it stays then.
    """
    with ExitStack() as undo:
        keys = _ssh_keys(machine, spec, shared, undo, on_host=kind == "host")
        if keys is not None:
            undo.callback(keys.close)
            keys.open()
        if kind == "host":
            opened = _host(machine, spec, shared, undo)
        else:
            opened = _containers(
                machine, spec, kind, shared, wanted, undo, with_keys=keys is not None
            )
        if keys is not None:
            _hand_over(opened, keys)
        opened._undo = undo.pop_all()
        return opened


def _uses(spec: JobSpec, step_type: str) -> Step | None:
    return next((step for step in spec.job.steps if step.type == step_type), None)


def _needs_sudo(spec: JobSpec) -> bool:
    return any(re.search(r"\bsudo\b", str(step.options.get("command"))) for step in spec.job.steps)


def _ssh_keys(
    machine: Machine, spec: JobSpec, shared: Path, undo: ExitStack, *, on_host: bool
) -> SshKeys | None:
    options = machine.options
    if _uses(spec, "add_ssh_keys") is None and not options.ssh_agent:
        return None
    folder = shared
    if on_host:
        # The job's own programs have to name the socket, and the way to the scratch folder is long.
        folder = make_short_folder()
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
    # What runs on the machine itself has the caller's agent anyway.
    return SshKeys(
        folder / _AGENT,
        options.ssh_auth_sock,
        options.ssh_keys,
        forward_all=on_host or options.ssh_agent,
    )


def _hand_over(opened: Opened, keys: SshKeys) -> None:
    sandbox = opened.sandbox
    if not isinstance(sandbox, DockerSandbox):
        opened.ssh_keys = keys
        opened.variables["SSH_AUTH_SOCK"] = os.fspath(keys.path)
        return
    if not sandbox.engine.sees_this_machine:
        return
    opened.ssh_keys = keys
    if platform.system() == "Darwin":
        sandbox.as_root(f"chmod 666 {_DESKTOP_INSIDE}")
        opened.variables["SSH_AUTH_SOCK"] = _DESKTOP_INSIDE
    else:
        opened.variables["SSH_AUTH_SOCK"] = f"{INSIDE}/{_AGENT}"


def _host(machine: Machine, spec: JobSpec, shared: Path, undo: ExitStack) -> Opened:
    home = shared / "home"
    home.mkdir()
    sandbox = HostSandbox(home, cancel=machine.cancel, tree=machine.in_place)
    undo.callback(sandbox.close)
    differs = []
    if isinstance(spec.job.executor, MachineExecutor):
        differs.append(f"{spec.name}, a machine job, runs on this machine itself, as its user")
        if _needs_sudo(spec) and find_program("sudo") is None:
            differs.append(f"{spec.name} uses sudo, which this machine has not")
    elif isinstance(spec.job.executor, Docker):
        differs.append(
            f"{spec.name}, a docker job, runs on this machine itself, without its images"
        )
        for image in spec.job.executor.images[1:]:
            differs.append(f"{spec.name} has no service {image.name or image.image}")
    if machine.options.mounts:
        differs.append(f"{spec.name} runs on this machine itself, and so without --volume")
    return Opened(sandbox, os.fspath(shared), not_emulated=tuple(differs))


def _containers(
    machine: Machine,
    spec: JobSpec,
    kind: Literal["containers", "machine"],
    shared: Path,
    wanted: Wanted,
    undo: ExitStack,
    *,
    with_keys: bool,
) -> Opened:
    engine = machine.engine()
    executor = spec.job.executor
    chosen: Sequence[DockerImage] = (
        [_in_place(machine, image) for image in executor.images]
        if isinstance(executor, Docker)
        else (DockerImage(machine.options.machine_image, where=_MACHINE_IMAGE),)
    )
    images = [(image, _ensure(machine, spec, engine, image)) for image in chosen]
    resources = resources_of(spec.job.resource_class, engine.size, machine=kind == "machine")
    if resources.note:
        machine.note_once(resources.note)
    there = machine.options.platform or engine.platform
    if (spec.job.resource_class or "").startswith("arm.") and "/arm" not in there:
        machine.note_once(
            f"{spec.job.resource_class} is for arm64, and containers are {there} here; --platform"
            " linux/arm64 takes images for it, where the engine can run them"
        )
    name, labels = job_name(machine.run_id, spec.label), job_labels(machine.run_id)
    remote = _remote_docker(machine, spec, engine, name, labels)
    sockets = {engine_socket(engine): JOB_SOCKET} if remote and remote.daemon is None else {}
    if with_keys and platform.system() == "Darwin":
        sockets[_DESKTOP_AGENT] = _DESKTOP_INSIDE
    services = Services(engine, spec.folder, machine.masker, machine.note)
    job = ContainerJob(
        name=name,
        images=images,
        labels=labels,
        shared=shared,
        resources=resources,
        wanted=wanted,
        platform=machine.options.platform,
        sockets=sockets,
        tree=_tree(machine, engine),
        volumes=_machine_volumes(machine, executor, undo) if kind == "machine" else (),
        mounts=machine.options.mounts,
        runs_daemon=kind == "machine",
        daemon=remote.daemon if remote is not None else None,
    )
    sandbox = open_containers(engine, job, services, machine.cancel, machine.note)
    undo.callback(sandbox.close)
    if kind == "machine":
        start_own_daemon(sandbox)
    return Opened(sandbox, INSIDE, services=services, remote_docker=remote)


def _ensure(
    machine: Machine, spec: JobSpec, engine: ContainerEngine, image: DockerImage
) -> ImageFacts:
    variables = {**machine.variables, **spec.contexts}
    with caused_at(image.where):
        said = machine.said_of_images(spec.label)
        return machine.images.ensure(engine, image, variables, said)


def _in_place(machine: Machine, image: DockerImage) -> DockerImage:
    taken = image_in_place(machine.options.images, image)
    if taken is not image:
        machine.note_once(f"taking the image {taken.image} for {image.image}")
    return taken


def _tree(machine: Machine, engine: ContainerEngine) -> str:
    if machine.in_place is not None and not engine.sees_this_machine:
        raise InvalidInput("--in-place needs a Docker engine on this machine, which sees its files")
    return os.fspath(machine.in_place or "")


def _remote_docker(
    machine: Machine,
    spec: JobSpec,
    engine: ContainerEngine,
    name: str,
    labels: Mapping[str, str],
) -> RemoteDocker | None:
    step = _uses(spec, "setup_remote_docker")
    if step is None or not isinstance(spec.job.executor, Docker):
        return None
    if machine.options.remote_docker == "socket":
        return RemoteDocker(None)
    image = DockerImage(machine.options.dind_image, where=step.where)
    _ensure(machine, spec, engine, image)
    keeps = step.options.get("docker_layer_caching") is True
    layers = machine.layers().take() if keeps else ""
    return RemoteDocker(
        Daemon(
            engine,
            image.image,
            f"{name}-docker",
            labels,
            layers,
            machine.cancel,
            (lambda: machine.layers().give_back(layers)) if layers else (lambda: None),
            step.where,
        )
    )


def _machine_volumes(
    machine: Machine, executor: object, undo: ExitStack
) -> tuple[VolumeMount, ...]:
    """Return the volume of a machine's own Docker daemon."""
    layers = ""
    if isinstance(executor, MachineExecutor) and executor.docker_layer_caching:
        layers = machine.layers().take()
        undo.callback(machine.layers().give_back, layers)
    return (VolumeMount("/var/lib/docker", layers),)
