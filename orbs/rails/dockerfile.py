"""What a build needs, read from its Dockerfile: base images, stages, BuildKit, the build context."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from orbs.rails.dockerfile_syntax import (
    Dockerfile,
    Instruction,
    Stage,
    expand,
    parse_dockerfile,
    split_words,
    variables,
)
from pipeline.errors import InvalidInput, Location, did_you_mean

__all__ = [
    "Dockerfile",
    "Instruction",
    "Stage",
    "base_images",
    "buildkit_reason",
    "context_sources",
    "final_base",
    "parse_dockerfile",
    "reachable_stages",
]

_BUILDKIT_FLAGS = {
    "RUN": frozenset({"mount", "network", "security"}),
    "ADD": frozenset({"link", "chmod", "checksum", "keep-git-dir", "exclude", "parents"}),
    "COPY": frozenset({"link", "chmod", "exclude", "parents"}),
}
_PLATFORM_ARGS = frozenset(
    f"{side}{part}"
    for side in ("TARGET", "BUILD")
    for part in ("PLATFORM", "OS", "ARCH", "VARIANT")
)


def reachable_stages(dockerfile: Dockerfile, target: str = "") -> tuple[Stage, ...]:
    """Return the stages that the image of ``target`` (default: the last stage) is made from, that one last.

    Raises:
        InvalidInput: there is no such stage.
    """
    final = _find_stage(dockerfile, target)
    wanted, waiting = {final.index}, [final]
    while waiting:
        for needed in _needed_stages(dockerfile, waiting.pop()):
            if needed.index not in wanted:
                wanted.add(needed.index)
                waiting.append(needed)
    return tuple(stage for stage in dockerfile.stages if stage.index in wanted)


def base_images(
    dockerfile: Dockerfile, args: Mapping[str, str], target: str = "", *, platform: str = ""
) -> tuple[tuple[str, int], ...]:
    """Return the images that a build takes from outside, each once with the line that names it first.

    The base of the image that comes out is the last one; ``scratch`` is no image.

    Raises:
        InvalidInput: a base image's name is empty after the arguments are put in.
    """
    values = _from_values(dockerfile, args, platform)
    found: dict[str, int] = {}
    stages = reachable_stages(dockerfile, target)
    for stage in stages:
        for written, line in _outside_references(dockerfile, stage):
            reference = expand(written, values)
            if not reference:
                raise InvalidInput(
                    f"the base image {written!r} is empty: no build argument gives it a value",
                    where=dockerfile.where(line),
                    hint="give the ARG above FROM a default, or set it in image.args",
                )
            if reference != "scratch":
                found.setdefault(reference, line)
    base = expand(_root_base(dockerfile, stages[-1]), values)
    return tuple(sorted(found.items(), key=lambda item: (item[0] == base, item[1])))


def final_base(
    dockerfile: Dockerfile, args: Mapping[str, str], target: str = "", *, platform: str = ""
) -> str:
    """Return the outside image at the bottom of the image that comes out, ``scratch`` for none."""
    values = _from_values(dockerfile, args, platform)
    return expand(_root_base(dockerfile, _find_stage(dockerfile, target)), values)


def buildkit_reason(dockerfile: Dockerfile) -> tuple[str, int] | None:
    """Return what in the Dockerfile only BuildKit understands, and its line, or None."""
    if "syntax" in dockerfile.directives:
        return "the syntax directive", 1
    for instruction in dockerfile.instructions:
        if instruction.heredocs:
            return f"a here-document in {instruction.keyword}", instruction.line
        for name, _ in instruction.flags:
            if name in _BUILDKIT_FLAGS.get(instruction.keyword, ()):
                return f"{instruction.keyword} --{name}", instruction.line
        used = _platform_argument(instruction)
        if used:
            return f"the platform argument {used}", instruction.line
    return None


def context_sources(instruction: Instruction) -> tuple[str, ...]:
    """Return what an instruction takes from the build context: cleaned paths, ``.`` for all of it.

    Empty for other instructions, ``--from`` another image, URLs and here-documents. Variables and
    wildcards stay as they are written.
    """
    if instruction.keyword == "RUN":
        return tuple(_mounted_sources(instruction))
    if instruction.keyword not in ("ADD", "COPY") or instruction.flag("from") is not None:
        return ()
    words = split_words(instruction.value)[:-1]
    return tuple(
        posixpath.normpath("/" + word).lstrip("/") or "."
        for word in words
        if not re.match(r"(https?|ftp|git|ssh)://|git@|<<", word)
    )


def _from_values(dockerfile: Dockerfile, args: Mapping[str, str], platform: str) -> dict[str, str]:
    values = {name: args.get(name, default) for name, default in dockerfile.global_args.items()}
    if platform:
        system, _, architecture = platform.partition("/")
        architecture, _, variant = architecture.partition("/")
        for side in ("TARGET", "BUILD"):
            values |= {
                f"{side}PLATFORM": platform,
                f"{side}OS": system,
                f"{side}ARCH": architecture,
                f"{side}VARIANT": variant,
            }
    return values


def _find_stage(dockerfile: Dockerfile, target: str) -> Stage:
    if not target:
        return dockerfile.stages[-1]
    for stage in dockerfile.stages:
        if target.lower() == stage.name or target == str(stage.index):
            return stage
    names = [stage.name for stage in dockerfile.stages if stage.name]
    raise InvalidInput(
        f"there is no stage {target!r}",
        where=Location(dockerfile.path),
        hint=did_you_mean(target, names) or f"stages: {', '.join(names) or 'none has a name'}",
    )


def _earlier(dockerfile: Dockerfile, stage: Stage, reference: str) -> Stage | None:
    for other in reversed(dockerfile.stages[: stage.index]):
        if reference.lower() == other.name or reference == str(other.index):
            return other
    return None


def _references(stage: Stage) -> Iterator[tuple[str, int]]:
    yield stage.base, stage.line
    for instruction in stage.instructions:
        if instruction.keyword in ("ADD", "COPY") and (source := instruction.flag("from")):
            yield source, instruction.line
        for mount in _mounts(instruction):
            if "from" in mount:
                yield mount["from"], instruction.line


def _needed_stages(dockerfile: Dockerfile, stage: Stage) -> Iterator[Stage]:
    for reference, _ in _references(stage):
        other = _earlier(dockerfile, stage, reference)
        if other:
            yield other


def _outside_references(dockerfile: Dockerfile, stage: Stage) -> Iterator[tuple[str, int]]:
    for reference, line in _references(stage):
        if _earlier(dockerfile, stage, reference) is None:
            yield reference, line


def _root_base(dockerfile: Dockerfile, stage: Stage) -> str:
    while other := _earlier(dockerfile, stage, stage.base):
        stage = other
    return stage.base


def _mounts(instruction: Instruction) -> Iterator[dict[str, str]]:
    if instruction.keyword == "RUN":
        for name, value in instruction.flags:
            if name == "mount":
                yield dict(part.partition("=")[::2] for part in value.split(","))


def _mounted_sources(instruction: Instruction) -> Iterator[str]:
    for mount in _mounts(instruction):
        if mount.get("type", "bind") == "bind" and "from" not in mount:
            source = mount.get("source", mount.get("src", "."))
            yield posixpath.normpath("/" + source).lstrip("/") or "."


def _platform_argument(instruction: Instruction) -> str | None:
    words: tuple[str, ...] = ()
    if instruction.keyword == "ARG":
        words = tuple(split_words(instruction.value))
    elif instruction.keyword == "FROM":
        words = variables(f"{instruction.flag('platform') or ''} {instruction.value}")
    return next((word for word in words if word in _PLATFORM_ARGS), None)
