"""What goes between the ``circleci`` program of a job and the runner: requests, and answers to them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.errors import InvalidInput, did_you_mean
from pipeline.runner.test_results import CaseResult, Timings

__all__ = [
    "Answer",
    "JobFacts",
    "Needed",
    "Request",
    "bytes_of",
    "lines_of",
    "read_options",
    "script_of",
    "stdin_of",
    "text_of",
]


@dataclass(frozen=True, slots=True)
class Request:
    """A call from inside of a job.

    Attributes:
        arguments: after the program's name.
        folder: the current one.
        node_index, node_total: ``CIRCLE_NODE_INDEX`` and ``CIRCLE_NODE_TOTAL`` as texts, or "".
        inputs: what the job told so far, by name: ``stdin``, ``environment`` …
    """

    arguments: tuple[str, ...]
    folder: str = ""
    node_index: str = ""
    node_total: str = ""
    inputs: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the script does next.

    Attributes:
        stdout, stderr: printed in the end.
        exit_code: of the call; None where the script asks again, or runs a command in the end.
        calls: functions of the script, with their arguments.
        tests: what the command of ``tests run`` gets as its input.
        files: further contents for the script's functions, by name: ``body`` or ``head``.
    """

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int | None = 0
    calls: tuple[tuple[str, ...], ...] = ()
    tests: bytes = b""
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the runner knows: timings of earlier runs, and the failures that are to be run again alone."""

    timings: Timings = field(default_factory=Timings)
    only_failed: tuple[CaseResult, ...] | None = None


class Needed(Exception):
    """Something that has to be asked for first: functions of the script to call."""

    def __init__(self, *calls: tuple[str, ...]) -> None:
        super().__init__()
        self.calls = calls


def script_of(given: Answer) -> str:
    """Return the shell lines of an answer: calls of the script's functions, with quoted arguments."""
    calls = list(given.calls)
    if given.exit_code is not None:
        calls.append(("finish", str(given.exit_code)))
    return "".join(" ".join(map(shlex.quote, call)) + "\n" for call in calls)


def text_of(data: bytes) -> str:
    """Return what a job handed over as text; no byte is lost."""
    return data.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """Return a text as it goes to the job: the opposite of :func:`text_of`."""
    return text.encode("utf-8", "surrogateescape")


def lines_of(items: Sequence[str]) -> bytes:
    """Return each text on a line of its own."""
    return bytes_of("".join(f"{item}\n" for item in items))


def stdin_of(request: Request, what: str) -> bytes:
    """Return the input of a call, or ask for it; ``what`` is read from it, for the message.

    Raises:
        Needed: it was not handed over yet.
        InvalidInput: it is a terminal.
    """
    if "stdin" not in request.inputs:
        raise Needed(("take_stdin",))
    if "stdin.terminal" in request.inputs:
        raise InvalidInput(f"{what} is read from the input, which is a terminal", hint="pipe it in")
    return request.inputs["stdin"]


def read_options(
    words: Sequence[str], flags: Mapping[str, bool]
) -> tuple[dict[str, str], list[str]]:
    """Return the flags (those that take a value: True) and the other words."""
    options: dict[str, str] = {}
    rest: list[str] = []
    pending = list(words)
    while pending:
        word = pending.pop(0)
        if word == "--":
            return options, rest + pending
        name, sign, value = word.partition("=")
        if not word.startswith("--"):
            rest.append(word)
        elif name not in flags:
            raise InvalidInput(f"unknown flag: {name}", hint=did_you_mean(name, flags))
        elif not flags[name]:
            if value not in ("false", "0"):
                options[name] = "true"
        elif sign:
            options[name] = value
        elif pending:
            options[name] = pending.pop(0)
        else:
            raise InvalidInput(f"{name} needs a value")
    return options, rest
