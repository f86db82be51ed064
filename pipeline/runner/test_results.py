"""Test results: JUnit XML read and summarised, and the timings that ``circleci tests split`` weighs with.

Reading is tolerant, since every test runner writes a dialect of its own: ``testcase`` counts wherever it
stands, what cannot be read is a warning, and the cases before that place are kept. It is also safe: a
document type is refused, so no entity is ever expanded, and links do not lead out of the folder.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = [
    "CaseResult",
    "Outcome",
    "ResultSet",
    "ResultSummary",
    "Timings",
    "normal_path",
    "parse_junit",
    "read_results",
    "summarise",
    "timings_of",
]

Outcome = Literal["passed", "failed", "error", "skipped"]

_MESSAGE_LIMIT = 10_000
"""Characters kept of a failure's words: all of an ordinary one, not all of a log."""

_OUTCOMES: dict[str, Outcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}
_NOT_RUN = frozenset({"notrun", "disabled", "skipped", "ignored"})
_SLOWEST = 10


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One test. ``file`` is "" where the test runner does not tell it; ``time_s`` is 0 likewise."""

    name: str
    classname: str = ""
    suite: str = ""
    file: str = ""
    time_s: float = 0.0
    outcome: Outcome = "passed"
    message: str = ""

    @property
    def failed(self) -> bool:
        """Whether it failed, by an assertion or otherwise."""
        return self.outcome in ("failed", "error")


@dataclass(frozen=True, slots=True)
class ResultSet:
    """What was read: the cases in the order of the files, how many files, and what could not be read."""

    cases: tuple[CaseResult, ...] = ()
    files: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultSummary:
    """The totals of a run's tests, its slowest tests (the slowest first) and its failures in order."""

    total: int
    passed: int
    failed: int
    errors: int
    skipped: int
    time_s: float
    slowest: tuple[CaseResult, ...]
    failures: tuple[CaseResult, ...]


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds that earlier runs took, by file, by class and by the name of the test (or its suite)."""

    filename: dict[str, float] = field(default_factory=dict)
    classname: dict[str, float] = field(default_factory=dict)
    testname: dict[str, float] = field(default_factory=dict)


class _Refused(Exception):
    """A document with a document type."""


class _Reader:
    """Collects the cases of one document while it is parsed."""

    def __init__(self) -> None:
        self.cases: list[CaseResult] = []
        self._suites: list[dict[str, str]] = []
        self._case: dict[str, str] | None = None
        self._outcome: Outcome = "passed"
        self._message: list[str] = []
        self._listening = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = _local(tag)
        if tag in ("testsuite", "testsuites"):
            self._suites.append(attributes)
        elif tag == "testcase":
            self._case, self._message = attributes, []
            not_run = _NOT_RUN & {
                attributes.get("status", "").lower(),
                attributes.get("result", "").lower(),
            }
            self._outcome = "skipped" if not_run else "passed"
        elif tag in _OUTCOMES and self._case is not None:
            if self._outcome not in ("failed", "error"):
                self._outcome = _OUTCOMES[tag]
            self._message.append(attributes.get("message", ""))
            self._listening = True

    def text(self, text: str) -> None:
        if self._listening and sum(map(len, self._message)) < _MESSAGE_LIMIT:
            self._message.append(text)

    def end(self, tag: str) -> None:
        tag = _local(tag)
        if tag in ("testsuite", "testsuites"):
            self._suites.pop()
        elif tag in _OUTCOMES:
            self._listening = False
            self._message.append("\n")
        elif tag == "testcase" and self._case is not None:
            self.cases.append(self._finished(self._case))
            self._case = None

    def _finished(self, case: dict[str, str]) -> CaseResult:
        return CaseResult(
            name=case.get("name", ""),
            classname=case.get("classname") or case.get("class", ""),
            suite=self._of_suite("name"),
            file=case.get("file") or case.get("filename") or self._of_suite("file"),
            time_s=_seconds(case.get("time", "")),
            outcome=self._outcome,
            message=_message(self._message),
        )

    def _of_suite(self, key: str) -> str:
        return next((suite[key] for suite in reversed(self._suites) if suite.get(key)), "")


def parse_junit(data: bytes, name: str) -> ResultSet:
    """Read one document of JUnit XML; ``name`` is told in the warnings."""
    from xml.parsers import expat

    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse
    warnings = []
    try:
        parser.Parse(data, True)
    except _Refused:
        warnings.append(f"{name}: not read, since it has a document type (<!DOCTYPE …>)")
    except (expat.ExpatError, ValueError, LookupError) as error:
        kept = f"; the {len(reader.cases)} tests before it count" if reader.cases else ""
        warnings.append(f"{name}: not well-formed XML: {error}{kept}")
    return ResultSet(tuple(reader.cases), 1, tuple(warnings))


def _refuse(*_: object) -> None:
    raise _Refused


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _seconds(text: str) -> float:
    """Return ``1.5`` or ``1,234.5`` as seconds; 0 for what is no time."""
    try:
        seconds = float(text.replace(",", ""))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < float("inf") else 0.0


def _message(pieces: list[str]) -> str:
    """Return the words of a failure, without the message that its text says again."""
    head, text = pieces[:1], "".join(pieces[1:]).strip()
    first = "".join(head).strip()
    words = text if not first or text.startswith(first) else f"{first}\n{text}".strip()
    return words if len(words) <= _MESSAGE_LIMIT else f"{words[:_MESSAGE_LIMIT]} …"


def read_results(path: Path) -> ResultSet:
    """Read a file, or all ``*.xml`` below a folder in the order of their names.

    What is not there, a hidden folder and what cannot be read is a warning.
    """
    if path.name.startswith(".") and path.name not in (".", ".."):
        return ResultSet(warnings=(f"{path}: a hidden folder or file is not read",))
    if not path.exists():
        return ResultSet(warnings=(f"{path}: there is no such file or folder",))
    sets = [_read_file(file) for file in _xml_files(path)]
    if not sets:
        return ResultSet(warnings=(f"{path}: no *.xml file is in there",))
    return ResultSet(
        tuple(case for one in sets for case in one.cases),
        sum(one.files for one in sets),
        tuple(warning for one in sets for warning in one.warnings),
    )


def _xml_files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    top = path.resolve()
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            file = Path(folder, name)
            if name.lower().endswith(".xml") and file.resolve().is_relative_to(top):
                yield file


def _read_file(file: Path) -> ResultSet:
    if not file.is_file():
        return ResultSet(warnings=(f"{file}: not a file",))
    try:
        return parse_junit(file.read_bytes(), str(file))
    except OSError as error:
        return ResultSet(warnings=(f"{file}: cannot be read: {error.strerror}",))


def summarise(cases: Iterable[CaseResult], *, slowest: int = _SLOWEST) -> ResultSummary:
    """Count the cases, and pick the ``slowest`` and the failures."""
    cases = list(cases)
    count = {
        outcome: sum(case.outcome == outcome for case in cases)
        for outcome in ("passed", "failed", "error", "skipped")
    }
    by_time = sorted(cases, key=lambda case: (-case.time_s, case.file, case.classname, case.name))
    return ResultSummary(
        total=len(cases),
        passed=count["passed"],
        failed=count["failed"],
        errors=count["error"],
        skipped=count["skipped"],
        time_s=sum(case.time_s for case in cases),
        slowest=tuple(case for case in by_time[:slowest] if case.time_s > 0),
        failures=tuple(case for case in cases if case.failed),
    )


def timings_of(cases: Iterable[CaseResult]) -> Timings:
    """Add up the seconds by file, by class and by name; skipped tests tell nothing."""
    timings = Timings()
    suites: dict[str, float] = {}
    for case in cases:
        if case.outcome == "skipped":
            continue
        for table, name in (
            (timings.filename, normal_path(case.file) if case.file else ""),
            (timings.classname, case.classname),
            (timings.testname, case.name),
            (suites, case.suite),
        ):
            if name:
                table[name] = table.get(name, 0.0) + case.time_s
    for name, seconds in suites.items():
        timings.testname.setdefault(name, seconds)
    return timings


def normal_path(path: str) -> str:
    """Return ``./a//b`` as ``a/b``."""
    return posixpath.normpath(re.sub(r"^/+", "/", path))
