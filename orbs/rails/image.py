"""The app image: looked for by the digest of all it is made from, built where it is nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from orbs.rails.buildkit import BuildRequest, find_buildx, run_buildx
from orbs.rails.containers import created
from orbs.rails.context import (
    ContextFile,
    context_digest,
    find_context_files,
    write_context,
)
from orbs.rails.dockerfile import base_images, buildkit_reason
from orbs.rails.dockerfile_syntax import Dockerfile, parse_dockerfile
from orbs.rails.dockerignore import IgnoreFile, read_dockerignore
from orbs.rails.engine_types import IDENTITY_LABEL, LABEL_PREFIX, ContainerSpec, EngineError, Mount
from orbs.rails.identity import digest_of
from orbs.rails.image_errors import explain_failure
from orbs.rails.model import BuilderImage, BuiltImage, DependencyHome
from orbs.rails.settings import DependenciesSettings, ImageSettings
from orbs.rails.tags import render_tags
from orbs.rails.volumes import slug
from pipeline.byte_stream import ByteStream
from pipeline.errors import InvalidInput, Location
from pipeline.project import Revision, read_revision

if TYPE_CHECKING:
    from orbs.rails.engine import Engine
    from pipeline.command import Run

__all__ = ["ImagePlan", "build_app_image", "plan_app_image"]

_STILL = 315532800
"""1980-01-01, the time of every file outside of a git repository."""


@dataclass(frozen=True, slots=True)
class ImagePlan:
    """An app image that may not be there yet.

    Attributes:
        request: what is asked of the builder.
        identity: the digest of everything it is made from.
        files: the checkout's part of the context.
        ignore: what is left out of the context.
        mtime: the time of every file, in seconds since 1970.
        parsed: the Dockerfile.
        tags: without the repository.
        backend: ``api`` or ``buildkit``.
        said: why that backend.
        reproducible: whether the time of the build is to be taken out of its layers.
    """

    request: BuildRequest
    identity: str
    files: tuple[ContextFile, ...]
    ignore: IgnoreFile
    mtime: int
    parsed: Dockerfile
    tags: tuple[str, ...]
    backend: str
    said: str
    reproducible: bool


def plan_app_image(
    run: Run,
    engine: Engine,
    homes: Sequence[DependencyHome],
    *,
    no_cache: bool = False,
    tags: Sequence[str] | None = None,
) -> ImagePlan:
    """Read what the app image is made from; nothing is built.

    Raises:
        InvalidInput: the Dockerfile, the ignore file, a tag or a file of the context is wrong.
    """
    settings: ImageSettings = run.settings.get(ImageSettings)
    revision = read_revision(run.root)
    ignore = read_dockerignore(run.root, settings.dockerfile)
    parsed = parse_dockerfile(_read_dockerfile(run, settings), settings.dockerfile)
    backend, said = _choose_backend(run, settings, parsed)
    files = tuple(_context_files(run, settings, ignore, homes))
    identity = _identity(run, engine, settings, parsed, files, homes)
    request = BuildRequest(
        dockerfile=settings.dockerfile,
        args=settings.args,
        labels=_labels(settings, revision, homes, identity),
        secrets=_secrets(run, settings, backend),
        network=run.settings.get(DependenciesSettings).network,
        platform=settings.platform,
        target=settings.target,
        no_cache=no_cache,
    )
    return ImagePlan(
        request=request,
        identity=identity,
        files=files,
        ignore=ignore,
        mtime=revision.committed_at or _STILL,
        parsed=parsed,
        tags=render_tags(tags or settings.tags, revision, run.environ),
        backend=backend,
        said=said,
        reproducible=settings.reproducible and bool(revision.commit) and not revision.dirty,
    )


def build_app_image(
    run: Run,
    engine: Engine,
    homes: Sequence[DependencyHome],
    *,
    builder: Callable[[], BuilderImage],
    no_cache: bool = False,
    tags: Sequence[str] | None = None,
) -> BuiltImage:
    """Return the app image of what is checked out; built only where the engine has no equal one.

    Args:
        run: settings, root and console.
        engine: where it is built.
        homes: the dependencies.
        builder: gives an image to mount the volumes in; asked only where something is built.
        no_cache: build it, whatever is there.
        tags: instead of those of the settings.

    Raises:
        InvalidInput: something it is made from is wrong.
        WorkFailed: the build failed.
    """
    plan = plan_app_image(run, engine, homes, no_cache=no_cache, tags=tags)
    name = f"{_local_name(run)}:{plan.identity[:16]}"
    found = None if no_cache else engine.inspect_image(name)
    if found and found.labels.get(IDENTITY_LABEL) == plan.identity:
        run.console.success(f"app image {plan.identity[:12]}: unchanged")
        return BuiltImage(found.id, plan.identity, plan.tags, reused=True)
    with run.console.phase(f"Build the app image from {plan.request.dockerfile} ({plan.said})"):
        image = _build(run, engine, plan, homes, builder)
        if plan.reproducible:
            made = _made_reproducible(run, engine, plan, image)
            if made != image:
                _keep_cache(run, engine, plan, image)
            image = made
        engine.tag(image, name)
    return BuiltImage(image, plan.identity, plan.tags, reused=False)


def _local_name(run: Run) -> str:
    return f"orbyard-app/{slug(run.root.name)}"


def _read_dockerfile(run: Run, settings: ImageSettings) -> str:
    try:
        return (run.root / settings.dockerfile).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidInput(
            "the app image's Dockerfile is missing",
            where=Location(settings.dockerfile),
            hint="write it (`orbyard init` does), or name another with image.dockerfile",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"cannot be read: {error}", where=Location(settings.dockerfile)
        ) from error


def _choose_backend(run: Run, settings: ImageSettings, parsed: Dockerfile) -> tuple[str, str]:
    reason = buildkit_reason(parsed)
    needed = f"{reason[0]} on line {reason[1]}" if reason else ""
    if not needed and settings.secrets:
        needed = "image.secrets"
    if settings.backend == "api":
        if needed:
            raise InvalidInput(
                f"{needed} needs BuildKit, but image.backend is `api`",
                where=Location(settings.dockerfile, reason[1] if reason else 0),
                hint="set image.backend to `auto`, or take it out of the Dockerfile",
            )
        return "api", "the engine's own builder, as image.backend says"
    version = find_buildx(run.environ)
    if version:
        return "buildkit", f"BuildKit, buildx {version}"
    if needed or settings.backend == "buildkit":
        raise InvalidInput(
            f"{needed or 'image.backend'} needs BuildKit, but the docker program with its buildx "
            "plugin is not here",
            where=Location(settings.dockerfile, reason[1] if reason else 0),
            hint="install docker and docker-buildx-plugin",
        )
    return "api", "the engine's own builder; there is no docker program with buildx here"


def _context_files(
    run: Run, settings: ImageSettings, ignore: IgnoreFile, homes: Sequence[DependencyHome]
) -> Iterator[ContextFile]:
    elsewhere = [home.installer.path for home in homes if home.volume]
    always = [settings.dockerfile, *([ignore.name] if ignore.name else [])]
    yield from find_context_files(run.root, ignore, without=elsewhere, always=always)


def _identity(
    run: Run,
    engine: Engine,
    settings: ImageSettings,
    parsed: Dockerfile,
    files: Sequence[ContextFile],
    homes: Sequence[DependencyHome],
) -> str:
    from orbs.rails.builder import resolve_bases
    from orbs.rails.registry import resolve_digest

    platform = settings.platform or engine.platform
    names = [
        name for name, _ in base_images(parsed, settings.args, settings.target, platform=platform)
    ]
    # What a home's key stands for need not be read again.
    kept = tuple(f"{home.installer.path}/" for home in homes if home.folder)
    own = [file for file in files if not file.path.startswith(kept)] if kept else files
    return digest_of(
        "app",
        {
            "context": context_digest(run.root, own),
            "homes": {home.installer.path: home.key for home in homes},
            "bases": dict(
                resolve_bases(
                    run,
                    engine,
                    names,
                    platform=platform,
                    digest_lookup=lambda name: resolve_digest(run, name),
                )
            ),
            "dockerfile": settings.dockerfile,
            "args": dict(settings.args),
            "labels": dict(settings.labels),
            "target": settings.target,
            "platform": platform,
        },
    )


def _labels(
    settings: ImageSettings, revision: Revision, homes: Sequence[DependencyHome], identity: str
) -> Mapping[str, str]:
    """The standard annotations (OCI image specification, "Pre-Defined Annotation Keys"), and ours."""
    at = datetime.fromtimestamp(revision.committed_at or _STILL, UTC)
    standard = {
        "org.opencontainers.image.revision": revision.commit + ("-dirty" * revision.dirty),
        "org.opencontainers.image.source": revision.url,
        "org.opencontainers.image.created": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "org.opencontainers.image.title": settings.repository.rpartition("/")[2],
    }
    keys = {f"{LABEL_PREFIX}dependencies.{home.installer.name}": home.key for home in homes}
    ours = {IDENTITY_LABEL: identity, f"{LABEL_PREFIX}role": "app", **keys}
    return {**{key: text for key, text in standard.items() if text}, **ours, **settings.labels}


def _secrets(run: Run, settings: ImageSettings, backend: str) -> Mapping[str, str]:
    for identifier, variable in settings.secrets.items():
        value = run.environ.get(variable)
        if not value:
            raise InvalidInput(
                f"the build secret {identifier!r} is to come from {variable}, which is not set",
                where=Location("orbyard.yml", key=f"image.secrets.{identifier}"),
                hint=f"export {variable} before the build",
            )
        run.console.masker.add(value)
    return settings.secrets if backend == "buildkit" else {}


def _build(
    run: Run,
    engine: Engine,
    plan: ImagePlan,
    homes: Sequence[DependencyHome],
    builder: Callable[[], BuilderImage],
) -> str:
    write = run.console.stream("image")
    tail: list[str] = []

    def on_line(line: str) -> None:
        if line.strip():
            tail.append(line)
            del tail[:-30]
        write(line)

    with _holding(engine, homes, builder) as holder:
        context = write_context(
            run.root,
            plan.files,
            homes,
            plan.ignore,
            engine=engine,
            holder=holder,
            mtime=plan.mtime,
        )
        try:
            if plan.backend == "buildkit":
                environ = {**run.environ, "DOCKER_HOST": engine.endpoint.host}
                return run_buildx(plan.request, context, environ=environ, on_line=on_line)
            return _build_by_api(engine, plan.request, context, on_line)
        except EngineError as error:
            raise explain_failure(error, plan.parsed, plan.request.dockerfile, tail) from error


def _build_by_api(
    engine: Engine, request: BuildRequest, context: Iterator[bytes], on_line: Callable[[str], None]
) -> str:
    return engine.build(
        ByteStream(context),  # type: ignore[arg-type]  # read() is all that is called
        dockerfile=request.dockerfile,
        args=request.args,
        labels=request.labels,
        network=request.network,
        platform=request.platform,
        target=request.target,
        no_cache=request.no_cache,
        on_line=on_line,
    )


@contextmanager
def _holding(
    engine: Engine, homes: Sequence[DependencyHome], builder: Callable[[], BuilderImage]
) -> Iterator[str | None]:
    """A container that is never started, and through which the volumes can be read."""
    volumes = [home for home in homes if home.volume]
    if not volumes:
        yield None
        return
    spec = ContainerSpec(
        image=builder().image_id,
        command=("true",),
        mounts=tuple(
            Mount(str(home.volume), f"/homes/{home.installer.name}", read_only=True)
            for home in volumes
        ),
        labels={f"{LABEL_PREFIX}role": "context"},
    )
    with created(engine, spec) as holder:
        yield holder


def _keep_cache(run: Run, engine: Engine, plan: ImagePlan, image: str) -> None:
    """Let go of the image as it was built; the engine's own builder has its cache in it."""
    if plan.backend == "api":
        engine.tag(image, f"{_local_name(run)}:cache")
        return
    with suppress(EngineError):
        engine.remove_image(image)


def _made_reproducible(run: Run, engine: Engine, plan: ImagePlan, image: str) -> str:
    from orbs.rails.reproducible import make_reproducible

    built = engine.inspect_image(image)
    if built is None:
        return image
    names = base_images(
        plan.parsed,
        plan.request.args,
        plan.request.target,
        platform=plan.request.platform or engine.platform,
    )
    base = engine.inspect_image(names[-1][0]) if names else None
    layers = len(base.diff_ids) if base else 0
    if base is None or built.diff_ids[:layers] != base.diff_ids:
        layers = 0
    return make_reproducible(engine, built, layers, mtime=plan.mtime, console=run.console)
