"""What the compiler has to say of a configuration: errors and warnings, each with its place.

A :class:`Report` collects them while the compiler goes on, so that one run shows all there is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.config.codes import CODES
from pipeline.config.nodes import Mapping, Mark, Node, Sequence, Source
from pipeline.errors import InvalidInput, Location, Problem

__all__ = ["ConfigError", "Exhausted", "Finding", "Frame", "Poisoned", "Report", "until_exhausted"]

_MOST_FINDINGS = 200
"""Errors after which the compiler gives up, and warnings after which no more are kept: nobody reads
further, and hostile input can make millions."""

_MOST_ERRORS = 1000
"""Errors after which the compiler gives up where they are the same ones again, through other calls."""

_LONGEST_KEY = 100
"""Characters of a key that a path shows."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A call that leads to a place: ``workflow 'w'``, ``job 'build'``, ``command 'node/install'``."""

    kind: str
    name: str
    mark: Mark
    parent: Frame | None = None

    def chain(self) -> tuple[Frame, ...]:
        """Return the calls, outermost first."""
        frames: list[Frame] = []
        here: Frame | None = self
        while here is not None:
            frames.append(here)
            here = here.parent
        return tuple(reversed(frames))


@dataclass(frozen=True, slots=True)
class Call:
    """A call on the way to a finding, as it is shown: what was called, and where."""

    kind: str
    name: str
    where: Location

    def __str__(self) -> str:
        return f"Error calling {self.kind}: '{self.name}'"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong or unwise.

    Attributes:
        code: its kind, as ``unknown-key``; each has a page in ``docs/config-codes``.
        severity: ``error`` or ``warning``.
        message: what was found, and what was expected.
        where: file, line and column from 1, and the path of keys (``jobs.build.steps[3].run``).
        hint: what to do.
        calls: the calls that lead there, outermost first, where the mistake shows only through them.
        line_text: the line it stands on, for the excerpt.
        line_before: the line above that one; "" for the first.
    """

    code: str
    severity: Severity
    message: str
    where: Location
    hint: str | None = None
    calls: tuple[Call, ...] = ()
    line_text: str = field(default="", compare=False)
    line_before: str = field(default="", compare=False)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data: the shape that ``--json`` prints."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": self.where.file,
            "line": self.where.line,
            "column": self.where.column,
            "path": self.where.key,
            "hint": self.hint,
            "calls": [
                {
                    "kind": call.kind,
                    "name": call.name,
                    "file": call.where.file,
                    "line": call.where.line,
                    "column": call.where.column,
                }
                for call in self.calls
            ],
        }


class ConfigError(InvalidInput):
    """A configuration cannot be compiled; ``findings`` has every error, and every warning."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        errors = [finding for finding in self.findings if finding.severity == "error"]
        files = sorted({finding.where.file for finding in errors})
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        super().__init__(
            f"{count} in {', '.join(files)}",
            problems=[
                Problem(
                    f"{finding.message} [{finding.code}]",
                    finding.where,
                    finding.hint,
                )
                for finding in errors
            ],
        )


class Poisoned(Exception):
    """What was to be compiled has an error, which is reported already. Never leaves the compiler."""


class Exhausted(Exception):
    """The configuration is beyond a limit, which is reported: nothing more is looked at.

    Unlike :class:`Poisoned` it is caught at the very top only, since going on with the next thing would
    go on for ever. Never leaves the compiler.
    """


@contextmanager
def until_exhausted(report: Report, start: Mark) -> Iterator[None]:
    """Leave off where a limit is reached, or where calls and conditions are nested beyond reason."""
    try:
        yield
    except Exhausted:
        pass
    except RecursionError:
        with suppress(Exhausted):
            report.error("too-large", "calls, lists and conditions are nested too deeply", start)


class Report:
    """Collects findings; the same one is kept once, with the first call chain that led to it.

    Args:
        disabled: codes of warnings that are not wanted.
        gives_up: whether very many errors raise :class:`Exhausted`; else they are no longer kept.
    """

    def __init__(self, disabled: Iterable[str] = (), *, gives_up: bool = False) -> None:
        self._disabled = frozenset(disabled)
        self._gives_up = gives_up
        self._found: dict[tuple[str, str, int, int, str], Finding] = {}
        self._roots: dict[int, tuple[Source, Node]] = {}
        self._lines: dict[tuple[int, int], str] = {}
        self._paths: dict[int, _Paths] = {}
        self._kept = {"error": 0, "warning": 0}
        self.error_count = 0

    def know(self, source: Source, root: Node) -> None:
        """Take note of a document, in which places are then named by their path of keys."""
        self._roots[id(source)] = (source, root)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, by file and place."""
        order = {source.name: i for i, (source, _) in enumerate(self._roots.values())}
        return tuple(
            sorted(
                self._found.values(),
                key=lambda found: (
                    order.get(found.where.file, len(order)),
                    found.where.file,
                    found.where.line,
                    found.where.column,
                    found.code,
                    found.message,
                ),
            )
        )

    def error(
        self,
        code: str,
        message: str,
        at: Node | Mark,
        *,
        key: str | None = None,
        hint: str | None = None,
        frame: Frame | None = None,
    ) -> Poisoned:
        """Take note of an error, and return what may be raised to leave the place.

        Args:
            code: its kind.
            message: what was found and what was expected.
            at: the node or place; with ``key`` the mapping that has the key.
            key: the key that is meant.
            hint: what to do.
            frame: the call through which the compiler got there.

        Raises:
            Exhausted: there are so many errors that looking for more is of no use; see ``gives_up``.
        """
        self.error_count += 1
        self._add(code, "error", message, at, key, hint, frame)
        many = self._kept["error"] >= _MOST_FINDINGS or self.error_count >= _MOST_ERRORS
        if many and self._gives_up:
            raise Exhausted
        return Poisoned(message)

    def warn(
        self,
        code: str,
        message: str,
        at: Node | Mark,
        *,
        key: str | None = None,
        hint: str | None = None,
    ) -> None:
        """Take note of something unwise."""
        if code not in self._disabled:
            self._add(code, "warning", message, at, key, hint, None)

    def _add(
        self,
        code: str,
        severity: Severity,
        message: str,
        at: Node | Mark,
        key: str | None,
        hint: str | None,
        frame: Frame | None,
    ) -> None:
        assert CODES[code].severity == severity, code
        mark = _mark(at, key)
        identity = (code, mark.source.name, mark.line, mark.column, message)
        if identity in self._found or self._kept[severity] >= _MOST_FINDINGS:
            return
        self._kept[severity] += 1
        by_key = key is not None or isinstance(at, Mark)
        self._found[identity] = Finding(
            code,
            severity,
            message,
            self.location(mark, by_key=by_key),
            hint,
            tuple(Call(f.kind, f.name, self.location(f.mark)) for f in frame.chain())
            if frame
            else (),
            self._line(mark.source, mark.line),
            self._line(mark.source, mark.line - 1),
        )

    def _line(self, source: Source, number: int) -> str:
        """Return a line of a source, the same text each time: one line may be the whole file."""
        if number < 1:
            return ""
        place = (id(source), number)
        if place not in self._lines:
            self._lines[place] = source.line(number)
        return self._lines[place]

    def location(self, mark: Mark, *, by_key: bool = False) -> Location:
        """Return a place with its path of keys."""
        if id(mark.source) not in self._paths:
            _, root = self._roots.get(id(mark.source), (None, None))
            self._paths[id(mark.source)] = _Paths(mark.source, root)
        path = self._paths[id(mark.source)].path((mark.line, mark.column), by_key=by_key)
        return Location(mark.source.name, mark.line, mark.column, path)


def _mark(at: Node | Mark, key: str | None) -> Mark:
    if isinstance(at, Mark):
        return at
    if key is not None and isinstance(at, Mapping):
        return at.key_mark(key)
    return at.mark


_Place = tuple[int, int]
_Step = tuple[Any, str | int]
"""A key or the number of an item, and the step before it; a path's text is put together when it is
asked for, since the texts of all paths of a document may be far longer than the document."""


class _Paths:
    """The paths of keys of a document, by their places."""

    def __init__(self, source: Source, root: Node | None) -> None:
        self._source = source
        self._keys: dict[_Place, _Step | None] = {}
        self._nodes: dict[_Place, _Step | None] = {}
        self._seen: set[int] = set()
        if root is not None:
            self._read(root, None)
        self._places = sorted(self._nodes)

    def path(self, place: _Place, *, by_key: bool) -> str:
        """Return the path of a place: of the key there or of the value, whichever is asked for first.

        For a place inside of a long text it is that of the last value that begins before it.
        """
        first, second = (self._keys, self._nodes) if by_key else (self._nodes, self._keys)
        step = first.get(place) or second.get(place)
        if step is None:
            before = bisect_right(self._places, place)
            step = self._nodes[self._places[before - 1]] if before else None
        return _written(step)

    def _read(self, node: Node, step: _Step | None) -> None:
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if node.mark.source is self._source:
            self._nodes.setdefault((node.mark.line, node.mark.column), step)
        if isinstance(node, Mapping):
            for key, value in node.entries.items():
                below = (step, key)
                mark = node.key_mark(key)
                if mark.source is self._source:
                    self._keys.setdefault((mark.line, mark.column), below)
                self._read(value, below)
        elif isinstance(node, Sequence):
            for i, item in enumerate(node.items):
                self._read(item, (step, i))


def _written(step: _Step | None) -> str:
    steps: list[str | int] = []
    while step is not None:
        step, name = step
        steps.append(name)
    path = ""
    for name in reversed(steps):
        path = f"{path}[{name}]" if isinstance(name, int) else join_path(path, name)
    return path


def join_path(path: str, key: str) -> str:
    """Return the path of a key below a path; a key with odd characters stands in quotes."""
    if len(key) > _LONGEST_KEY:
        key = key[: _LONGEST_KEY - 1] + "…"
    name = key if key.replace("-", "").replace("_", "").isalnum() else f'"{key}"'
    return f"{path}.{name}" if path else name
