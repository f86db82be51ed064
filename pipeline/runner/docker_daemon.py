"""A Docker daemon of a job's own: for ``setup_remote_docker``, and inside of a machine's container.

It needs more rights than other containers, see :data:`~.container_spec.DAEMON_CAPABILITIES`. Its layers
go with it, or stay in a volume of the project where the job says ``docker_layer_caching``.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import Interrupted, Location, WorkFailed
from pipeline.runner.container_spec import ContainerSpec, VolumeMount
from pipeline.runner.file_locks import take_lock

if TYPE_CHECKING:
    from pipeline.runner.engine import ContainerEngine

__all__ = [
    "LAYERS_LABEL",
    "SOCKET_FOLDER",
    "Daemon",
    "LayerVolumes",
    "await_daemon",
    "daemon_script",
]

SOCKET_FOLDER = "/run/orbyard-docker"
"""Where the daemon's socket is, in its container and in the job's."""
LAYERS_LABEL = "orbyard.layers"
"""The label of the volumes that keep layers between runs; its value is a digest of the project."""
_DATA = "/var/lib/docker"
_START_LIMIT_S = 60

_SCRIPT = """
for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mount -o remount,bind,rw "$d" 2>/dev/null; done
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/init
  for p in $(cat /sys/fs/cgroup/cgroup.procs); do echo "$p" > /sys/fs/cgroup/init/cgroup.procs; done
  for c in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$c" > /sys/fs/cgroup/cgroup.subtree_control
  done
fi 2>/dev/null
command -v dockerd > /dev/null || { echo "there is no program dockerd in this image"; exit 127; }
unset DOCKER_HOST
"""
"""Makes a container fit for a daemon. cgroup v2 has a group hold processes or groups, never both, so
those that are there move to a group of their own."""


def daemon_script(socket: str) -> str:
    """Return a shell script that becomes a daemon that listens on ``socket``."""
    return f"{_SCRIPT}rm -f /var/run/docker.pid\nexec dockerd --host=unix://{socket}\n"


def await_daemon(
    engine: ContainerEngine, container: str, socket: str, cancel: threading.Event, log: str = ""
) -> None:
    """Wait until the daemon in a container answers, and open its socket to every user there.

    Args:
        engine: the engine.
        container: where the daemon is.
        socket: its socket.
        cancel: set when the run is stopped.
        log: a file in the container with the daemon's output; empty for the container's own output.

    Raises:
        WorkFailed: it has ended, or does not answer within a minute.
        Interrupted: the run was stopped.
    """
    ask = f"docker -H unix://{socket} version > /dev/null 2>&1 && chmod 666 {socket}"
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline:
        if cancel.wait(0.05):
            raise Interrupted("the run was stopped while a Docker daemon started")
        state = engine.state(container)
        if state is None or not state.running:
            break
        execution, output = engine.execute(
            container, ["/bin/sh", "-c", ask], env={}, cwd="/", user="0"
        )
        for _ in output:
            pass
        if engine.exit_code(execution) == 0:
            return
    raise WorkFailed(
        "the job's own Docker daemon does not start",
        hint="its image needs the programs dockerd and docker, as docker:dind has; or leave out"
        " `ci.remote_docker` and use this machine's engine",
        details=_last_lines(engine, container, log),
    )


def _last_lines(engine: ContainerEngine, container: str, log: str) -> list[str]:
    if log:
        argv = ["/bin/sh", "-c", f"tail -n 8 {log}"]
        _, output = engine.execute(container, argv, env={}, cwd="/", user="0")
        printed = b"".join(output)
    else:
        printed = engine.last_output(container)
    return printed.decode(errors="replace").splitlines()[-8:]


@dataclass(slots=True)
class LayerVolumes:
    """Gives out the volumes that keep layers; a daemon has one to itself.

    Attributes:
        engine: the engine.
        project: the project's name.
    """

    engine: ContainerEngine
    project: str
    _held: dict[str, int] = field(default_factory=dict)

    def take(self) -> str:
        """Return a volume that nobody else has, neither another run nor a container that it left."""
        key = hashlib.sha256(self.project.encode()).hexdigest()[:12]
        for number in count(1):
            name = f"orbyard-layers-{key}-{number}"
            lock = take_lock(Path(tempfile.gettempdir()) / f"{name}-{os.getuid()}.lock")
            if lock is None:
                continue
            if not self.engine.users_of_volume(name):
                self._held[name] = lock
                break
            os.close(lock)
        self.engine.make_volume(name, {LAYERS_LABEL: key})
        return name

    def give_back(self, name: str) -> None:
        """Let others have a volume."""
        os.close(self._held.pop(name))


@dataclass(slots=True)
class Daemon:
    """A container with a Docker daemon, whose socket is in a volume that the job's container has too.

    Attributes:
        engine: the engine.
        image: with dockerd and docker.
        name: the container's; the volume's begins with it.
        labels: of both.
        layers: the volume for layers, or empty for one that goes with the container.
        cancel: set when the run is stopped.
        on_close: called when it has ended.
        where: what asks for it.
    """

    engine: ContainerEngine
    image: str
    name: str
    labels: Mapping[str, str]
    layers: str
    cancel: threading.Event
    on_close: Callable[[], None] = lambda: None
    where: Location | None = None
    _container: str = ""

    @property
    def volume(self) -> VolumeMount:
        """The volume with the socket, and where it is seen."""
        return VolumeMount(SOCKET_FOLDER, f"{self.name}-socket")

    @property
    def socket(self) -> str:
        """The path of the socket, in both containers."""
        return f"{SOCKET_FOLDER}/docker.sock"

    def start(self) -> None:
        """Start it, without waiting for it to answer."""
        self.engine.make_volume(self.volume.name, self.labels)
        spec = ContainerSpec(
            image=self.image,
            name=self.name,
            entrypoint=["/bin/sh", "-c"],
            command=[daemon_script(self.socket)],
            user="0",
            labels=self.labels,
            runs_daemon=True,
            volumes=[self.volume, VolumeMount(_DATA, self.layers)],
        )
        self._container = self.engine.create(spec)
        self.engine.start(self._container)

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            WorkFailed: it does not.
        """
        await_daemon(self.engine, self._container, self.socket, self.cancel)

    def close(self) -> None:
        """Remove it with all that was made in it, but for kept layers."""
        if self._container:
            self.engine.remove(self._container)
        self.engine.remove_volume(self.volume.name)
        self.on_close()
