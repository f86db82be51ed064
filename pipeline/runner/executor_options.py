"""How the machine is used for jobs: what the settings and options say about executors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.runner.container_spec import HostMount

__all__ = ["ExecutorOptions"]


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """Choices for all jobs of a run.

    Attributes:
        executor: ``auto``, ``docker`` or ``host``: where docker jobs run.
        images: which image is taken for one that is written; see :mod:`pipeline.runner.image_names`.
        platform: of all images, as ``linux/amd64``; empty for the engine's own.
        machine: ``host`` or ``container``: where machine jobs run.
        machine_image: the image of their containers.
        remote_docker: ``socket`` or ``dind``: what ``setup_remote_docker`` gives.
        dind_image: the image of jobs' own Docker daemons.
        ssh_agent: whether every job may use all keys of the caller's agent.
        ssh_auth_sock: the socket of the caller's agent, or empty.
        ssh_keys: files of private keys by their fingerprint.
        mounts: files and folders of this machine that jobs in containers see.
    """

    executor: str = "auto"
    images: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""
    machine: str = "host"
    machine_image: str = ""
    remote_docker: str = "socket"
    dind_image: str = "docker:dind"
    ssh_agent: bool = False
    ssh_auth_sock: str = ""
    ssh_keys: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[HostMount, ...] = ()
