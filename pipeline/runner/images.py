"""The images of a run's jobs, pulled where they are missing, each of them once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pipeline.config.model import DockerImage
from pipeline.errors import Interrupted, OrbyardError, WorkFailed
from pipeline.runner.container_spec import ImageFacts
from pipeline.runner.pull_progress import PullProgress
from pipeline.runner.registry_login import registry_login

if TYPE_CHECKING:
    from pipeline.runner.engine import ContainerEngine

__all__ = ["Images", "Said"]

_OTHER_PLATFORM = ("no matching manifest", "does not match the specified platform")
"""Words of the engine for an image that is not made for its machine; it gives no code for it."""
_PLATFORM_HINT = "there is none for {}: leave out --platform, or name another image"
_OTHERS = {"linux/arm64": "linux/amd64", "linux/amd64": "linux/arm64"}


@dataclass(frozen=True, slots=True)
class Said:
    """Takes what is said of an image.

    Attributes:
        say: prints a line.
        redraw: shows a line in place of the one before, or None where nothing can be redrawn.
    """

    say: Callable[[str], None]
    redraw: Callable[[str], None] | None = None


@dataclass(slots=True)
class Images:
    """Makes sure of images; jobs may ask at once.

    Attributes:
        cancel: set when the run is stopped.
        platform: as ``linux/amd64``, for all images; empty for the engine's own.
        always: whether images that are there are pulled as well, once in a run.
    """

    cancel: threading.Event = field(default_factory=threading.Event)
    platform: str = ""
    always: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _of_image: dict[str, threading.Lock] = field(default_factory=dict)
    _pulled: set[str] = field(default_factory=set)
    _said: set[str] = field(default_factory=set)

    def ensure(
        self,
        engine: ContainerEngine,
        image: DockerImage,
        variables: Mapping[str, str],
        said: Said,
    ) -> ImageFacts:
        """Pull an image that is not there, and return what is known of it.

        Args:
            engine: the engine.
            image: the image.
            variables: for the values of its login.
            said: takes what there is to say.

        Raises:
            WorkFailed: the registry does not give it.
            InvalidInput: a variable of ``auth`` is not given.
            Interrupted: the run was stopped.
        """
        with self._lock:
            of_image = self._of_image.setdefault(image.image, threading.Lock())
        while not of_image.acquire(timeout=0.1):
            self._go_on(image.image)
        try:
            found = engine.find_image(image.image)
            fits = found is not None and self.platform in ("", found.platform)
            if not fits or (self.always and image.image not in self._pulled):
                self._pull(engine, image, registry_login(image, variables), said)
                self._pulled.add(image.image)
                found = engine.find_image(image.image)
        finally:
            of_image.release()
        if found is None:
            raise WorkFailed(f"the image {image.image} was pulled, and is not there")
        self._note_platform(engine, image.image, found, said)
        return found

    def _go_on(self, image: str) -> None:
        if self.cancel.is_set():
            raise Interrupted(f"the run was stopped while {image} was pulled")

    def _note_platform(
        self, engine: ContainerEngine, image: str, found: ImageFacts, said: Said
    ) -> None:
        own = engine.platform
        # An image of no platform (built from scratch by hand) says nothing.
        if found.platform == own or found.platform.endswith("/"):
            return
        with self._lock:
            if image in self._said:
                return
            self._said.add(image)
        said.say(
            f"{image} is a {found.platform} image, and the engine's machine is {own}: it is emulated,"
            " which is slow"
        )

    def _pull(
        self,
        engine: ContainerEngine,
        image: DockerImage,
        login: Mapping[str, str] | None,
        said: Said,
    ) -> None:
        try:
            self._pull_for(engine, image.image, login, self.platform or None, said)
        except WorkFailed as error:
            other = _OTHERS.get(engine.platform)
            wrong = any(words in error.message for words in _OTHER_PLATFORM)
            if self.platform or not wrong or other is None:
                hint = (
                    _PLATFORM_HINT.format(self.platform) if self.platform and wrong else error.hint
                )
                raise WorkFailed(error.message, hint=hint) from error
            said.say(f"there is no {image.image} for {engine.platform}: taking that for {other}")
            self._pull_for(engine, image.image, login, other, said)

    def _pull_for(
        self,
        engine: ContainerEngine,
        image: str,
        login: Mapping[str, str] | None,
        platform: str | None,
        said: Said,
    ) -> None:
        progress = PullProgress(image, said.say, said.redraw)
        try:
            for line in _in_background(engine.pull(image, login, platform)):
                self._go_on(image)
                if line is not None:
                    progress.take(line)
        except BaseException:
            progress.give_up()
            raise
        progress.finish()


def _in_background(lines: Iterator[Mapping[str, Any]]) -> Iterator[Mapping[str, Any] | None]:
    """Yield what a thread reads, and None while it waits: a registry may be silent for minutes."""
    taken: queue.Queue[Mapping[str, Any] | BaseException | None] = queue.Queue()

    def read() -> None:
        try:
            for line in lines:
                taken.put(line)
        except OrbyardError as error:
            taken.put(error)
        else:
            taken.put(None)

    threading.Thread(target=read, name="pull", daemon=True).start()
    while True:
        try:
            line = taken.get(timeout=0.1)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        if isinstance(line, BaseException):
            raise line
        yield line
