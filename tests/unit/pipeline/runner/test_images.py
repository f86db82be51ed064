"""Which images are pulled, how often, and for which platform."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from pipeline.config.model import DockerImage
from pipeline.errors import Interrupted, WorkFailed
from pipeline.runner.container_spec import ImageFacts
from pipeline.runner.engine import ContainerEngine
from pipeline.runner.images import Images, Said


@dataclass
class Engine:
    """Knows some images with their platforms, and notes what is pulled."""

    there: dict[str, str] = field(default_factory=dict)
    registry: dict[str, set[str]] = field(default_factory=dict)
    platform: str = "linux/amd64"
    silent: threading.Event | None = None
    pulled: list[tuple[str, Mapping[str, str] | None, str | None]] = field(default_factory=list)

    def find_image(self, name: str) -> ImageFacts | None:
        return ImageFacts(self.there[name]) if name in self.there else None

    def pull(
        self, name: str, login: Mapping[str, str] | None, platform: str | None = None
    ) -> Iterator[Mapping[str, Any]]:
        self.pulled.append((name, login, platform))
        if self.silent is not None:
            self.silent.wait(20)
        time.sleep(0.05)
        wanted = platform or self.platform
        if wanted not in self.registry.get(name, {wanted}):
            raise WorkFailed(f"no matching manifest for {wanted} in the manifest list entries")
        self.there[name] = wanted
        yield {"id": "a", "status": "Pull complete", "progressDetail": {}}


def ensure(
    engine: Engine, image: DockerImage, images: Images, said: list[str] | None = None
) -> ImageFacts:
    taken = Said([].append if said is None else said.append)
    return images.ensure(cast(ContainerEngine, engine), image, {"TOKEN": "s3cret"}, taken)


def test_only_an_image_that_is_missing_is_pulled_with_its_login() -> None:
    engine, said = Engine({"there": "linux/amd64"}), list[str]()
    images = Images()
    ensure(engine, DockerImage("there"), images, said)
    private = DockerImage("registry.test/a:1", auth={"username": "me", "password": "$TOKEN"})
    ensure(engine, private, images, said)
    assert engine.pulled == [("registry.test/a:1", {"username": "me", "password": "s3cret"}, None)]
    assert said[0] == "pulling registry.test/a:1"
    assert said[-1].startswith("pulled registry.test/a:1 (")


def test_two_jobs_that_want_one_image_pull_it_once() -> None:
    engine, images = Engine(), Images()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: ensure(engine, DockerImage("a"), images), range(4)))
    assert len(engine.pulled) == 1


def test_an_image_that_is_there_is_pulled_once_in_a_run_where_that_is_asked_for() -> None:
    engine, images = Engine({"a": "linux/amd64"}), Images(always=True)
    for _ in range(3):
        ensure(engine, DockerImage("a"), images)
    assert len(engine.pulled) == 1


def test_an_image_that_is_not_made_for_the_machine_is_taken_for_another_and_that_is_said() -> None:
    engine, said = Engine(registry={"a": {"linux/amd64"}}, platform="linux/arm64"), list[str]()
    found = ensure(engine, DockerImage("a"), Images(), said)
    assert found.platform == "linux/amd64"
    assert [platform for _, _, platform in engine.pulled] == [None, "linux/amd64"]
    assert "there is no a for linux/arm64: taking that for linux/amd64" in said
    assert "emulated" in said[-1]


def test_a_platform_that_is_asked_for_is_pulled_even_if_another_is_there() -> None:
    engine = Engine({"a": "linux/amd64"})
    found = ensure(engine, DockerImage("a"), Images(platform="linux/arm64"))
    assert found.platform == "linux/arm64"
    assert engine.pulled == [("a", None, "linux/arm64")]


def test_a_platform_that_is_asked_for_and_not_there_is_an_error() -> None:
    engine = Engine(registry={"a": {"linux/amd64"}})
    with pytest.raises(WorkFailed) as error:
        ensure(engine, DockerImage("a"), Images(platform="linux/arm64"))
    assert "--platform" in (error.value.hint or "")
    assert len(engine.pulled) == 1


def test_a_run_that_is_stopped_does_not_wait_for_a_silent_registry() -> None:
    silent, cancel = threading.Event(), threading.Event()
    engine = Engine(silent=silent)
    threading.Timer(0.2, cancel.set).start()
    with pytest.raises(Interrupted):
        ensure(engine, DockerImage("a"), Images(cancel=cancel))
    assert not silent.is_set()
    silent.set()
