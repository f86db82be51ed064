"""The service containers of a job: started beside the primary one, listened to, and watched."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.model import DockerImage
from pipeline.errors import Location, OrbyardError, caused_at
from pipeline.runner.container_spec import ContainerSpec, ContainerState, ImageFacts
from pipeline.runner.environment import environment_text
from pipeline.runner.step_log import StepLog
from pipeline.secret import Masker

if TYPE_CHECKING:
    from pipeline.runner.engine import ContainerEngine

__all__ = ["Services", "shared_ports"]

_LAST_LINES = 20
_IN_USE = (
    "address already in use",
    "address in use",
    "already in use",
    "port is already allocated",
)
"""What programs print that find their port taken; there is nothing but their words."""


@dataclass(slots=True)
class _Service:
    name: str
    container: str
    log: StepLog
    last: list[str]
    began: float
    reader: threading.Thread | None = None
    ended: ContainerState | None = None
    where: Location | None = None


@dataclass(slots=True)
class Services:
    """The services of one job.

    Attributes:
        engine: the engine.
        folder: where their logs go, as ``service-<name>.log``.
        masker: hides secrets.
        note: says something to the user.
    """

    engine: ContainerEngine
    folder: Path
    masker: Masker
    note: Callable[[str], None]
    _all: list[_Service] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)

    def start(
        self, image: DockerImage, name: str, primary: str, labels: Mapping[str, str], platform: str
    ) -> None:
        """Start a service in the network of the primary container.

        Raises:
            WorkFailed: its container cannot be made or started.
        """
        spec = ContainerSpec(
            image=image.image,
            name=name,
            entrypoint=image.entrypoint,
            command=image.command,
            user=image.user,
            environment={key: environment_text(value) for key, value in image.environment.items()},
            labels=labels,
            network=f"container:{primary}",
            platform=platform or None,
        )
        shown = self._free_name(image)
        last: list[str] = []
        log = StepLog(self.folder / f"service-{shown}.log", self.masker, _keeper(last))
        service = _Service(shown, "", log, last, time.monotonic(), where=image.where)
        self._all.append(service)
        with caused_at(image.where):
            service.container = self.engine.create(spec)
            self.engine.start(service.container)
        service.reader = threading.Thread(
            target=self._follow, args=(service,), name=f"service {shown}", daemon=True
        )
        service.reader.start()

    def _free_name(self, image: DockerImage) -> str:
        wanted = service_name(image)
        taken = {service.name for service in self._all}
        number = 1
        name = wanted
        while name in taken:
            number += 1
            name = f"{wanted}-{number}"
        return name

    def _follow(self, service: _Service) -> None:
        with suppress(OrbyardError):
            for chunk in self.engine.logs(service.container):
                service.log.write(chunk)
        service.log.close()
        with suppress(OrbyardError):
            state = self.engine.state(service.container)
            if state is None or state.running or self._closing.is_set():
                return
            service.ended = state
            self.note(self._obituary(service, state))

    def _obituary(self, service: _Service, state: ContainerState) -> str:
        after_s = time.monotonic() - service.began
        lines = [
            f"warning: the service {service.name} ended with exit code {state.exit_code}"
            f" after {after_s:.1f}s" + (": out of memory" if state.oom_killed else "")
        ]
        lines += _quoted(service.last)
        if service.where is not None:
            lines.append(f"written at {service.where}")
        if any(words in line.lower() for line in service.last for words in _IN_USE):
            lines.append(
                "its port is taken: all containers of a job share one network, so no two of them"
                " may listen on one port"
            )
        return "\n".join(lines)

    def last_words(self) -> Iterator[str]:
        """Yield of each service what a job that failed wants to know: its last lines, or its end."""
        for service in self._all:
            if service.ended is not None:
                code = service.ended.exit_code
                yield f"the service {service.name} had ended with exit code {code}, see above"
            elif service.last:
                head = f"the service {service.name} printed last:"
                yield "\n".join([head, *_quoted(service.last)])

    def close(self) -> None:
        """Remove the containers with their volumes, and finish the logs."""
        self._closing.set()
        for service in self._all:
            if service.container:
                self.engine.remove(service.container)
        for service in self._all:
            if service.reader is not None:
                service.reader.join(timeout=5)
            service.log.close()


def _keeper(last: list[str]) -> Callable[[list[str]], None]:
    """Return what keeps the last lines; another thread may look at them meanwhile."""

    def keep(lines: list[str]) -> None:
        last.extend(lines[-_LAST_LINES:])
        del last[:-_LAST_LINES]

    return keep


def _quoted(lines: Sequence[str]) -> list[str]:
    return [f"| {line}" for line in lines[-_LAST_LINES:]]


def service_name(image: DockerImage) -> str:
    """Return how a service is called: its name, else its image's without registry and tag."""
    name = image.name or image.image.rpartition("/")[2].partition("@")[0].partition(":")[0]
    return "".join(c if c.isalnum() or c in "._-" else "-" for c in name).lstrip(".") or "service"


def shared_ports(images: Sequence[tuple[DockerImage, ImageFacts]]) -> Iterator[str]:
    """Yield a sentence for each port that two services' images expose, and are not told otherwise."""
    first: dict[str, str] = {}
    for image, facts in images:
        if image.command or image.entrypoint:
            continue
        for port in sorted(facts.ports):
            name = service_name(image)
            if port in first:
                yield (
                    f"the services {first[port]} and {name} both listen on {port} by default; they"
                    " share one network, so only one of them can"
                )
            first.setdefault(port, name)
