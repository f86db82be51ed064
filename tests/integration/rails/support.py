"""Small apps whose dependencies are installed by the real engine."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from orbs.rails.build import Build
from orbs.rails.engine import Engine, open_engine
from orbs.rails.engine_types import LABEL_PREFIX, ContainerSpec, EngineError, Mount
from orbs.rails.model import DependencyHome
from orbs.rails.ownership import OWNER_LABEL
from pipeline.command import Run
from pipeline.output import Console

PROJECT = Path(__file__).resolve().parents[3]
BASE_IMAGE = "ruby:3.1-bookworm"
DEADLINE_S = 120


class CountingEngine(Engine):
    """The real engine, with the containers and builds asked of it counted."""

    containers = 0
    builds = 0

    def create_container(self, spec: ContainerSpec) -> str:
        self.containers += 1
        return super().create_container(spec)

    def build(self, *args, **kwargs) -> str:
        self.builds += 1
        return super().build(*args, **kwargs)


class Watched(io.StringIO):
    """Output that a test can wait for."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()

    def write(self, text: str) -> int:
        with self._changed:
            self._changed.notify_all()
            return super().write(text)

    def wait_for(self, words: str, times: int = 1) -> None:
        with self._changed:
            seen = self._changed.wait_for(
                lambda: self.getvalue().count(words) >= times, timeout=DEADLINE_S
            )
        assert seen, f"{words!r} never came:\n{self.getvalue()}"


TEST_LABEL = "orbyard-test.app"
"""The label of all images that are built of an app's own Dockerfile, finished or not."""


@dataclass
class App:
    """An app in a folder of its own name, so that its volumes and images are its own too."""

    root: Path
    environ: dict[str, str]
    err: Watched = field(default_factory=Watched)

    @property
    def name(self) -> str:
        return self.root.name

    def write(self, path: str, text: str) -> Path:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def declare(self, *installers: str, more: str = "") -> None:
        """Write settings with these installers (YAML flow mappings by name) and no others."""
        lines = ["dependencies:", "  timeout: 2m", "  disable: [bundle, yarn]", "  installers:"]
        lines += [f"    {line}" for line in installers]
        self.write("orbyard.yml", "\n".join(lines) + "\n" + more)

    def run(self, **environ: str) -> Run:
        self.err = Watched()
        console = Console(out=io.StringIO(), err=self.err, colour=False)
        return Run(console=console, cwd=self.root, environ={**self.environ, **environ})

    def install(
        self, engine: Engine | None = None, *, no_cache: bool = False, **environ: str
    ) -> dict[str, DependencyHome]:
        run = self.run(**environ)
        if engine is not None:
            homes = Build(run, engine, no_cache=no_cache).homes
        else:
            with open_engine(run.environ) as opened:
                homes = Build(run, opened, no_cache=no_cache).homes
        return {home.installer.name: home for home in homes}

    def start(
        self, *words: str, stderr: int = subprocess.STDOUT, **environ: str
    ) -> subprocess.Popen[str]:
        """Start the real program."""
        return subprocess.Popen(
            [sys.executable, "-c", "from pipeline.program import main; main()", *words],
            cwd=self.root,
            env={**self.environ, "PYTHONPATH": str(PROJECT), **environ},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def volumes(self, engine: Engine) -> list[str]:
        return [v.name for v in engine.list_volumes(f"{LABEL_PREFIX}project={self.name}")]

    def containers(self, engine: Engine) -> list[str]:
        """Those of installs; the engine makes some of its own while it builds an image."""
        found = engine.list_containers(f"{LABEL_PREFIX}project={self.name}")
        return [container for container, labels in found if OWNER_LABEL in labels]

    def clean(self, engine: Engine) -> None:
        for container in self.containers(engine):
            engine.remove_container(container)
        for volume in self.volumes(engine):
            engine.remove_volume(volume)
        for label in (f"{LABEL_PREFIX}project", TEST_LABEL):
            remove_images(engine, f"{label}={self.name}")


def remove_images(engine: Engine, label: str) -> None:
    """Remove the images with a label, also those that have lost their names."""
    for image in engine.list_images(label):
        try:
            engine.remove_image(image.id, force=True)
        except EngineError as error:
            if error.status not in (404, 409):  # gone with another one, or in use
                raise


def read_volume(engine: Engine, volume: str, path: str) -> str:
    """Return a file of a volume."""
    import tarfile

    mount = Mount(volume, "/v", read_only=True)
    container = engine.create_container(ContainerSpec(BASE_IMAGE, ("true",), mounts=(mount,)))
    try:
        data = b"".join(engine.get_archive(container, f"/v/{path}"))
    finally:
        engine.remove_container(container)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        member = archive.extractfile(archive.next())  # type: ignore[arg-type]
        assert member is not None
        return member.read().decode()


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def base_environ(home: Path) -> dict[str, str]:
    """The variables of a user without settings of his own."""
    kept = {"PATH", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT"}
    environ = {name: value for name, value in os.environ.items() if name in kept}
    home.mkdir(exist_ok=True)
    real = Path.home() / ".docker"
    if real.is_dir() and "DOCKER_CONFIG" not in environ:
        environ["DOCKER_CONFIG"] = str(real)
    return {**environ, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}


def remove_tree(root: Path) -> None:
    """Remove a folder in which containers may have made files of root's."""
    shutil.rmtree(root, ignore_errors=True)
