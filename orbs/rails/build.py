"""The build from source to a reference by digest: builder image, dependencies, app image, push.

Each step finds what is there already by the digest of its inputs. A step that the next ones do not
need is not taken: where nothing has to be installed, no builder image is made.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from orbs.rails.builder import BuilderPlan, plan_builder, provide_builder
from orbs.rails.engine import Engine, open_engine
from orbs.rails.install import install_dependencies
from orbs.rails.model import BuilderImage, BuiltImage, DependencyHome, ImageReference
from orbs.rails.settings import ImageSettings
from pipeline.command import Run
from pipeline.errors import InvalidInput, Location
from pipeline.output import format_duration
from pipeline.project import read_revision
from pipeline.settings import SETTINGS_FILE

__all__ = ["Build", "BuildResult", "name_image", "open_build", "provide_image"]


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What a build made, or found.

    Attributes:
        builder: None where no step needed it.
        homes: the installed dependencies.
        image: the app image.
        reference: where it was pushed; None where it was not.
        seconds: how long all of it took.
    """

    builder: BuilderImage | None
    homes: tuple[DependencyHome, ...]
    image: BuiltImage
    reference: ImageReference | None
    seconds: float

    def __str__(self) -> str:
        """The reference by digest, or the image's id where it was not pushed."""
        return str(self.reference) if self.reference else self.image.image_id


class Build:
    """The steps of one build; each is taken when its value is first asked for.

    Args:
        run: settings, console, root.
        engine: a connection.
        no_cache: build and install everything anew.
        tags: instead of those of the settings.
    """

    def __init__(
        self, run: Run, engine: Engine, *, no_cache: bool = False, tags: Sequence[str] = ()
    ) -> None:
        self._run = run
        self._engine = engine
        self._no_cache = no_cache
        self._tags = tuple(tags) or None
        self._started = time.monotonic()
        self._provided: BuilderImage | None = None

    @cached_property
    def plan(self) -> BuilderPlan:
        """What the builder image is made from."""
        from orbs.rails.registry import resolve_digest

        run = self._run
        return plan_builder(run, self._engine, digest_lookup=lambda name: resolve_digest(run, name))

    def builder(self) -> BuilderImage:
        """Return the builder image."""
        if self._provided is None:
            self._provided = provide_builder(
                self._run, self._engine, self.plan, no_cache=self._no_cache
            )
        return self._provided

    @cached_property
    def homes(self) -> tuple[DependencyHome, ...]:
        """The installed dependencies."""
        return install_dependencies(
            self._run, self._engine, self.plan, self.builder, no_cache=self._no_cache
        )

    @cached_property
    def image(self) -> BuiltImage:
        """The app image."""
        from orbs.rails.image import build_app_image

        return build_app_image(
            self._run,
            self._engine,
            self.homes,
            builder=self.builder,
            no_cache=self._no_cache,
            tags=self._tags,
        )

    @cached_property
    def reference(self) -> ImageReference:
        """The app image in its registry, by digest."""
        from orbs.rails.push import push_image

        repository = _repository(self._run)
        return push_image(self._run, self._engine, self.image, repository=repository)

    def result(self, *, push: bool) -> BuildResult:
        """Take all the steps and say what they came to; ``push`` adds the last one."""
        if push:
            _repository(self._run)  # Known to be missing now, not after an hour's work.
        image = self.image
        reference = self.reference if push else None
        seconds = time.monotonic() - self._started
        return BuildResult(self._provided, self.homes, image, reference, seconds)


def _repository(run: Run) -> str:
    repository: str = run.settings.get(ImageSettings).repository
    if not repository:
        raise InvalidInput(
            "nothing says where the image is pushed to",
            where=Location(SETTINGS_FILE, key="image.repository"),
            hint="set image.repository, ORBYARD_IMAGE_REPOSITORY or --repository, such as "
            "registry.example.com/hoge-app",
        )
    return repository


@contextmanager
def open_build(run: Run, *, no_cache: bool = False, tags: Sequence[str] = ()) -> Iterator[Build]:
    """Connect to the engine for a build.

    Raises:
        Unavailable: no engine answers.
    """
    with open_engine(run.environ) as engine:
        yield Build(run, engine, no_cache=no_cache, tags=tags)


def provide_image(run: Run) -> str:
    """Build and push what is checked out; returns its reference by digest (capability ``image``)."""
    with open_build(run) as build:
        result = build.result(push=True)
    summarize(run, result)
    return str(result)


def name_image(run: Run) -> str:
    """Return the name that a build of what is checked out would be pushed by (``image-name``)."""
    from orbs.rails.tags import render_tags

    tags = render_tags(run.settings.get(ImageSettings).tags, read_revision(run.root), run.environ)
    return f"{_repository(run)}:{tags[0]}"


def summarize(run: Run, result: BuildResult) -> None:
    """Print what happened, what was reused and how long it took."""
    fresh = [home.installer.name for home in result.homes if not home.reused]
    reused = [home.installer.name for home in result.homes if home.reused]
    if result.builder:
        (reused if result.builder.reused else fresh).insert(0, "builder image")
    (reused if result.image.reused else fresh).append("app image")
    parts = [f"new: {', '.join(fresh)}" if fresh else "nothing new"]
    if reused:
        parts.append(f"unchanged: {', '.join(reused)}")
    took = format_duration(result.seconds)
    run.console.line(f"Built in {took} ({'; '.join(parts)})")
