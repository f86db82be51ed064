"""The grammar of a Dockerfile: lines, directives, instructions, stages.

Grammar: https://docs.docker.com/reference/dockerfile/. Nothing is run here, and nothing expanded but
the defaults of ``ARG`` above the first ``FROM``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pipeline.errors import InvalidInput, Location, did_you_mean

__all__ = ["Dockerfile", "Instruction", "Stage", "expand", "parse_dockerfile", "split_words"]

_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$")
_FLAG = re.compile(r"--([a-z][a-z-]*)(?:=(\"[^\"]*\"|\S*))?(?:\s+|$)")
_HEREDOC = re.compile(r"(?:^|(?<=\s))\d*<<(-?)(['\"]?)([a-zA-Z_][a-zA-Z0-9_]*)\2(?=\s|$)")
_VARIABLE = re.compile(
    r"(?P<escaped>\\\$)|\$(?:(?P<plain>\w+)|\{(?P<name>\w+)(?::?(?P<sign>[-+])(?P<word>[^}]*))?\})"
)
_KEYWORDS = frozenset(
    {"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"}
    | {"MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
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


def variables(text: str) -> tuple[str, ...]:
    """Return the names of the variables in a text."""
    found = (match["plain"] or match["name"] for match in _VARIABLE.finditer(text))
    return tuple(name for name in found if name)


def split_words(value: str) -> list[str]:
    """Return an instruction's words, of the JSON form as well as of the plain one."""
    if value.startswith("["):
        try:
            return [str(word) for word in json.loads(value)]
        except ValueError:
            pass  # Then it is the plain form of something that begins with a bracket.
    return [word.strip("\"'") for word in value.split()]


def _directives(lines: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        match = _DIRECTIVE.match(line.strip())
        if not match or match[1].lower() in found:
            break
        found[match[1].lower()] = match[2]
    return found


def _instructions(lines: list[str], escape: str, path: str) -> Iterator[Instruction]:
    numbered = iter(enumerate(lines, start=1))
    for first, line in numbered:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        text = line.rstrip()
        while text.endswith(escape):
            text = text[:-1]
            number, line = next(numbered, (0, ""))
            while number and (not line.strip() or line.lstrip().startswith("#")):
                number, line = next(numbered, (0, ""))
            text += line.rstrip()
        if not text.strip():
            continue
        instruction = _instruction(text.strip(), first, path)
        for name in instruction.heredocs:
            for _, line in numbered:
                if line.lstrip("\t") == name:
                    break
        yield instruction


def _instruction(text: str, line: int, path: str) -> Instruction:
    written, *after = text.split(None, 1)
    keyword, rest = written.upper(), after[0] if after else ""
    if keyword not in _KEYWORDS:
        raise InvalidInput(
            f"unknown instruction {written!r}",
            where=Location(path, line),
            hint=did_you_mean(keyword, _KEYWORDS)
            or "is a backslash missing at the end of the line above?",
        )
    flags: list[tuple[str, str]] = []
    while match := _FLAG.match(rest):
        flags.append((match[1], (match[2] or "").strip('"')))
        rest = rest[match.end() :]
    heredocs: tuple[str, ...] = ()
    if keyword in ("RUN", "ADD", "COPY"):
        heredocs = tuple(match[3] for match in _HEREDOC.finditer(rest))
    return Instruction(keyword, rest, line, tuple(flags), heredocs)


def _stages(
    instructions: tuple[Instruction, ...], path: str
) -> tuple[tuple[Stage, ...], dict[str, str]]:
    stages: list[Stage] = []
    global_args: dict[str, str] = {}
    body: list[Instruction] = []
    for instruction in instructions:
        if instruction.keyword == "FROM":
            if stages:
                stages[-1] = replace(stages[-1], instructions=tuple(body))
            body = []
            stages.append(_stage(len(stages), instruction, path))
        elif stages:
            body.append(instruction)
        elif instruction.keyword == "ARG":
            for word in split_words(instruction.value):
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
    stages[-1] = replace(stages[-1], instructions=tuple(body))
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
