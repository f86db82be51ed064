"""Settings of the build: the sections ``builder``, ``dependencies`` and ``image``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pipeline.settings import parse_duration, setting

__all__ = [
    "SECTIONS",
    "BuilderSettings",
    "DependenciesSettings",
    "ImageSettings",
    "InstallerSettings",
]


@dataclass(frozen=True, slots=True)
class BuilderSettings:
    """The builder image, in which bundle and yarn run."""

    dockerfile: str = setting(
        "deploy/Dockerfile.builder", doc="Its Dockerfile, relative to the project's root."
    )
    files: tuple[str, ...] = setting(
        ("Gemfile", "Gemfile.lock", "package.json", "yarn.lock"),
        doc="The build context: these files and no others; one that is not there is left out. "
        "They are part of the image's identity.",
    )
    repository: str = setting(
        "", doc="Where it is pushed to and looked for; default is the app image's with `-builder`."
    )
    push: bool = setting(
        False,
        doc="Look for the image in the registry before building it, and push it there afterwards; "
        "for CI machines that start empty.",
    )
    args: Mapping[str, str] = setting(
        factory=dict, doc="Build arguments.", example="{RUBY_VERSION: '3.1'}"
    )


@dataclass(frozen=True, slots=True)
class InstallerSettings:
    """A program that installs dependencies into one folder."""

    lockfile: str = setting(doc="The file that decides what is installed.")
    path: str = setting(doc="The folder it fills, relative to the root.")
    command: str = setting(doc="The shell command, run in the builder image in the root.")
    manifest: tuple[str, ...] = setting(
        (), doc="Other files the command reads; they stand beside the lockfile in the container."
    )
    environment: Mapping[str, str] = setting(
        factory=dict, doc="Environment variables of this command."
    )


@dataclass(frozen=True, slots=True)
class DependenciesSettings:
    """Gems and packages: what installs them and where they are kept."""

    home: Literal["auto", "volumes", "folders"] = setting(
        "auto",
        doc="Where installed files are kept: `volumes` are named Docker volumes keyed by lockfile, "
        "builder image and platform; `folders` are folders of the checkout, which CircleCI's cache "
        "steps can see; `auto` takes folders when `CI=true` and volumes otherwise.",
    )
    installers: Mapping[str, InstallerSettings] = setting(
        factory=dict,
        doc="Installers by name. Those named here are added to, or replace, `bundle` (where there "
        "is a Gemfile.lock) and `yarn` (where there is a yarn.lock).",
    )
    disable: tuple[str, ...] = setting((), doc="Names of installers that are not to run.")
    network: str = setting("", doc="Docker network mode of builds and installs.", example="host")
    environment: Mapping[str, str] = setting(
        factory=dict,
        doc="Environment variables of every install: mirrors, proxies.",
        example="{BUNDLE_MIRROR__ALL: 'https://gems.example.com'}",
    )
    pass_environment: tuple[str, ...] = setting(
        (),
        doc="Names of variables handed on from the caller's environment as secrets: they are masked, "
        "and are not part of any layer or key.",
        example="[BUNDLE_GEMS__EXAMPLE__COM]",
    )
    ca_bundle: str = setting(
        "", doc="A PEM file of certificate authorities to trust in the install containers."
    )
    keep: int = setting(
        5, doc="Volumes kept per installer for branches that one may come back to; older ones go."
    )
    timeout_s: float = setting(
        3600.0, key="timeout", parse=parse_duration, doc="How long one install may take."
    )


@dataclass(frozen=True, slots=True)
class ImageSettings:
    """The app image: how it is built, named and pushed."""

    repository: str = setting("", doc="Registry and name without a tag; needed to push.")
    dockerfile: str = setting("deploy/Dockerfile", doc="Its Dockerfile, relative to the root.")
    tags: tuple[str, ...] = setting(
        ("{revision}",),
        doc="Tags. `{revision}` is the git commit, with `-dirty` when files differ from it; "
        "`{short}`, `{branch}` and `{env.NAME}` are known too.",
    )
    args: Mapping[str, str] = setting(factory=dict, doc="Build arguments.")
    secrets: Mapping[str, str] = setting(
        factory=dict,
        doc="Build secrets by id, each the name of an environment variable; mounted by "
        "`RUN --mount=type=secret` and in no layer. They need BuildKit.",
        example="{npm_token: NPM_TOKEN}",
    )
    labels: Mapping[str, str] = setting(factory=dict, doc="Labels beside the standard ones.")
    target: str = setting("", doc="The stage to build of a Dockerfile of several.")
    platform: str = setting(
        "", doc="Platform to build for; default is the engine's.", example="linux/amd64"
    )
    backend: Literal["auto", "api", "buildkit"] = setting(
        "auto",
        doc="`api` is the Docker API's own builder, `buildkit` the `docker` program's. `auto` takes "
        "BuildKit where the docker program and its buildx are there, or the Dockerfile needs it.",
    )
    reproducible: bool = setting(
        True,
        doc="Take the time of the build out of the image's own layers, so that two builds of a commit "
        "have the same layers. The engine writes the whole image out once for it, about 20 seconds a "
        "gigabyte; only an image that was built is treated so, and none of a checkout with changes, "
        "which has no commit to reproduce.",
    )
    insecure_registries: tuple[str, ...] = setting(
        (), doc="Registries spoken to over plain HTTP, beside those on this machine's loopback."
    )


SECTIONS = {
    "builder": BuilderSettings,
    "dependencies": DependenciesSettings,
    "image": ImageSettings,
}
