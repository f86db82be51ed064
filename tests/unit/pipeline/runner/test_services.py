"""The services of a job: their logs, and what is said when one dies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from pipeline.config.model import DockerImage
from pipeline.errors import Location
from pipeline.runner.container_spec import ContainerSpec, ContainerState, ImageFacts
from pipeline.runner.engine import ContainerEngine
from pipeline.runner.services import Services, service_name, shared_ports
from pipeline.secret import Masker


@dataclass
class Engine:
    """Runs services that print what they are told; one with a state has ended."""

    prints: bytes
    state_: ContainerState | None = None
    specs: list[ContainerSpec] = field(default_factory=list)
    removed: threading.Event = field(default_factory=threading.Event)

    def create(self, spec: ContainerSpec) -> str:
        self.specs.append(spec)
        return f"id-{len(self.specs)}"

    def start(self, container: str) -> None:
        pass

    def logs(self, container: str) -> Iterator[bytes]:
        yield self.prints
        if self.state_ is None:
            self.removed.wait(20)

    def state(self, container: str) -> ContainerState | None:
        return self.state_

    def remove(self, container: str) -> None:
        self.removed.set()


@dataclass
class Job:
    """A job's services, and what is said of them."""

    engine: Engine
    folder: Path
    said: list[str] = field(default_factory=list)
    heard: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        masker = Masker()
        masker.add("hoge-sesame")
        self.services = Services(cast(ContainerEngine, self.engine), self.folder, masker, self.note)

    def note(self, text: str) -> None:
        self.said.append(text)
        self.heard.set()

    def start(self, image: DockerImage) -> None:
        self.services.start(image, "name", "primary", {"a": "b"}, "")


def test_a_service_s_output_is_kept_without_secrets(tmp_path: Path) -> None:
    job = Job(Engine(b"ready\npassword hoge-sesame\n"), tmp_path)
    job.start(DockerImage("registry.test:5000/acme/postgres:15@sha256:0"))
    job.services.close()
    assert (tmp_path / "service-postgres.log").read_text() == "ready\npassword ****\n"
    assert job.said == []


def test_the_last_lines_of_one_that_runs_are_there_for_a_job_that_fails(tmp_path: Path) -> None:
    job = Job(Engine(b"".join(b"line %d\n" % n for n in range(100))), tmp_path)
    job.start(DockerImage("redis", name="cache"))
    while not list(job.services.last_words()):
        pass
    words = next(iter(job.services.last_words())).splitlines()
    assert words[0] == "the service cache printed last:"
    assert words[1:] == [f"| line {n}" for n in range(80, 100)]
    job.services.close()


@pytest.mark.parametrize(
    ("printed", "state", "expected"),
    [
        (b"no config\n", ContainerState(False, 1, False), "ended with exit code 1 after"),
        (b"grows\n", ContainerState(False, 137, True), "out of memory"),
        (b"bind: Address already in use\n", ContainerState(False, 1, False), "its port is taken"),
    ],
)
def test_one_that_dies_is_named_with_its_last_lines(
    tmp_path: Path, printed: bytes, state: ContainerState, expected: str
) -> None:
    job = Job(Engine(printed, state), tmp_path)
    job.start(DockerImage("redis:7", where=Location("config.yml", 7, 9)))
    assert job.heard.wait(10)
    assert "the service redis" in job.said[0]
    assert printed.decode().strip() in job.said[0]
    assert expected in job.said[0]
    assert "written at config.yml:7:9" in job.said[0].splitlines()
    assert list(job.services.last_words()) == [
        f"the service redis had ended with exit code {state.exit_code}, see above"
    ]
    job.services.close()


def test_a_service_that_ends_with_the_job_is_no_news(tmp_path: Path) -> None:
    job = Job(Engine(b"up\n", None), tmp_path)
    job.start(DockerImage("redis"))
    job.engine.state_ = ContainerState(False, 137, False)
    job.services.close()
    assert job.said == []


def test_services_of_one_image_have_logs_of_their_own(tmp_path: Path) -> None:
    job = Job(Engine(b"up\n"), tmp_path)
    for _ in range(2):
        job.start(DockerImage("redis"))
    job.services.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "service-redis-2.log",
        "service-redis.log",
    ]


def test_a_name_that_leads_elsewhere_stays_in_the_folder() -> None:
    assert service_name(DockerImage("a", name="../../etc/passwd")) == "-..-etc-passwd"


def test_two_services_on_one_port_are_named() -> None:
    facts = ImageFacts("linux/amd64", ports=frozenset({"5432/tcp"}))
    images = [(DockerImage("postgres:15"), facts), (DockerImage("postgis", name="geo"), facts)]
    assert list(shared_ports(images)) == [
        "the services postgres and geo both listen on 5432/tcp by default; they share one network, so only"
        " one of them can"
    ]
    told = DockerImage("postgis", command=("postgres", "-p", "5433"))
    assert list(shared_ports([images[0], (told, facts)])) == []
