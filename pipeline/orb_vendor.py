"""Puts orbs into the vendored store, with the orbs that they import, and keeps the lock file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.findings import ConfigError, Report
from pipeline.config.nodes import Mapping, Node, Scalar, Source
from pipeline.config.orb_references import (
    FoundOrb,
    OrbProblem,
    OrbReference,
    OrbSources,
    best_version,
    parse_reference,
)
from pipeline.config.reader import Limits
from pipeline.errors import InvalidInput, Unavailable
from pipeline.orb_fetch import FetchedOrb
from pipeline.orb_lock import read_lock, write_lock
from pipeline.orb_store import STORE, stored_file
from pipeline.whole_file import write_whole

__all__ = ["Declared", "Vendored", "declared_orbs", "fetch_all", "read_reference", "vendor"]

_MOST_ORBS = 200
"""Orbs that one run fetches; as many as a configuration may have."""


@dataclass(frozen=True, slots=True)
class Declared:
    """An orb that a document declares: its alias, and the reference, which is None where a tag is in it."""

    alias: str
    written: str
    reference: OrbReference | None


@dataclass(frozen=True, slots=True)
class Vendored:
    """An orb in the store: its exact reference and its file."""

    reference: OrbReference
    path: Path


def read_reference(text: str) -> OrbReference:
    """Read a reference that was given on the command line.

    Raises:
        InvalidInput: it is malformed.
    """
    try:
        return parse_reference(text)
    except OrbProblem as problem:
        raise InvalidInput(str(problem), hint=problem.hint) from None


def declared_orbs(found: FoundOrb) -> list[Declared]:
    """Return the orbs that a configuration or orb declares, those of its inline orbs too.

    Raises:
        ConfigError: the document cannot be read, or a reference is malformed.
    """
    report = Report()
    root = found.read(report, Limits())
    declared = list(_declared(root, "", report)) if root is not None else []
    if report.error_count:
        raise ConfigError(report.findings)
    return declared


def _declared(node: Node, inside: str, report: Report) -> Iterator[Declared]:
    stanza = node.get("orbs") if type(node) is Mapping else None
    if type(stanza) is not Mapping:
        return
    for alias, value in stanza.entries.items():
        name = f"{inside}{alias}"
        if type(value) is Mapping:
            yield from _declared(value, f"{name}/", report)
        elif type(value) is Scalar and isinstance(value.value, str):
            try:
                reference = None if value.dynamic else parse_reference(value.value)
            except OrbProblem as problem:
                report.error(problem.code, str(problem), value, hint=problem.hint)
                continue
            yield Declared(name, value.value, reference)


def vendor(root: Path, reference: OrbReference, text: str) -> Vendored:
    """Write an orb into the store and the lock file.

    Args:
        root: the repository's folder.
        reference: with its exact version.
        text: the packed orb.

    Raises:
        InvalidInput: the version is not an exact one, or the store is a link out of the repository.
        Unavailable: the files cannot be written.
    """
    parts = reference.version.split(".")
    if not reference.is_url and not reference.version.startswith("dev:") and len(parts) != 3:
        raise InvalidInput(
            f"{reference} is not an exact version",
            hint=f"write one as {reference.orb}@1.2.3 or {reference.orb}@dev:label",
        )
    path = stored_file(root, reference)
    store = root / STORE
    if not (_is_inside(store, root) and _is_inside(path.parent, store)):
        raise InvalidInput(f"{path.parent} is a link that leads out of {STORE.as_posix()}")
    lock = read_lock(store)
    try:
        raw = text.encode("utf-8")
        write_whole(path, raw)
        lock[reference.orb, reference.version] = hashlib.sha256(raw).hexdigest()
        write_lock(store, lock)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
    return Vendored(reference, path)


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def fetch_all(
    root: Path,
    references: Iterable[OrbReference],
    *,
    fetch: Callable[[OrbReference], FetchedOrb],
    here: OrbSources,
    update: bool = False,
    always: bool = False,
) -> Iterator[Vendored]:
    """Fetch orbs into the store, and the orbs that they import; yield each that was written.

    Args:
        root: the repository's folder.
        references: the orbs.
        fetch: gets one, as :func:`~pipeline.orb_fetch.fetch_orb`.
        here: where orbs are found that need not be fetched.
        update: whether to ask again for those whose version is a partial one, or may change.
        always: whether to fetch the orbs named even if they are here.
    """
    todo = list(references)
    named = len(todo)
    seen: set[str] = set()
    while todo:
        reference = todo.pop(0)
        asked = always and named > 0
        named -= 1
        if str(reference) in seen:
            continue
        seen.add(str(reference))
        if len(seen) > _MOST_ORBS:
            raise InvalidInput(f"more than {_MOST_ORBS} orbs, with those that orbs import")
        found = None if asked else _found_here(reference, here)
        if found is not None and found.locked is not None and update and _may_change(reference):
            found = None  # a vendored one; those of the repository's own folders are what they are
        if found is None:
            answer = fetch(reference)
            exact = OrbReference(reference.namespace, reference.name, _exact(reference, answer))
            seen.add(str(exact))
            imported = declared_orbs(FoundOrb(Source(str(exact), answer.text), str(exact)))
            yield vendor(root, exact, answer.text)
        else:
            imported = declared_orbs(found)
        todo += [orb.reference for orb in imported if orb.reference is not None]


def _exact(reference: OrbReference, found: FetchedOrb) -> str:
    """Return the version that was given; it has to be one that was asked for."""
    if reference.is_url:
        return ""
    if reference.version.startswith("dev:"):
        return reference.version
    if best_version(reference.version, [found.version]) is None:
        raise InvalidInput(
            f"the answer for {reference} is the version {found.version!r}, which it does not mean"
        )
    return found.version


def _may_change(reference: OrbReference) -> bool:
    version = reference.version
    return reference.is_url or version.startswith(("dev:", "volatile")) or version.count(".") < 2


def _found_here(reference: OrbReference, here: OrbSources) -> FoundOrb | None:
    try:
        return here.find(reference)
    except OrbProblem as problem:
        if problem.code == "orb-not-found":
            return None
        raise InvalidInput(str(problem), hint=problem.hint) from None
