"""The errors a user can meet.

    OrbyardError                exit code
     ├─ WorkFailed                1   the work was tried and failed: build, push, migration, rollout
     ├─ InvalidInput              2   settings, manifest, secret, flag or file that has to be corrected
     ├─ Unavailable               3   something needed is not there: engine, cluster, registry, sops,
     │                                network, permission
     └─ Interrupted             130   SIGINT, SIGTERM or SIGHUP

Policy. What a library or a program raises is wrapped where it enters Orbyard, in the edge module that
imports that library, and chained (``raise … from``). Foreign text is cut by :func:`excerpt`. Nothing
else is wrapped: a bug shows as what it is. A message says what was tried, on what, and what came
back; ``hint`` says what to do now; ``where`` says in which file, line and key the cause stands.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

__all__ = [
    "FOREIGN_TEXT_LIMIT",
    "Interrupted",
    "InvalidInput",
    "Location",
    "OrbyardError",
    "Problem",
    "Unavailable",
    "WorkFailed",
    "caused_at",
    "did_you_mean",
    "excerpt",
]

FOREIGN_TEXT_LIMIT = 400
"""Characters of another program's text that a message carries: enough for a cause, not a page."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file: ``deploy/deploy.yml:12:7 (spec.replicas)``.

    Lines and columns count from 1; 0 means unknown. ``key`` is the path of keys inside the document.
    """

    file: str
    line: int = 0
    column: int = 0
    key: str = ""

    def __str__(self) -> str:
        text = self.file
        if self.line:
            text += f":{self.line}"
            if self.column:
                text += f":{self.column}"
        return f"{text} ({self.key})" if self.key else text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in the input, one of several that are reported together."""

    message: str
    where: Location | None = None
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  {self.hint}" if self.hint else text


class OrbyardError(Exception):
    """Root of everything Orbyard raises on purpose.

    Args:
        message: what happened, to which thing, in one sentence.
        hint: what the user can do now.
        where: the place in a file that caused it.
        details: further lines (evidence: log lines, events), printed below the message.
        problems: several mistakes at once; the message is then their heading.
    """

    exit_code = 1
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        where: Location | None = None,
        details: Sequence[str] = (),
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where
        self.details = tuple(details)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        lines += [str(problem) for problem in self.problems]
        return "\n".join(lines)


class WorkFailed(OrbyardError):
    """The work was tried and failed; exit code 1."""

    exit_code = 1


class InvalidInput(OrbyardError):
    """Something the user wrote has to be corrected; exit code 2. Nothing was changed."""

    exit_code = 2


class Unavailable(OrbyardError):
    """Something the task needs is not there, or may not be used; exit code 3."""

    exit_code = 3


class Interrupted(OrbyardError):
    """The user or the CI system stopped the run; exit code 130."""

    exit_code = 130


@contextmanager
def caused_at(where: Location | None) -> Iterator[None]:
    """Give this place to errors of the block that have none."""
    try:
        yield
    except OrbyardError as error:
        error.where = error.where or where
        raise


def excerpt(text: str, limit: int = FOREIGN_TEXT_LIMIT) -> str:
    """Cut another program's text to ``limit`` characters, keeping its end and its beginning."""
    text = text.strip()
    if len(text) <= limit:
        return text
    head = limit // 4
    return f"{text[:head]} … {text[-(limit - head - 3) :]}"


_LONGEST_WORD, _MOST_NAMES = 100, 1000
"""Beyond these no name is looked for: it takes time, and nobody meant one of thousands."""


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return ``did you mean 'x'?`` for the nearest of ``known``, or None where none is near."""
    if len(word) > _LONGEST_WORD:
        return None
    names = [name for name in islice(known, _MOST_NAMES) if len(name) <= _LONGEST_WORD]
    nearest = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f"did you mean {nearest[0]!r}?" if nearest else None
