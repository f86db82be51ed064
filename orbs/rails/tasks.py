"""The Invoke tasks of the build; thin: flags in, result out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from invoke.collection import Collection

from pipeline.command import Run, command

if TYPE_CHECKING:
    from orbs.rails.build import BuildResult

__all__ = ["namespace"]

_NO_CACHE = "Build and install everything anew, even what is there already."
_TAG = "Tag of the image, instead of image.tags; may be given several times."
_REPOSITORY = "Registry and name of the image, instead of image.repository."
_JSON = "Print the result as JSON."
_OUTPUT = "File to write the reference to, for later steps."
_BASH_ENV = "Append `export ORBYARD_IMAGE=…` to the file that $BASH_ENV names (CircleCI)."


@command(help={"no_cache": _NO_CACHE, "json": _JSON})
def builder(run: Run, no_cache: bool = False, json: bool = False) -> None:
    """Make the builder image, which dependencies are installed in, where it is not there yet.

    Prints its id.
    """
    from orbs.rails.build import open_build
    from orbs.rails.report import builder_value, to_json

    with open_build(run, no_cache=no_cache) as build:
        made = build.builder()
    run.console.result(to_json(builder_value(made)) if json else made.image_id)


@command(help={"no_cache": _NO_CACHE, "json": _JSON})
def install(run: Run, no_cache: bool = False, json: bool = False) -> None:
    """Install the dependencies (bundle, yarn and what settings declare) in the builder image.

    Prints one line an installer: its name, and the volume or folder that holds its files.
    """
    from orbs.rails.build import open_build
    from orbs.rails.report import home_place, homes_value, to_json

    with open_build(run, no_cache=no_cache) as build:
        homes = build.homes
    if json:
        run.console.result(to_json(homes_value(homes)))
    else:
        run.console.table([(home.installer.name, home_place(home)) for home in homes])


@command(iterable=["tag"], help={"no_cache": _NO_CACHE, "tag": _TAG, "json": _JSON})
def image(
    run: Run, no_cache: bool = False, tag: Sequence[str] | None = None, json: bool = False
) -> None:
    """Build the app image; it is not pushed.

    Prints its id.
    """
    _print(run, _build(run, no_cache=no_cache, tag=tag, push=False), json=json)


@command(
    iterable=["tag"],
    help={
        "tag": _TAG,
        "repository": _REPOSITORY,
        "output": _OUTPUT,
        "bash_env": _BASH_ENV,
        "json": _JSON,
    },
)
def push(
    run: Run,
    tag: Sequence[str] | None = None,
    repository: str | None = None,
    output: str | None = None,
    bash_env: bool = False,
    json: bool = False,
) -> None:
    """Push the app image, built first where that is needed.

    Prints its reference by digest.
    """
    run.use_flags(**{"image.repository": repository})
    result = _build(run, no_cache=False, tag=tag, push=True, bash_env=bash_env)
    _print(run, result, json=json, output=output, bash_env=bash_env)


@command(
    name="all",
    default=True,
    iterable=["tag"],
    help={
        "no_cache": _NO_CACHE,
        "push": "Push the image; done where image.repository is set.",
        "tag": _TAG,
        "repository": _REPOSITORY,
        "output": _OUTPUT,
        "bash_env": _BASH_ENV,
        "json": _JSON,
    },
)
def everything(
    run: Run,
    no_cache: bool = False,
    push: bool = True,
    tag: Sequence[str] | None = None,
    repository: str | None = None,
    output: str | None = None,
    bash_env: bool = False,
    json: bool = False,
) -> None:
    """Build the app image from source, and push it where a repository is set.

    Prints its reference by digest, or its id where it is not pushed.
    """
    from orbs.rails.settings import ImageSettings

    run.use_flags(**{"image.repository": repository})
    push = push and bool(run.settings.get(ImageSettings).repository)
    result = _build(run, no_cache=no_cache, tag=tag, push=push, bash_env=bash_env)
    _print(run, result, json=json, output=output, bash_env=bash_env)


def _build(
    run: Run, *, no_cache: bool, tag: Sequence[str] | None, push: bool, bash_env: bool = False
) -> BuildResult:
    from orbs.rails.build import open_build, summarize
    from orbs.rails.report import bash_env_file

    if bash_env:
        bash_env_file(run.environ)  # Known to be missing now, not after the build.
    with open_build(run, no_cache=no_cache, tags=tag or ()) as build:
        result = build.result(push=push)
    summarize(run, result)
    return result


def _print(
    run: Run,
    result: BuildResult,
    *,
    json: bool,
    output: str | None = None,
    bash_env: bool = False,
) -> None:
    from orbs.rails.report import append_bash_env, result_value, to_json, write_reference

    if output:
        write_reference(run.cwd / output, str(result))
    if bash_env:
        append_bash_env(run.environ, str(result))
    run.console.result(to_json(result_value(result)) if json else str(result))


build = Collection("build", builder, install, image, push, everything)
namespace = Collection(build)
