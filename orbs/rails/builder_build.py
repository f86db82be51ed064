"""Building the builder image: a context of few files, by the engine or, where needed, BuildKit."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orbs.rails.buildkit import BuildRequest, find_buildx, run_buildx
from orbs.rails.dockerfile import buildkit_reason, parse_dockerfile
from orbs.rails.engine import Engine
from orbs.rails.engine_types import IDENTITY_LABEL, LABEL_PREFIX, EngineError
from orbs.rails.identity import BuilderInputs
from orbs.rails.model import Installer
from orbs.rails.settings import ImageSettings
from orbs.rails.small_files import SmallFile, pack_files
from orbs.rails.volumes import ROLE_LABEL, slug
from pipeline.command import Run
from pipeline.errors import InvalidInput, Location, WorkFailed

__all__ = ["BuilderPlan", "build_builder", "builder_context"]

PROJECT_LABEL = f"{LABEL_PREFIX}project"
_DOCKERFILE_IN_CONTEXT = ".orbyard.Dockerfile"
_NOISE = re.compile(r"( ---> |Removing intermediate container )")
"""Ids of the steps between, which tell a reader nothing."""


@dataclass(frozen=True, slots=True)
class BuilderPlan:
    """A builder image that may not be there yet.

    Attributes:
        inputs: what it is made from.
        dockerfile: the path of its Dockerfile, for messages.
        project: the project's name, for names of images.
        remote: where it is looked for and pushed to, with its tag; "" for nowhere.
    """

    inputs: BuilderInputs
    dockerfile: str
    project: str
    remote: str

    @property
    def local_name(self) -> str:
        """The name it goes by in the engine, which keeps it from being pruned as unused."""
        return f"orbyard-builder/{slug(self.project)}:{self.inputs.identity[:16]}"

    def toolchain(self, installers: Sequence[Installer]) -> str:
        """See :meth:`BuilderInputs.toolchain`."""
        own = {name for item in installers for name in (item.lockfile, *item.manifest)}
        return self.inputs.toolchain(own)


def build_builder(run: Run, engine: Engine, plan: BuilderPlan, *, no_cache: bool) -> str:
    """Build the image and return its id.

    Raises:
        WorkFailed: the build failed.
        InvalidInput: the Dockerfile needs BuildKit, which is not here.
    """
    write = run.console.stream("builder")
    tail: list[str] = []

    def on_line(line: str) -> None:
        if line.strip() and not _NOISE.match(line):
            tail.append(line)
            write(line)

    request = BuildRequest(
        dockerfile=_DOCKERFILE_IN_CONTEXT,
        tags=(plan.local_name,),
        args=plan.inputs.args,
        labels={
            IDENTITY_LABEL: plan.inputs.identity,
            PROJECT_LABEL: plan.project,
            ROLE_LABEL: "builder",
        },
        network=plan.inputs.network,
        platform=run.settings.get(ImageSettings).platform,
        no_cache=no_cache,
    )
    with_buildkit = _wants_buildkit(run, plan)
    try:
        if with_buildkit:
            environ = {**run.environ, "DOCKER_HOST": engine.endpoint.host}
            context = builder_context(plan.inputs)
            return run_buildx(request, [context], environ=environ, on_line=on_line)
        return _build_by_api(engine, request, plan, on_line)
    except EngineError as error:
        raise WorkFailed(
            f"the builder image could not be built: {error.text or error.message}",
            where=Location(plan.dockerfile),
            details=tail[-10:],
            hint=_hint([error.text, *tail[-5:]]),
        ) from error


def _wants_buildkit(run: Run, plan: BuilderPlan) -> bool:
    """The engine's own builder is enough for most; only what it cannot do goes to BuildKit."""
    reason = buildkit_reason(parse_dockerfile(plan.inputs.dockerfile, plan.dockerfile))
    if reason is None:
        return bool(run.settings.get(ImageSettings).backend == "buildkit")
    if find_buildx(run.environ) is None:
        raise InvalidInput(
            f"{reason[0]} needs BuildKit, but the docker program with its buildx plugin is not here",
            where=Location(plan.dockerfile, reason[1]),
            hint="install docker and docker-buildx-plugin, or take it out of the Dockerfile",
        )
    return True


def _build_by_api(
    engine: Engine, request: BuildRequest, plan: BuilderPlan, on_line: Callable[[str], None]
) -> str:
    return engine.build(
        io.BytesIO(builder_context(plan.inputs)),
        dockerfile=request.dockerfile,
        tags=request.tags,
        args=request.args,
        labels=request.labels,
        network=request.network,
        platform=request.platform,
        no_cache=request.no_cache,
        on_line=on_line,
    )


def _hint(words: Sequence[str]) -> str:
    if re.search(r"(COPY|ADD) failed|calculate checksum|: not found", "\n".join(words)):
        return "the build context is only what builder.files names: add the file there"
    return "the lines above are the build's own; its first failing step is the last one shown"


def builder_context(inputs: BuilderInputs) -> bytes:
    """Return the build context, the same bytes for the same inputs.

    The Dockerfile stands in it under a name that ``COPY .`` does not take, as its ignore file says;
    BuildKit, which reads no ignore file of a context that comes as a stream, takes it along.
    """
    ignore = f"{_DOCKERFILE_IN_CONTEXT}\n.dockerignore\n"
    return pack_files(
        (
            *inputs.files,
            SmallFile(_DOCKERFILE_IN_CONTEXT, inputs.dockerfile.encode()),
            SmallFile(".dockerignore", ignore.encode()),
        ),
        folders=True,
    )
