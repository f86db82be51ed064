"""Starts the containers of a job: the first image runs the steps, the others are its services."""

from __future__ import annotations

import os
import posixpath
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.model import DockerImage
from pipeline.errors import Interrupted, WorkFailed, caused_at
from pipeline.runner.agent_mirror import AgentMirror, pack_shared
from pipeline.runner.container_spec import (
    BindRefused,
    ContainerSpec,
    HostMount,
    ImageFacts,
    VolumeMount,
)
from pipeline.runner.docker_daemon import Daemon
from pipeline.runner.docker_sandbox import DockerSandbox
from pipeline.runner.environment import environment_text
from pipeline.runner.exchange import Exchange
from pipeline.runner.first_process import (
    ASKS_FOR_USER,
    FACTS,
    Wanted,
    first_process,
    is_whole,
    read_facts,
    without_facts,
)
from pipeline.runner.owner import OWNER_LABEL, RUN_LABEL, this_process
from pipeline.runner.resources import Resources
from pipeline.runner.services import Services, shared_ports

if TYPE_CHECKING:
    from pipeline.runner.engine import ContainerEngine

__all__ = ["INSIDE", "ContainerJob", "job_labels", "job_name", "open_containers"]

INSIDE = "/tmp/.orbyard"  # noqa: S108  # inside of the container
"""Where the job sees what it shares with the runner."""
PRESERVE_ENTRYPOINT = "com.circleci.preserve-entrypoint"
_SOCKET_HINT = (
    "the engine's machine has no such socket: with `ci.remote_docker: dind` jobs get a Docker daemon of"
    " their own"
)
_MOUNTS_HINT = "--volume needs a Docker engine on this machine, which sees its files"
_NO_EXEC = "exec format error"
"""The kernel's words for a program of another processor, as the engine passes them on."""


class _NoFacts(WorkFailed):
    """The primary container runs, and does not tell of itself."""


@dataclass(frozen=True, slots=True)
class ContainerJob:
    """What a job's containers are made of.

    Attributes:
        name: a part of their names, which no other job has.
        images: with what is known of each; the first is the primary.
        labels: of all that is made.
        shared: the folder that the job shares with the runner.
        resources: limits of the primary container.
        platform: of all images, or empty.
        sockets: sockets of the engine's machine, and where the job sees them.
        volumes: of the primary container.
        mounts: what the user lets the primary container see of this machine.
        tree: the working tree that the job works on, seen under its own name, or "".
        runs_daemon: whether a Docker daemon is to run in the primary container.
        daemon: one beside it, already made.
        wanted: what the primary container is to have before the first step.
    """

    name: str
    images: Sequence[tuple[DockerImage, ImageFacts]]
    labels: Mapping[str, str]
    shared: Path
    resources: Resources
    wanted: Wanted
    platform: str = ""
    sockets: Mapping[str, str] = field(default_factory=dict)
    volumes: Sequence[VolumeMount] = ()
    mounts: Sequence[HostMount] = ()
    tree: str = ""
    runs_daemon: bool = False
    daemon: Daemon | None = None


def job_labels(run_id: str) -> dict[str, str]:
    """Return the labels of all that a run makes."""
    return {RUN_LABEL: run_id, OWNER_LABEL: str(this_process())}


def job_name(run_id: str, label: str) -> str:
    """Return a part of names of containers: readable, and of this job alone."""
    plain = "".join(c if c.isascii() and c.isalnum() else "-" for c in label).strip("-")[:40]
    return f"orbyard-{run_id[-6:]}-{plain}-{uuid.uuid4().hex[:6]}"


def open_containers(
    engine: ContainerEngine,
    job: ContainerJob,
    services: Services,
    cancel: threading.Event,
    note: Callable[[str], None],
) -> DockerSandbox:
    """Start the containers of a job; if anything fails, none of them stays.

    Raises:
        WorkFailed: a container cannot be made or started.
        Interrupted: the run was stopped.
    """
    image, facts = job.images[0]
    with ExitStack() as undo, caused_at(image.where):
        if job.daemon is not None:
            undo.callback(job.daemon.close)
            with caused_at(job.daemon.where):
                job.daemon.start()
        _go_on(cancel)
        primary, is_shared = _create_primary(engine, job)
        sandbox = DockerSandbox(engine, primary, image.user or "", cancel, job.resources)
        sandbox.before.append(services)
        if job.daemon is not None:
            sandbox.after.append(job.daemon)
        undo.pop_all()
        undo.callback(sandbox.close)
        _go_on(cancel)
        if is_shared:
            sandbox.exchange = Exchange(job.shared, INSIDE)
        else:
            folder, name = posixpath.split(INSIDE)
            engine.put_archive(primary, folder, [pack_shared(job.shared, name)])
        told = _told(engine, primary) if _is_ours(image, facts) else iter(())
        _start(engine, primary, image, facts, engine.platform)
        for text in shared_ports(job.images[1:]):
            note(f"warning: {text}")
        try:
            for number, (service, service_facts) in enumerate(job.images[1:], 1):
                _go_on(cancel)
                own = _platform(engine, job, service_facts)
                services.start(service, f"{job.name}-{number}", primary, job.labels, own)
            _go_on(cancel)
            _learn(sandbox, told)
        except WorkFailed as error:
            raise _not_up(sandbox, image, error, note) from error
        if not is_shared:
            mirror = AgentMirror(engine, primary, job.shared / "agent", f"{INSIDE}/agent")
            sandbox.before.insert(0, mirror)
            sandbox.sync = mirror.fetch
            mirror.start()
        undo.pop_all()
    return sandbox


def _go_on(cancel: threading.Event) -> None:
    if cancel.is_set():
        raise Interrupted("the run was stopped")


def _create_primary(engine: ContainerEngine, job: ContainerJob) -> tuple[str, bool]:
    """Return the container's id, and whether it sees the folder that it shares with the runner."""
    spec = _primary_spec(engine, job)
    if engine.sees_this_machine:
        try:
            shared = {os.fspath(job.shared): INSIDE}
            return engine.create(replace(spec, binds={**spec.binds, **shared})), True
        except BindRefused:
            engine.sees_this_machine = False
    try:
        return engine.create(spec), False
    except BindRefused as error:
        raise WorkFailed(
            error.message, hint=_MOUNTS_HINT if job.mounts else _SOCKET_HINT
        ) from error


def _primary_spec(engine: ContainerEngine, job: ContainerJob) -> ContainerSpec:
    image, facts = job.images[0]
    entrypoint, command = (
        (first_process(job.wanted), ())
        if _is_ours(image, facts)
        else (image.entrypoint, image.command)
    )
    volumes = [*job.volumes, *([job.daemon.volume] if job.daemon is not None else ())]
    return ContainerSpec(
        image=image.image,
        name=job.name,
        entrypoint=entrypoint,
        command=command,
        user=image.user,
        environment={name: environment_text(value) for name, value in image.environment.items()},
        labels=job.labels,
        hosts={image.name: "127.0.0.1" for image, _ in job.images if image.name},
        cpus=job.resources.cpus,
        memory_bytes=job.resources.memory_bytes,
        runs_daemon=job.runs_daemon,
        binds={**job.sockets, **({job.tree: job.tree} if job.tree else {})},
        volumes=volumes,
        mounts=job.mounts,
        platform=_platform(engine, job, facts) or None,
    )


def _platform(engine: ContainerEngine, job: ContainerJob, facts: ImageFacts) -> str:
    """Return the platform to ask the engine for; empty where it is the engine's own."""
    wanted = job.platform or facts.platform
    return "" if wanted.endswith("/") or wanted == engine.platform else wanted


def _is_ours(image: DockerImage, facts: ImageFacts) -> bool:
    """Tell whether the first process of the primary container is the runner's own (R22)."""
    preserved = facts.labels.get(PRESERVE_ENTRYPOINT, "").lower() == "true" and facts.entrypoint
    return image.entrypoint is None and image.command is None and not preserved


def _start(
    engine: ContainerEngine, container: str, image: DockerImage, facts: ImageFacts, own: str
) -> None:
    try:
        engine.start(container)
    except WorkFailed as error:
        if _NO_EXEC not in error.message.lower() and facts.platform in (own, "linux/"):
            raise
        raise WorkFailed(error.message, hint=_emulation_hint(image, facts, own)) from error


def _emulation_hint(image: DockerImage, facts: ImageFacts, own: str) -> str:
    cpu = facts.platform.rpartition("/")[2]
    return (
        f"{image.image} is a {facts.platform} image, and the engine's machine is {own}: let it emulate"
        f" that (`docker run --privileged --rm tonistiigi/binfmt --install {cpu}`, or Rosetta in Docker"
        " Desktop), or name an image that has both"
    )


def _told(engine: ContainerEngine, primary: str) -> Iterator[bytes]:
    """Return what the first process will print; nothing where an engine attaches only to what runs."""
    try:
        return engine.attach(primary)
    except WorkFailed:
        return iter(())


def _learn(sandbox: DockerSandbox, told: Iterator[bytes]) -> None:
    """Note what the primary container tells of itself, or ask it."""
    printed = b""
    for piece in told:
        printed += piece
        if is_whole(printed):
            break
    facts = read_facts(printed)
    if facts is None:
        _, printed = sandbox.capture(FACTS)
        facts = read_facts(printed)
    if facts is None:
        words = without_facts(printed.decode(errors="replace").splitlines())
        if not words:  # what went wrong may have come in between the facts
            _, printed = sandbox.capture(ASKS_FOR_USER)
            words = printed.decode(errors="replace").splitlines()
        raise _NoFacts(" ".join(words[-5:]))
    sandbox.take(facts)


def _not_up(
    sandbox: DockerSandbox, image: DockerImage, error: WorkFailed, note: Callable[[str], None]
) -> WorkFailed:
    """Return what is wrong with the primary container, where it is that and not a service."""
    state = sandbox.engine.state(sandbox.primary)
    if state is None or state.running:
        if not isinstance(error, _NoFacts):
            return error
        return WorkFailed(
            f"the container of {image.image} does not tell who its user is: {error.message}",
            hint="steps need a shell, /bin/sh, with `id` and `mkdir`: use an image that has them",
        )
    if printed := sandbox.last_output():
        note("\n".join([f"{image.image} printed:", *(f"| {line}" for line in printed[-8:])]))
    return WorkFailed(
        f"the container of {image.image} ended at once with exit code {state.exit_code}",
        hint="the first image has to stay up: leave out `entrypoint` and `command`, or its label"
        f" {PRESERVE_ENTRYPOINT}",
    )
