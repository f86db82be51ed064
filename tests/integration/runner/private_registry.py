"""An image registry of the test's own that asks for a login: the ``docker-registry`` program."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import missing

USER = "robot"
PASSWORD = "pull-sesame-word"
_HTPASSWD = "robot:$2b$05$abcdefghijklmnopqrstuufKkmv1PUAzN2AcLwwmKQu6lFsBXbDGy\n"


@dataclass(frozen=True)
class PrivateRegistry:
    """Where it answers."""

    address: str

    def push(self, docker_engine: object, image: str, name: str) -> str:
        """Push an image of the engine there, remove its new name again, and return it."""
        reference = f"{self.address}/{name}"
        client = docker_engine.api  # type: ignore[attr-defined]
        client.tag(image, f"{self.address}/{name.partition(':')[0]}", name.partition(":")[2])
        login = {"username": USER, "password": PASSWORD}
        for line in client.push(reference, stream=True, decode=True, auth_config=login):
            assert "error" not in line, line
        client.remove_image(reference)
        return reference


@contextlib.contextmanager
def private_registry(folder: Path) -> Iterator[PrivateRegistry]:
    """Run one with an htpasswd file, and its images in a folder."""
    program = shutil.which("docker-registry")
    if program is None:
        missing("no program docker-registry (Debian's package of that name)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (folder / "htpasswd").write_text(_HTPASSWD)
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'images'}}}}}\n"
        f"http: {{addr: '{address}'}}\n"
        f"auth: {{htpasswd: {{realm: test, path: {folder / 'htpasswd'}}}}}\n"
    )
    log = (folder / "log").open("wb")
    server = subprocess.Popen([program, "serve", config], stdout=log, stderr=log)
    try:
        _wait(address, server, folder / "log")
        yield PrivateRegistry(address)
    finally:
        server.terminate()
        server.wait(timeout=20)
        log.close()


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
        except urllib.error.HTTPError as refused:
            refused.close()
            if refused.code == 401:
                return
            raise
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the registry does not answer")
