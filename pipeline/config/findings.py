"""What the compiler has to say of a configuration: errors and warnings, each with its place.

A :class:`Report` collects them while the compiler goes on, so that one run shows all there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from pipeline.config.codes import CODES
from pipeline.config.nodes import Mapping, Mark, Node, Sequence, Source
from pipeline.errors import InvalidInput, Location, Problem

__all__ = ["ConfigError", "Exhausted", "Finding", "Frame", "Poisoned", "Report"]

_MOST_FINDINGS = 200
"""Findings after which no more are kept: nobody reads further, and hostile input can make millions."""

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


class Report:
    """Collects findings; the same one is kept once, with the first call chain that led to it.

    Args:
        disabled: codes of warnings that are not wanted.
    """

    def __init__(self, disabled: Iterable[str] = ()) -> None:
        self._disabled = frozenset(disabled)
        self._found: dict[tuple[str, str, int, int, str], Finding] = {}
        self._roots: dict[int, tuple[Source, Node]] = {}
        self._lines: dict[tuple[int, int], str] = {}
        self._paths: dict[int, tuple[dict[tuple[int, int], str], dict[tuple[int, int], str]]] = {}
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
        """
        self._add(code, "error", message, at, key, hint, frame)
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
        self.error_count += severity == "error"
        if identity in self._found or len(self._found) >= _MOST_FINDINGS:
            return
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
        keys, nodes = self._index(mark.source)
        place = (mark.line, mark.column)
        first, second = (keys, nodes) if by_key else (nodes, keys)
        path = first.get(place) or second.get(place) or _nearest(nodes, place)
        return Location(mark.source.name, mark.line, mark.column, path)

    def _index(
        self, source: Source
    ) -> tuple[dict[tuple[int, int], str], dict[tuple[int, int], str]]:
        if id(source) not in self._paths:
            keys: dict[tuple[int, int], str] = {}
            nodes: dict[tuple[int, int], str] = {}
            if id(source) in self._roots:
                _index_paths(self._roots[id(source)][1], "", source, keys, nodes, set())
            self._paths[id(source)] = (keys, nodes)
        return self._paths[id(source)]


def _mark(at: Node | Mark, key: str | None) -> Mark:
    if isinstance(at, Mark):
        return at
    if key is not None and isinstance(at, Mapping):
        return at.key_mark(key)
    return at.mark


def _nearest(nodes: dict[tuple[int, int], str], place: tuple[int, int]) -> str:
    """Return the path of the last node that begins before a place, as inside of a long text."""
    before = [found for found in nodes if found <= place]
    return nodes[max(before)] if before else ""


def _index_paths(
    node: Node,
    path: str,
    source: Source,
    keys: dict[tuple[int, int], str],
    nodes: dict[tuple[int, int], str],
    seen: set[int],
) -> None:
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.mark.source is source:
        nodes.setdefault((node.mark.line, node.mark.column), path)
    if isinstance(node, Mapping):
        for key, value in node.entries.items():
            below = join_path(path, key)
            mark = node.key_mark(key)
            if mark.source is source:
                keys.setdefault((mark.line, mark.column), below)
            _index_paths(value, below, source, keys, nodes, seen)
    elif isinstance(node, Sequence):
        for i, item in enumerate(node.items):
            _index_paths(item, f"{path}[{i}]", source, keys, nodes, seen)


def join_path(path: str, key: str) -> str:
    """Return the path of a key below a path; a key with odd characters stands in quotes."""
    name = key if key.replace("-", "").replace("_", "").isalnum() else f'"{key}"'
    return f"{path}.{name}" if path else name
