"""The Docker engine that a job gets by ``setup_remote_docker``, and a machine's own one."""

from __future__ import annotations

import platform
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import WorkFailed
from pipeline.runner.docker_daemon import Daemon, await_daemon, daemon_script
from pipeline.runner.docker_sandbox import DockerSandbox

if TYPE_CHECKING:
    from pipeline.runner.engine import ContainerEngine

__all__ = ["JOB_SOCKET", "RemoteDocker", "engine_socket", "start_own_daemon"]

JOB_SOCKET = "/var/run/docker.sock"
"""Where the docker program looks when nobody says otherwise."""
_DAEMON_LOG = "/var/log/orbyard-dockerd.log"
_NO_CLIENT = (
    "Warning: this image has no docker program. Use one that has it (cimg/base and the like), or install"
    " it in a step before: `apt-get install docker.io`, `apk add docker-cli`."
)


def engine_socket(engine: ContainerEngine) -> str:
    """Return where the engine's socket is on the engine's own machine.

    Elsewhere than on Linux the local socket leads to a virtual machine, in which it is at the usual place.
    """
    local = engine.endpoint.socket
    return local if local and platform.system() == "Linux" else JOB_SOCKET


@dataclass(slots=True)
class RemoteDocker:
    """What a job's ``docker`` talks to.

    Attributes:
        daemon: the job's own daemon; None for the engine's socket.
    """

    daemon: Daemon | None

    @property
    def description(self) -> str:
        """What it is, in words."""
        if self.daemon is not None:
            return "a Docker daemon of the job's own; what is made in it goes with the job"
        return "the Docker engine of this machine, by its socket: images and containers stay on it"

    def open(self, sandbox: DockerSandbox) -> list[str]:
        """Let the job's user reach it, and return what there is to say.

        Raises:
            WorkFailed: it does not answer.
        """
        if self.daemon is not None:
            self.daemon.wait()
            sandbox.as_root(f"mkdir -p /var/run && ln -sf {self.daemon.socket} {JOB_SOCKET}")
        elif sandbox.uid:
            _join_group(sandbox)
        code, printed = sandbox.capture(
            ["/bin/sh", "-c", "command -v docker > /dev/null || exit 99; docker version 2>&1"]
        )
        if code == 99:
            return [self.description, _NO_CLIENT]
        if code:
            raise WorkFailed(
                "docker does not answer in the job's container",
                details=printed.decode(errors="replace").splitlines()[-3:],
            )
        return [self.description]


def _join_group(sandbox: DockerSandbox) -> None:
    """Make the job's user a member of the group that owns the socket, in the container alone."""
    sandbox.as_root(
        f"""test -S {JOB_SOCKET} || {{ echo "there is no socket {JOB_SOCKET}"; exit 1; }}
user=$(while IFS=: read -r name _ uid _; do
  [ "$uid" = {sandbox.uid} ] && echo "$name" && break
done < /etc/passwd)
set -- $(ls -ln {JOB_SOCKET})
[ -z "$user" ] || echo "orbyard-docker:x:$4:$user" >> /etc/group"""
    )


def start_own_daemon(sandbox: DockerSandbox) -> None:
    """Start a daemon in a machine's container, as a virtual machine has one.

    Raises:
        WorkFailed: it does not start.
    """
    script = shlex.quote(daemon_script(JOB_SOCKET))
    sandbox.as_root(f"/bin/sh -c {script} > {_DAEMON_LOG} 2>&1 < /dev/null &")
    await_daemon(sandbox.engine, sandbox.primary, JOB_SOCKET, sandbox.cancel, _DAEMON_LOG)
