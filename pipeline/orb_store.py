"""Where a repository's orbs come from, without the network: its own folders, and the vendored store.

    .circleci/orbs/circleci/node@5.2.0.yml     an orb of the registry
    .circleci/orbs/url/3f0c52ab1d9e4a77.yml    an orb by its URL, named after the URL's SHA-256
    .circleci/orbs/orbs.lock                   name, version and SHA-256 of each

An orb is looked for in the overrides, in ``orbs/<name>`` of the repository, then in the store.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping as Map
from functools import partial
from pathlib import Path

from pipeline.config.nodes import Source
from pipeline.config.orb_references import FoundOrb, OrbProblem, OrbReference, best_version
from pipeline.config.pack_files import name_of
from pipeline.config.packing import find_orb_folder, read_orb
from pipeline.errors import InvalidInput
from pipeline.orb_lock import Lock, read_lock

__all__ = ["STORE", "RepositoryOrbs", "open_orb", "stored_file", "stored_versions"]

STORE = Path(".circleci/orbs")
"""The vendored store, below the repository's root."""

_LARGEST_FILE = 20_000_000
"""Bytes of a file that is read at all; the compiler's own limit is far below, and says more."""


def stored_file(root: Path, reference: OrbReference) -> Path:
    """Return the store's file of an exact reference, whether it is there or not."""
    if reference.is_url:
        return root / STORE / "url" / f"{_digest(reference.name.encode())[:16]}.yml"
    # Only the label of a development version can have slashes; no version has a percent sign.
    version = reference.version.replace("/", "%2F")
    return root / STORE / reference.namespace / f"{reference.name}@{version}.yml"


def stored_versions(root: Path, reference: OrbReference) -> list[str]:
    """Return the versions of an orb that are in the store, sorted."""
    prefix = f"{reference.name}@"
    folder = root / STORE / reference.namespace
    if reference.is_url or not os.path.isdir(folder):
        return []
    names = [path.name for path in folder.iterdir() if path.suffix == ".yml"]
    return sorted(
        name.removeprefix(prefix).removesuffix(".yml").replace("%2F", "/")
        for name in names
        if name.startswith(prefix)
    )


class RepositoryOrbs:
    """Finds the orbs of a repository; an :class:`~pipeline.config.orb_references.OrbSources`.

    Args:
        root: the repository's folder.
        overrides: where to take an orb from instead, by ``namespace/name`` (or its URL): a packed file
            or an orb's folder; a relative path counts from the root.
    """

    def __init__(self, root: Path, overrides: Map[str, str | Path] | None = None) -> None:
        self._root = root
        self._overrides = {name: root / path for name, path in (overrides or {}).items()}
        self._lock: Lock | None = None

    def with_overrides(self, overrides: Map[str, str | Path]) -> RepositoryOrbs:
        """Return the same with more places to take orbs from, which win."""
        return RepositoryOrbs(self._root, {**self._overrides, **overrides})

    def find(self, reference: OrbReference) -> FoundOrb:
        """Return an orb.

        Raises:
            OrbProblem: it is not here, cannot be read, or differs from the lock file.
        """
        override = self._overrides.get(reference.orb)
        if override is not None:
            if not os.path.exists(override):
                raise OrbProblem(
                    f"the orb {reference.orb} is to come from {self._name(override)}, which is not there",
                    hint="correct its path, below `ci.orbs` in orbyard.yml",
                )
            return open_orb(override, self._root)
        return self._in_repository(reference) or self._in_store(reference)

    def _in_repository(self, reference: OrbReference) -> FoundOrb | None:
        if reference.is_url:
            return None
        folder = self._root / "orbs" / reference.name
        packed = (self._root / "orbs" / f"{reference.name}.yml", folder / "orb.yml")
        if os.path.isdir(folder) and _has_header(folder):
            return open_orb(folder, self._root)
        return next((open_orb(file, self._root) for file in packed if os.path.isfile(file)), None)

    def _in_store(self, reference: OrbReference) -> FoundOrb:
        exact = self._exact(reference)
        path = stored_file(self._root, exact)
        if not os.path.isfile(path):
            raise self._not_found(reference)
        if not path.resolve().is_relative_to((self._root / STORE).resolve()):
            raise OrbProblem(
                f"{self._name(path)} is a link that leads out of {STORE.as_posix()}",
                hint="put the file itself there",
            )
        text, digest = _read(path, self._name(path))
        locked = self._locked(exact)
        if locked is not None and locked != digest:
            raise OrbProblem(
                f"{self._name(path)} differs from what the lock file says: its SHA-256 is"
                f" {digest[:12]}…, in the lock file {locked[:12]}…",
                "orb-checksum",
                f"restore the file, or, if the change is meant, run `orbyard orb.vendor {exact} FILE`",
            )
        return FoundOrb(Source(self._name(path), text), str(exact), locked is not None)

    def _exact(self, reference: OrbReference) -> OrbReference:
        if reference.is_url:
            return reference
        version = best_version(reference.version, stored_versions(self._root, reference))
        if version is None:
            raise self._not_found(reference)
        return OrbReference(reference.namespace, reference.name, version)

    def _not_found(self, reference: OrbReference) -> OrbProblem:
        versions = stored_versions(self._root, reference)
        there = (
            f"; of its versions there {'is' if len(versions) == 1 else 'are'} {', '.join(versions)}"
        )
        return OrbProblem(
            f"the orb {reference} is neither in this repository nor in {STORE.as_posix()}"
            f"{there if versions else ''}",
            hint=f"run `orbyard orb.fetch {reference}`",
        )

    def _locked(self, exact: OrbReference) -> str | None:
        if self._lock is None:
            try:
                self._lock = read_lock(self._root / STORE)
            except InvalidInput as error:
                raise OrbProblem(f"the lock file cannot be read: {error}", "orb-checksum") from None
        return self._lock.get((exact.orb, exact.version))

    def _name(self, path: Path) -> str:
        return name_of(path, self._root)


def open_orb(path: Path, root: Path) -> FoundOrb:
    """Return the orb of a packed file or of an orb's folder; names count from ``root``.

    Raises:
        OrbProblem: the file cannot be read.
    """
    name = name_of(path, root)
    if os.path.isdir(path):
        return FoundOrb(Source(name), name, packed=partial(read_orb, path, root=root))
    return FoundOrb(Source(name, _read(path, name)[0]), name)


def _read(path: Path, name: str) -> tuple[str, str]:
    """Return a file's text and SHA-256."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise OrbProblem(f"{name} has more than {_LARGEST_FILE:,} bytes", "too-large")
        raw = path.read_bytes()
        return raw.decode("utf-8"), _digest(raw)
    except UnicodeDecodeError:
        raise OrbProblem(f"{name} is not a text in UTF-8", "yaml-syntax") from None
    except OSError as error:
        raise OrbProblem(f"{name} cannot be read: {error.strerror}") from None


def _has_header(folder: Path) -> bool:
    """Return whether a folder is an orb's source; one with ``orb.yml`` alone holds a packed orb."""
    source = find_orb_folder(folder)
    return source is not None and (source != folder or any(folder.glob("@orb.y*ml")))


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
