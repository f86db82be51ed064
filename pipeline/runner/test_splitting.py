"""``circleci tests glob``, ``split`` and ``run``: which tests there are, and which of them a node has.

Splitting is decided by the list and the weights alone, not by the order in which tests come, so that all
nodes of a job agree without talking to each other. A test list is one test a line; a single line is a
list of words. Sources: circleci.com/docs/use-the-circleci-cli-to-split-tests and /docs/test-splitting.
"""

from __future__ import annotations

import heapq
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from pipeline.errors import InvalidInput
from pipeline.runner.test_results import CaseResult, Timings, normal_path, parse_junit, timings_of

__all__ = [
    "FALLBACK",
    "Split",
    "SplitBy",
    "expand_braces",
    "glob_files",
    "glob_root",
    "has_failed",
    "read_items",
    "read_timings",
    "split_items",
    "timing_weights",
]

FALLBACK = "Error auto-detecting timing type, falling back to weighting by name."
"""What CircleCI says where it has no timings for the tests."""

TIMING_TYPES = ("autodetect", "filename", "classname", "testname")
SplitBy = ("name", "filesize", "timings")

_RANGE = re.compile(r"(.)(?:-(.))?", re.DOTALL)
_MAGIC = re.compile(r"[*?\[{]")
_MOST_PATTERNS = 1000
"""Patterns that the braces of one may stand for."""


# ------------------------------------------------------------------------------------------- glob


def glob_files(patterns: Iterable[str], list_files: Callable[[str], Iterable[str]]) -> list[str]:
    """Return the files that match any of the patterns, sorted, each once.

    ``*`` and ``?`` stop at a ``/``, ``**`` does not, ``[abc]`` ``[a-z]`` ``[!a]`` is one character,
    ``{a,b}`` one of several texts; a leading dot is a character like others. A file is named as its
    pattern begins (``./spec/*.rb`` gives ``./spec/a.rb``).

    Args:
        patterns: see above.
        list_files: returns the files below a folder, as paths within it (``models/a.rb``); it is asked
            for the folders that the patterns begin with, ``.`` for a pattern that begins with none.
    """
    listed = cache(lambda root: tuple(list_files(root)))
    found: set[str] = set()
    for written in patterns:
        for pattern in expand_braces(written):
            root = glob_root(pattern)
            prefix = pattern[: _root_length(pattern)]
            matches = _pattern_regex(pattern[len(prefix) :]).fullmatch
            found |= {prefix + file for file in listed(root) if matches(file)}
    return sorted(found)


def glob_root(pattern: str) -> str:
    """Return the folder that a pattern without braces begins with: ``spec`` for ``spec/**/*.rb``."""
    prefix = pattern[: _root_length(pattern)]
    return prefix.rstrip("/") or ("/" if prefix else ".")


def _root_length(pattern: str) -> int:
    magic = _MAGIC.search(pattern)
    return pattern.rfind("/", 0, magic.start() if magic else len(pattern)) + 1


def expand_braces(pattern: str) -> list[str]:
    """Return the patterns that ``a{b,c{d,e}}`` stands for; a brace that is not closed is a character.

    Raises:
        InvalidInput: it stands for more than a thousand.
    """
    pending, done = [pattern], []
    while pending:
        text = pending.pop()
        brace = _first_brace(text)
        if brace is None:
            done.append(text)
        else:
            start, end = brace
            pending += [
                text[:start] + choice + text[end + 1 :]
                for choice in reversed(_choices(text[start + 1 : end]))
            ]
        if len(pending) + len(done) > _MOST_PATTERNS:
            raise InvalidInput(f"{pattern!r} stands for more than {_MOST_PATTERNS} patterns")
    return done


def _first_brace(text: str) -> tuple[int, int] | None:
    opened: list[int] = []
    closed: dict[int, int] = {}
    for i, character in enumerate(text):
        if character == "{":
            opened.append(i)
        elif character == "}" and opened:
            closed[opened.pop()] = i
    return min(closed.items(), default=None)


def _choices(inner: str) -> list[str]:
    depth, choices = 0, [""]
    for character in inner:
        depth += (character == "{") - (character == "}")
        if character == "," and depth == 0:
            choices.append("")
        else:
            choices[-1] += character
    return choices


@cache
def _pattern_regex(pattern: str) -> re.Pattern[str]:
    """Translate a pattern without braces."""
    parts: list[str] = []
    position = 0
    while position < len(pattern):
        piece, position = _piece(pattern, position)
        if not (parts and parts[-1] == piece == ".*"):
            parts.append(piece)
    return re.compile("".join(parts), re.DOTALL)


def _piece(pattern: str, at: int) -> tuple[str, int]:
    character = pattern[at]
    if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
        return "(?:.*/)?", at + 3
    if pattern.startswith("**", at):
        return ".*", at + 2
    if character == "*":
        return "[^/]*", at + 1
    if character == "?":
        return "[^/]", at + 1
    if character == "\\" and at + 1 < len(pattern):
        return re.escape(pattern[at + 1]), at + 2
    end = pattern.find("]", at + 2) if character == "[" else -1
    if end > 0:
        return _character_class(pattern[at + 1 : end]), end + 1
    return re.escape(character), at + 1


def _character_class(inner: str) -> str:
    negated = inner[0] in "!^" and len(inner) > 1
    body = _RANGE.sub(_range, inner[negated:])
    if not body:
        return "[^/]" if negated else "(?!)"
    return f"(?!/)[{'^' if negated else ''}{body}]"


def _range(found: re.Match[str]) -> str:
    """Return ``a`` or ``a-z`` for a regular expression; a range the wrong way round has nothing in it."""
    first, last = found[1], found[2]
    if last is None:
        return re.escape(first)
    return f"{re.escape(first)}-{re.escape(last)}" if first <= last else ""


# ------------------------------------------------------------------------------------------ split


@dataclass(frozen=True, slots=True)
class Split:
    """One node's part of the tests, sorted; ``total`` counts all; ``notes`` are for standard error."""

    items: tuple[str, ...]
    total: int
    notes: tuple[str, ...] = ()


def read_items(text: str) -> list[str]:
    """Return the tests of a list: its lines, or the words of its only line."""
    lines = [line.strip("\r") for line in text.split("\n") if line.strip()]
    return lines[0].split() if len(lines) == 1 else lines


def split_items(
    items: Sequence[str],
    *,
    index: int,
    total: int,
    weights: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
) -> Split:
    """Return the part of node ``index`` of ``total``.

    Without weights the sorted tests are dealt to the nodes one by one. With weights each test, the
    heaviest first, goes to the node that has the least so far.

    Raises:
        InvalidInput: there is no such node.
    """
    if total < 1 or not 0 <= index < total:
        raise InvalidInput(
            f"node {index} of {total} cannot be",
            hint="--total is 1 at least, and --index counts from 0 to one less than it",
        )
    ordered = sorted(items)
    if weights is None:
        return Split(tuple(ordered[index::total]), len(ordered), tuple(notes))
    loads = [(0.0, 0, node) for node in range(total)]
    mine = []
    for item in sorted(ordered, key=lambda item: -weights[item]):
        load, count, node = heapq.heappop(loads)
        heapq.heappush(loads, (load + weights[item], count + 1, node))
        if node == index:
            mine.append(item)
    return Split(tuple(sorted(mine)), len(ordered), tuple(notes))


def timing_weights(
    items: Collection[str],
    timings: Timings,
    *,
    kind: str = "autodetect",
    default_s: float | None = None,
    folder: str = "",
) -> tuple[dict[str, float] | None, list[str]]:
    """Return the seconds of each test, and notes; None where the tests can be split by name alone.

    Args:
        items: the tests.
        timings: of earlier runs.
        kind: ``filename``, ``classname``, ``testname`` or ``autodetect``: the one of the first two that
            knows a test.
        default_s: the seconds of a test without timings (default: the median of the others, where
            CircleCI takes a small random number).
        folder: the current one, for tests with absolute names.
    """
    tables = {
        "filename": {_within(name, folder): s for name, s in timings.filename.items()},
        "classname": timings.classname,
        "testname": timings.testname,
    }
    names = {item: _within(item, folder) for item in items}
    if kind == "autodetect":
        by_file = any(name in tables["filename"] for name in names.values())
        by_class = any(item in tables["classname"] for item in items)
        if by_file == by_class:
            return None, [FALLBACK, _AMBIGUOUS if by_file else _NO_MATCH]
        kind = "filename" if by_file else "classname"
    table = tables[kind]
    known = {
        item: table[name if kind == "filename" else item]
        for item, name in names.items()
        if (name if kind == "filename" else item) in table
    }
    if not known:
        return None, [f"No timing data for any test by {kind}, falling back to weighting by name."]
    missing = median(known.values()) if default_s is None else default_s
    notes = [f'No timing found for "{item}"' for item in names if item not in known]
    return {item: known.get(item, missing) for item in names}, notes


_AMBIGUOUS = (
    "Autodetect ambiguous - both filenames and classnames matched. Use `--timings-type` to resolve."
)
_NO_MATCH = "Autodetect no matching filename or classname."


def _within(path: str, folder: str) -> str:
    normal = normal_path(path) if path else path
    return normal.removeprefix(f"{folder.rstrip('/')}/") if folder else normal


def read_timings(data: bytes, name: str) -> Timings:
    """Read a file of ``--timings-file``: CircleCI's JSON (``{"tests": [{"file", "run_time"}]}``) or JUnit.

    Raises:
        InvalidInput: it is neither.
    """
    if data.lstrip().startswith(b"<"):
        return timings_of(parse_junit(data, name).cases)
    try:
        document = json.loads(data)
        tests = document["tests"] if isinstance(document, dict) else document
        return timings_of([_timed_case(test) for test in tests])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidInput(
            f"{name}: not a file of timings",
            hint='write {"tests": [{"file": "a_test.rb", "run_time": 1.5}]}, or JUnit XML',
        ) from error


def _timed_case(test: Mapping[str, object]) -> CaseResult:
    seconds = test.get("run_time", test.get("time", 0))
    return CaseResult(
        name=str(test.get("name") or ""),
        classname=str(test.get("classname") or ""),
        file=str(test.get("file") or ""),
        time_s=float(str(seconds or 0)),
    )


def has_failed(item: str, failed: Iterable[CaseResult], folder: str = "") -> bool:
    """Return whether a test (a file, a class or a name) is one of those that failed."""
    return any(
        item in (case.classname, case.name, case.suite)
        or (case.file and _within(item, folder) == _within(case.file, folder))
        for case in failed
    )
