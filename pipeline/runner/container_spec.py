"""What a container is made of, and how one is doing: plain data."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import WorkFailed

__all__ = [
    "DAEMON_CAPABILITIES",
    "BindRefused",
    "ContainerSpec",
    "ContainerState",
    "HostMount",
    "ImageFacts",
    "VolumeMount",
    "container_config",
]

DAEMON_CAPABILITIES = (
    "IPC_LOCK",
    "MKNOD",
    "NET_ADMIN",
    "SETFCAP",
    "SYS_ADMIN",
    "SYS_CHROOT",
    "SYS_NICE",
    "SYS_PTRACE",
)
"""What a Docker daemon in a container needs beyond the usual. Less than ``privileged``, which an engine
refuses where its own machine lacks one of all the capabilities there are."""


class BindRefused(WorkFailed):
    """The engine does not see the folders of this machine: it runs elsewhere."""


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """A volume in a container; ``name`` is empty for one that goes with the container."""

    target: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class HostMount:
    """A file or folder of this machine that the user lets jobs see at ``target``."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container to be made.

    Attributes:
        image: its image.
        name: its name.
        entrypoint: or None for the image's own.
        command: or None for the image's own.
        user: or None for the image's own.
        environment: variables.
        labels: labels.
        network: ``container:<id>`` to share another's network, or None.
        hosts: further host names and their addresses.
        cpus: processors, or None for all.
        memory_bytes: or None for all.
        runs_daemon: whether a Docker daemon is to run in it, with the rights that this takes.
        binds: files and folders of the engine's machine, and where they are seen.
        mounts: those that the user asked for.
        volumes: volumes, and where they are seen.
        platform: as ``linux/arm64``, or None for the engine's own.
    """

    image: str
    name: str
    entrypoint: Sequence[str] | str | None = None
    command: Sequence[str] | str | None = None
    user: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    network: str | None = None
    hosts: Mapping[str, str] = field(default_factory=dict)
    cpus: float | None = None
    memory_bytes: int | None = None
    runs_daemon: bool = False
    binds: Mapping[str, str] = field(default_factory=dict)
    mounts: Sequence[HostMount] = ()
    volumes: Sequence[VolumeMount] = ()
    platform: str | None = None


@dataclass(frozen=True, slots=True)
class ContainerState:
    """How a container is doing.

    Attributes:
        running: whether it runs.
        exit_code: of one that ended.
        oom_killed: whether the system ended it for want of memory.
        error: the engine's words where it could not be started.
    """

    running: bool
    exit_code: int
    oom_killed: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the engine knows of an image.

    Attributes:
        platform: as ``linux/amd64``.
        labels: its labels.
        ports: the ports it exposes, as ``5432/tcp``.
        entrypoint: its own.
        command: its own.
    """

    platform: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: frozenset[str] = frozenset()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


def container_config(spec: ContainerSpec) -> dict[str, Any]:
    """Return what the engine's interface takes to make a container (Docker Engine API, ContainerCreate).

    Raises:
        ValueError: entrypoint or command is a text that no shell can read.
    """
    host: dict[str, Any] = {
        "Init": True,
        "Mounts": [
            *(_mount("bind", source, target) for source, target in spec.binds.items()),
            *(_mount("volume", volume.name, volume.target) for volume in spec.volumes),
            *(
                {**_mount("bind", mount.source, mount.target), "ReadOnly": mount.read_only}
                for mount in spec.mounts
            ),
        ],
        "ExtraHosts": [f"{name}:{address}" for name, address in spec.hosts.items()],
    }
    if spec.network is not None:
        host["NetworkMode"] = spec.network
    if spec.cpus is not None:
        host["NanoCpus"] = int(spec.cpus * 1e9)
    if spec.memory_bytes is not None:
        # Without the second the container gets as much again of swap.
        host |= {"Memory": spec.memory_bytes, "MemorySwap": spec.memory_bytes}
    if spec.runs_daemon:
        host |= {
            "CapAdd": list(DAEMON_CAPABILITIES),
            "DeviceCgroupRules": ["a *:* rwm"],
            "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined", "label=disable"],
            "MaskedPaths": [],
            "ReadonlyPaths": [],
        }
    config = {
        "Image": spec.image,
        "Entrypoint": _words(spec.entrypoint),
        "Cmd": _words(spec.command),
        "User": spec.user,
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Labels": dict(spec.labels),
        "HostConfig": host,
    }
    return {key: value for key, value in config.items() if value is not None}


def _mount(kind: str, source: str, target: str) -> dict[str, Any]:
    mount: dict[str, Any] = {"Type": kind, "Target": target}
    return mount | {"Source": source} if source else mount


def _words(value: Sequence[str] | str | None) -> list[str] | None:
    if value is None:
        return None
    return shlex.split(value) if isinstance(value, str) else list(value)
