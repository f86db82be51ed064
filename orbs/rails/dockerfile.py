"""Reading a Dockerfile: enough of its grammar to know what a build needs, and where.

Grammar: https://docs.docker.com/reference/dockerfile/. Nothing is run or expanded here but the ``ARG``
defaults that a ``FROM`` line uses.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.errors import InvalidInput, Location, did_you_mean

__all__ = [
    "Dockerfile",
    "Instruction",
    "Stage",
    "base_images",
    "buildkit_reason",
    "context_sources",
    "parse_dockerfile",
    "reachable_stages",
]

_DIRECTIVE = re.compile(r"^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_HEREDOC = re.compile(r"<<(-?)\s*(['\"]?)([a-zA-Z_][a-zA-Z0-9_]*)\2(?![^\s;|&)>])")
_VARIABLE = re.compile(
    r"(?P<escaped>\\\$)|\$(?:(?P<plain>\w+)|\{(?P<name>\w+)(?::?(?P<sign>[-+])(?P<word>[^}]*))?\})"
)
_KEYWORDS = frozenset(
    "ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL "
    "STOPSIGNAL USER VOLUME WORKDIR".split()
)
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


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Attributes:
        keyword: in capitals.
        value: what follows keyword and flags, continuation lines joined.
        line: the first line of it, counted from 1.
        flags: name (without dashes) and value of ``--name=value``; a flag without a value has "".
        heredocs: names of the here-documents that follow it.
    """

    keyword: str
    value: str
    line: int
    flags: tuple[tuple[str, str], ...] = ()
    heredocs: tuple[str, ...] = ()

    def flag(self, name: str) -> str | None:
        """Return a flag's value, or None where it is not given."""
        return dict(self.flags).get(name)

    @property
    def text(self) -> str:
        """The instruction as one line, as builders show it."""
        flags = [f"--{name}={value}" if value else f"--{name}" for name, value in self.flags]
        return " ".join([self.keyword, *flags, self.value])


@dataclass(frozen=True, slots=True)
class Stage:
    """A build stage: ``FROM base AS name``; ``base`` is as written, variables and all."""

    index: int
    name: str
    base: str
    platform: str
    line: int
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A parsed Dockerfile.

    Attributes:
        path: for messages, relative to the project's root.
        text: as it was read.
        directives: parser directives by lower-case name (``syntax``, ``escape``, ``check``).
        global_args: defaults of the ``ARG`` instructions above the first ``FROM``.
        stages: in order.
        instructions: all of them, in order.
    """

    path: str
    text: str
    directives: Mapping[str, str]
    global_args: Mapping[str, str]
    stages: tuple[Stage, ...]
    instructions: tuple[Instruction, ...]

    def where(self, line: int) -> Location:
        """Return the place of a line."""
        return Location(self.path, line)


def parse_dockerfile(text: str, path: str) -> Dockerfile:
    """Parse a Dockerfile.

    Args:
        text: its content.
        path: its name in messages.

    Raises:
        InvalidInput: an unknown instruction, an instruction before ``FROM``, or no ``FROM`` at all.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    directives = _directives(lines)
    instructions = tuple(_instructions(lines, directives.get("escape", "\\"), path))
    stages, global_args = _stages(instructions, path)
    return Dockerfile(path, text, directives, global_args, stages, instructions)


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
    dockerfile: Dockerfile, args: Mapping[str, str], target: str = ""
) -> tuple[tuple[str, int], ...]:
    """Return the images that a build takes from outside, each once with the line that names it first.

    The base of the image that comes out is the last one; ``scratch`` is no image.

    Raises:
        InvalidInput: a base image's name is empty after the arguments are put in.
    """
    values = dict(dockerfile.global_args)
    values |= {name: value for name, value in args.items() if name in values}
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


def final_base(dockerfile: Dockerfile, args: Mapping[str, str], target: str = "") -> str:
    """Return the outside image at the bottom of the image that comes out, ``scratch`` for none."""
    values = dict(dockerfile.global_args)
    values |= {name: value for name, value in args.items() if name in values}
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
    words = _words(instruction.value)[:-1]
    return tuple(
        posixpath.normpath("/" + word).lstrip("/") or "."
        for word in words
        if not re.match(r"(https?|ftp|git|ssh)://|git@|<<", word)
    )


def expand(text: str, values: Mapping[str, str]) -> str:
    """Put variables in: ``$X``, ``${X}``, ``${X:-default}`` and ``${X:+other}``; unknown ones are empty."""

    def one(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        value = values.get(match["plain"] or match["name"], "")
        if match["sign"] == "-":
            return value or expand(match["word"], values)
        if match["sign"] == "+":
            return expand(match["word"], values) if value else ""
        return value

    return _VARIABLE.sub(one, text.strip("\"'"))


def _directives(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        match = _DIRECTIVE.match(line.strip())
        if not match or match[1].lower() in found:
            break
        found[match[1].lower()] = match[2]
    return found


def _instructions(lines: list[str], escape: str, path: str) -> Iterator[Instruction]:
    position = 0
    while position < len(lines):
        first = position
        parts: list[str] = []
        while position < len(lines):
            line = lines[position]
            position += 1
            if line.lstrip().startswith("#") or (parts and not line.strip()):
                continue
            body = line.rstrip()
            if body.endswith(escape):
                parts.append(body[:-1])
                first = first if len(parts) > 1 else position - 1
                continue
            if not parts:
                first = position - 1
            parts.append(body)
            break
        text = "".join(part if i == 0 else part for i, part in enumerate(parts)).strip()
        if not text:
            continue
        instruction = _instruction(text, first + 1, path)
        for name in instruction.heredocs:
            while position < len(lines) and lines[position].lstrip("\t") != name:
                position += 1
            position += 1
        yield instruction


def _instruction(text: str, line: int, path: str) -> Instruction:
    keyword, _, rest = text.partition(" ") if " " in text else (*text.split(None, 1), "", "")[:3]
    word = keyword.split()[0].upper()
    rest = text[len(word) :].strip()
    if word not in _KEYWORDS:
        raise InvalidInput(
            f"unknown instruction {text.split()[0]!r}",
            where=Location(path, line),
            hint=did_you_mean(word, _KEYWORDS)
            or "is a backslash missing at the end of the line above?",
        )
    flags: list[tuple[str, str]] = []
    while match := re.match(r"--([a-z][a-z-]*)(?:=(\"[^\"]*\"|\S*))?(?:\s+|$)", rest):
        flags.append((match[1], (match[2] or "").strip('"')))
        rest = rest[match.end() :]
    heredocs: tuple[str, ...] = ()
    if word in ("RUN", "ADD", "COPY"):
        heredocs = tuple(match[3] for match in _HEREDOC.finditer(rest))
    return Instruction(word, rest, line, tuple(flags), heredocs)


def _stages(
    instructions: tuple[Instruction, ...], path: str
) -> tuple[tuple[Stage, ...], dict[str, str]]:
    stages: list[Stage] = []
    global_args: dict[str, str] = {}
    body: list[Instruction] = []
    for instruction in instructions:
        if instruction.keyword == "FROM":
            if stages:
                stages[-1] = _with_body(stages[-1], body)
            body = []
            stages.append(_stage(len(stages), instruction, path))
        elif stages:
            body.append(instruction)
        elif instruction.keyword == "ARG":
            for word in _words(instruction.value):
                name, _, default = word.partition("=")
                global_args[name] = expand(default, global_args)
        else:
            raise InvalidInput(
                f"{instruction.keyword} stands above the first FROM",
                where=Location(path, instruction.line),
                hint="a Dockerfile begins with FROM; only ARG may stand above it",
            )
    if not stages:
        raise InvalidInput(
            "no FROM instruction",
            where=Location(path),
            hint="a Dockerfile begins with FROM <image>",
        )
    stages[-1] = _with_body(stages[-1], body)
    return tuple(stages), global_args


def _stage(index: int, instruction: Instruction, path: str) -> Stage:
    words = instruction.value.split()
    named = len(words) == 3 and words[1].lower() == "as"
    if not (len(words) == 1 or named):
        raise InvalidInput(
            f"FROM {instruction.value}: expected FROM <image> or FROM <image> AS <name>",
            where=Location(path, instruction.line),
        )
    name = words[2].lower() if named else ""
    platform = instruction.flag("platform") or ""
    return Stage(index, name, words[0], platform, instruction.line, ())


def _with_body(stage: Stage, body: list[Instruction]) -> Stage:
    return Stage(stage.index, stage.name, stage.base, stage.platform, stage.line, tuple(body))


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
    if instruction.keyword == "ARG":
        return next((word for word in _words(instruction.value) if word in _PLATFORM_ARGS), None)
    if instruction.keyword == "FROM":
        used = _VARIABLE.search(instruction.flag("platform") or "")
        name = used and (used["plain"] or used["name"])
        return name if name in _PLATFORM_ARGS else None
    return None


def _words(value: str) -> list[str]:
    if value.startswith("["):
        try:
            return [str(word) for word in json.loads(value)]
        except ValueError:
            pass  # Then it is the shell form of something that begins with a bracket.
    return [word.strip("\"'") for word in value.split()]
