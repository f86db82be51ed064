"""What an orb is to the engine: a folder below ``orbs`` with tasks, settings and capabilities.

``orbs`` is a namespace package, so that a repository's own ``orbs/`` folder and other installed
distributions add to the set. An orb's package may hold:

``tasks.py``
    ``namespace``: an Invoke collection; its tasks and sub-collections appear at the top level.
``settings.py``
    ``SECTIONS``: section name -> frozen dataclass (see :mod:`pipeline.settings`).
``__init__.py``
    ``PROVIDES``: capability name -> ``"module:function"``, loaded when it is first asked for. This is
    how orbs work together without knowing each other:

    ==============  ==========================================================================
    ``decrypt``     ``(run, path: Path) -> Secret``: the text of an encrypted file; its secret
                    values are masked in the run's output from then on
    ``encrypt``     ``(run, text: str, path: Path) -> str``: the encrypted form of ``text`` for
                    ``path`` by the repository's own rules
    ``image``       ``(run) -> str``: builds and pushes what is checked out; its reference by digest
    ``image-name``  ``(run) -> str``: the name that ``image`` would push to, without building
    ``scaffold``    ``(ScaffoldOptions) -> list[ScaffoldFile | ScaffoldNote]``: what ``init`` writes,
                    and what it tells the user to do next
    ``extras``      ``() -> Mapping[str, str]``: the optional parts that its scaffold knows, by
                    name, and what each adds
    ==============  ==========================================================================
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pipeline.errors import Unavailable

if TYPE_CHECKING:
    from invoke.collection import Collection

__all__ = [
    "Orb",
    "ScaffoldFile",
    "ScaffoldNote",
    "ScaffoldOptions",
    "capabilities",
    "capability",
    "find_orbs",
    "load_sections",
    "load_tasks",
]


@dataclass(frozen=True, slots=True)
class Orb:
    """An orb that was found: its name (``rails``) and the folder of its package."""

    name: str
    folder: Path

    @property
    def package(self) -> str:
        """The import name, ``orbs.rails``."""
        return f"orbs.{self.name}"


@dataclass(frozen=True, slots=True)
class ScaffoldOptions:
    """What ``init`` was asked to write.

    Attributes:
        app: the application's name, a DNS label (``hoge-app``).
        repository: the image's repository, without a tag.
        environments: names such as ``staging``.
        root: the repository's folder, read to fit the files to it.
        extras: optional parts by name (``ingress``, ``hpa`` …).
        recipients: key of the secrets by kind (``age``, ``kms``).
    """

    app: str
    repository: str
    environments: tuple[str, ...]
    root: Path
    extras: frozenset[str] = frozenset()
    recipients: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ScaffoldFile:
    """A file that ``init`` writes, ``path`` relative to the root; an encrypted one never touches the
    disk in plain text. ``append`` adds the missing lines to a file that is there already. Texts of
    several orbs for one path are joined.
    """

    path: str
    text: str
    encrypted: bool = False
    append: bool = False


@dataclass(frozen=True, slots=True)
class ScaffoldNote:
    """What is left to do after ``init``, in a sentence; ``lines`` are shown below it as they are."""

    text: str
    lines: tuple[str, ...] = ()


def find_orbs(root: Path | None = None) -> list[Orb]:
    """Return every orb that can be imported, by name; ``root/orbs`` is looked into as well."""
    if root is not None and (root / "orbs").is_dir() and str(root) not in sys.path:
        sys.path.append(str(root))
    import orbs

    found = {
        module.name: Orb(module.name, Path(module.module_finder.path) / module.name)  # type: ignore[union-attr]  # a FileFinder
        for module in pkgutil.iter_modules(orbs.__path__)
        if module.ispkg
    }
    return [found[name] for name in sorted(found)]


def load_tasks(orb: Orb) -> Collection | None:
    """Return the orb's Invoke collection, or None where it has no tasks."""
    module = _import_part(orb, "tasks")
    return getattr(module, "namespace", None) if module else None


def load_sections(orbs: list[Orb]) -> dict[str, type]:
    """Return the settings sections of the engine and of all orbs, by their name in orbyard.yml."""
    from pipeline.ci_settings import SECTIONS

    sections: dict[str, type] = dict(SECTIONS)
    for orb in orbs:
        module = _import_part(orb, "settings")
        sections |= getattr(module, "SECTIONS", {}) if module else {}
    return sections


def capabilities(name: str, orbs: list[Orb] | None = None) -> list[Callable[..., Any]]:
    """Return what the orbs provide under that name, in the order of the orbs' names."""
    found = []
    for orb in find_orbs() if orbs is None else orbs:
        target = getattr(importlib.import_module(orb.package), "PROVIDES", {}).get(name)
        if target:
            module, _, attribute = target.partition(":")
            found.append(getattr(importlib.import_module(module), attribute))
    return found


def capability(name: str, orbs: list[Orb] | None = None) -> Callable[..., Any]:
    """Return the one thing provided under that name.

    Raises:
        Unavailable: no orb provides it.
    """
    found = capabilities(name, orbs)
    if not found:
        raise Unavailable(
            f"no orb provides {name!r}", hint="is the orb that does installed, or in orbs/?"
        )
    return found[0]


def _import_part(orb: Orb, part: str) -> ModuleType | None:
    name = f"{orb.package}.{part}"
    if not (orb.folder / f"{part}.py").exists():
        return None
    return importlib.import_module(name)
