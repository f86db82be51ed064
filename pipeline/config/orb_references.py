"""References to orbs, and the places they are looked for in; nothing here asks the network."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from pipeline.config.findings import Report
from pipeline.config.nodes import Node, Source
from pipeline.config.reader import Limits, read_document

__all__ = [
    "FoundOrb",
    "NoOrbs",
    "OrbProblem",
    "OrbReference",
    "OrbSources",
    "best_version",
    "parse_reference",
]

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
_REFERENCE = re.compile(rf"({_NAME})/({_NAME})@(.+)\Z")
_VERSION = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,2}\Z")
_FULL_VERSION = re.compile(r"[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}\Z")
_LABEL = re.compile(r"dev:[A-Za-z0-9_./-]+\Z")


@dataclass(frozen=True, slots=True)
class OrbReference:
    """``circleci/node@5.2``: an orb of the registry, and which version; or an orb's URL.

    Attributes:
        namespace: before the slash; "" for a URL.
        name: after it; the URL itself for a URL.
        version: ``5``, ``5.2``, ``5.2.0``, ``volatile`` or ``dev:label``; "" for a URL.
    """

    namespace: str
    name: str
    version: str

    @property
    def is_url(self) -> bool:
        """Whether the orb is named by its URL."""
        return not self.namespace

    @property
    def orb(self) -> str:
        """``namespace/name``, or the URL."""
        return self.name if self.is_url else f"{self.namespace}/{self.name}"

    def __str__(self) -> str:
        return self.name if self.is_url else f"{self.orb}@{self.version}"


@dataclass(frozen=True, slots=True)
class FoundOrb:
    """An orb's text, and what its reference was resolved to.

    Attributes:
        source: the packed orb; of one that is packed from a folder only its name.
        resolved: ``circleci/node@5.2.0``, or the file's path.
        locked: whether the lock file vouches for it; None where it is not a vendored one.
        packed: reads an orb of several files, and tells the report of them.
    """

    source: Source
    resolved: str
    locked: bool | None = None
    packed: Callable[[Report, Limits], Node | None] | None = None

    def read(self, report: Report, limits: Limits) -> Node | None:
        """Return the orb's document; None where it is empty or has an error, which is then reported."""
        if self.packed is not None:
            return self.packed(report, limits)
        root = read_document(self.source, report, limits)
        if root is not None:
            report.know(self.source, root)
        return root


class OrbProblem(Exception):
    """An orb cannot be had; ``code`` is that of the finding, ``hint`` says what to do."""

    def __init__(self, message: str, code: str = "orb-not-found", hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


class OrbSources(Protocol):
    """Where orbs come from."""

    def find(self, reference: OrbReference) -> FoundOrb:
        """Return an orb; raises :class:`OrbProblem`."""


class NoOrbs:
    """Knows no orb but those that are written in the configuration."""

    def find(self, reference: OrbReference) -> FoundOrb:
        """Raise OrbProblem."""
        raise OrbProblem(f"the orb {reference} is not here")


def parse_reference(text: str) -> OrbReference:
    """Read a reference.

    Raises:
        OrbProblem: it is malformed.
    """
    if text.startswith("https://"):
        return OrbReference("", text, "")
    found = _REFERENCE.match(text)
    if not found:
        raise OrbProblem(
            f"{text!r} is not a reference to an orb",
            "orb-reference",
            "write it as namespace/name@version, with the version 1, 1.2, 1.2.3, volatile or dev:label",
        )
    version = found[3]
    if version != "volatile" and not _VERSION.match(version) and not _LABEL.match(version):
        raise OrbProblem(
            f"{version!r} is not a version of an orb",
            "orb-reference",
            "a version is 1, 1.2, 1.2.3, volatile or dev:label",
        )
    return OrbReference(found[1], found[2], version)


def best_version(wanted: str, available: Iterable[str]) -> str | None:
    """Return the version that a reference means, of those there are.

    ``1`` is the newest 1.x.y, ``1.2`` the newest 1.2.y, ``volatile`` the newest of all.

    >>> best_version("1", ["1.9.0", "1.10.0", "2.0.0"])
    '1.10.0'
    """
    if wanted.startswith("dev:"):
        return wanted if wanted in set(available) else None
    numbered = {
        tuple(int(part) for part in version.split(".")): version
        for version in available
        if _FULL_VERSION.match(version)
    }
    prefix = () if wanted == "volatile" else tuple(int(part) for part in wanted.split("."))
    fitting = [numbers for numbers in numbered if numbers[: len(prefix)] == prefix]
    return numbered[max(fitting)] if fitting else None
