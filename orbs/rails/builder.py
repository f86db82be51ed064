"""The builder image: looked for by its identity, built only where it is nowhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orbs.rails.builder_build import BuilderPlan, build_builder
from orbs.rails.credentials import find_credentials
from orbs.rails.dockerfile import base_images, parse_dockerfile
from orbs.rails.engine import Engine
from orbs.rails.engine_answers import split_reference
from orbs.rails.engine_types import IDENTITY_LABEL, EngineError, ImageInfo
from orbs.rails.identity import BuilderInputs, base_digest
from orbs.rails.model import BuilderImage, BuiltImage
from orbs.rails.push import push_image
from orbs.rails.registry import split_host
from orbs.rails.settings import BuilderSettings, DependenciesSettings, ImageSettings
from orbs.rails.small_files import read_files
from orbs.rails.volumes import ROLE_LABEL
from pipeline.command import Run
from pipeline.errors import InvalidInput, Location, OrbyardError

__all__ = ["BuilderPlan", "plan_builder", "provide_builder", "resolve_bases"]

DigestLookup = Callable[[str], str | None]
"""Asks a registry for the digest of ``repository:tag``; None where it cannot be learnt."""


def plan_builder(run: Run, engine: Engine, *, digest_lookup: DigestLookup) -> BuilderPlan:
    """Read what the builder image is made from; nothing is built.

    Raises:
        InvalidInput: the Dockerfile is missing or wrong.
    """
    settings = run.settings.get(BuilderSettings)
    dependencies = run.settings.get(DependenciesSettings)
    image = run.settings.get(ImageSettings)
    text = _read_dockerfile(run.root, settings.dockerfile)
    platform = image.platform or engine.platform
    names = [
        name for name, _ in base_images(parse_dockerfile(text, settings.dockerfile), settings.args)
    ]
    inputs = BuilderInputs(
        dockerfile=text,
        files=read_files(run.root, settings.files, key="builder.files"),
        args=dict(settings.args),
        bases=resolve_bases(run, engine, names, platform=platform, digest_lookup=digest_lookup),
        platform=platform,
        network=dependencies.network,
    )
    remote = ""
    if settings.push:
        repository = settings.repository or (image.repository and f"{image.repository}-builder")
        if not repository:
            raise InvalidInput(
                "builder.push is set, but nothing says where to",
                where=Location("orbyard.yml", key="builder"),
                hint="set builder.repository or image.repository",
            )
        remote = f"{repository}:{inputs.identity}"
    return BuilderPlan(inputs, settings.dockerfile, run.root.name, remote)


def _read_dockerfile(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InvalidInput(
            "the builder image's Dockerfile is missing",
            where=Location(name),
            hint="write it (`orbyard init` does), or name another with builder.dockerfile",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot be read: {error}", where=Location(name)) from error


def resolve_bases(
    run: Run,
    engine: Engine,
    references: Sequence[str],
    *,
    platform: str,
    digest_lookup: DigestLookup,
) -> Mapping[str, str]:
    """Return the digest of each base image: of the engine's own copy, else the registry's.

    An image that neither knows is pulled, since the build would need it anyhow.

    Raises:
        EngineError: it cannot be pulled.
    """

    def resolve(reference: str) -> str:
        if "@" in reference:
            return reference.partition("@")[2]
        found = engine.inspect_image(reference)
        if found is None or found.platform != platform:
            remote = digest_lookup(reference)
            if remote:
                return remote
            found = _pull_base(run, engine, reference, platform) or found
        return base_digest(reference, found) if found else "missing"

    with ThreadPoolExecutor(max_workers=4) as pool:
        return dict(zip(references, pool.map(resolve, references), strict=True))


def _pull_base(run: Run, engine: Engine, reference: str, platform: str) -> ImageInfo | None:
    run.console.info(f"pulling the base image {reference}")
    _pull(run, engine, reference, platform)
    return engine.inspect_image(reference)


def _pull(run: Run, engine: Engine, reference: str, platform: str) -> None:
    host, _ = split_host(split_reference(reference)[0])
    credentials = find_credentials(host, run.environ, masker=run.console.masker)
    auth = credentials.for_engine() if credentials else None
    for _ in engine.pull(reference, platform=platform, auth=auth):
        pass


def provide_builder(
    run: Run, engine: Engine, plan: BuilderPlan, *, no_cache: bool = False
) -> BuilderImage:
    """Return the builder image: the engine's, else the registry's where that is asked for, else a
    new one.

    Raises:
        WorkFailed: the build failed.
    """
    if not no_cache:
        found = _find_builder(engine, plan)
        if found is None and plan.remote:
            found = _pull_builder(run, engine, plan)
        if found is not None:
            run.console.success(f"builder image {_short(plan)}: unchanged")
            return _builder_image(found.id, plan, reused=True)
    with run.console.phase(f"Build the builder image from {plan.dockerfile}"):
        image = build_builder(run, engine, plan, no_cache=no_cache)
    if plan.remote:
        _push_builder(run, engine, plan, image)
    remove_old_builders(engine, plan, keep=run.settings.get(DependenciesSettings).keep)
    return _builder_image(image, plan, reused=False)


def _find_builder(engine: Engine, plan: BuilderPlan) -> ImageInfo | None:
    # By name first: images made FROM a builder image inherit its labels.
    named = engine.inspect_image(plan.local_name)
    if named and named.labels.get(IDENTITY_LABEL) == plan.inputs.identity:
        return named
    return engine.find_image(IDENTITY_LABEL, plan.inputs.identity)


def _short(plan: BuilderPlan) -> str:
    return plan.inputs.identity[:12]


def _builder_image(image: str, plan: BuilderPlan, *, reused: bool) -> BuilderImage:
    return BuilderImage(image, plan.inputs.identity, plan.inputs.platform, reused)


def _pull_builder(run: Run, engine: Engine, plan: BuilderPlan) -> ImageInfo | None:
    try:
        _pull(run, engine, plan.remote, plan.inputs.platform)
    except EngineError as error:
        run.console.detail(f"builder image {_short(plan)}: not in the registry ({error.text})")
        return None
    engine.tag(plan.remote, plan.local_name)
    run.console.success(f"builder image {_short(plan)}: pulled")
    return engine.inspect_image(plan.remote)


def _push_builder(run: Run, engine: Engine, plan: BuilderPlan, image: str) -> None:
    repository, tag = split_reference(plan.remote)
    pushed = BuiltImage(image, plan.inputs.identity, (tag,), reused=False)
    with run.console.phase(f"Push the builder image to {repository}"):
        try:
            push_image(run, engine, pushed, repository=repository)
        except OrbyardError as error:
            # Other machines will build it themselves; this build can go on.
            run.console.warning(f"the builder image was not pushed: {error}", hint=error.hint)


def remove_old_builders(engine: Engine, plan: BuilderPlan, *, keep: int) -> None:
    """Drop the names of the project's builder images but the ``keep`` newest; the engine removes an
    image with its last name, unless a container or another image needs it.
    """
    prefix = plan.local_name.partition(":")[0] + ":"
    names = [
        tag
        for image in engine.list_images(f"{ROLE_LABEL}=builder")
        for tag in image.tags
        if tag.startswith(prefix)
    ]
    for name in names[max(keep, 1) :]:
        try:
            engine.remove_image(name)
        except EngineError as error:
            if error.status != 409:
                raise
