"""Packs a folder of small YAML files into the one document that they stand for.

The layout is that of CircleCI's orb development kit and ``config pack``: files at the root are merged at
the root, a folder there is a section, a file in it an element of that name; ``@name.yml`` is merged into
its section; deeper folders bring order only. Hidden files, and files that are not YAML, are passed over.

Where CircleCI's command line does something else:

====================================  =============================  ==============================
what                                  there                          here
====================================  =============================  ==============================
an element or key in two files        the later one wins, unless     an error that names both
                                      deeper folders clash
a section in two root files           the later one wins             both are merged
a list item with a key torn off       a warning                      an error
anchors of other files                only those without aliases     all
a link that leads out of the folder   is followed                    an error
====================================  =============================  ==============================
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipeline.config.findings import ConfigError, Report
from pipeline.config.includes import INCLUDING, Includer
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, any_dynamic
from pipeline.config.pack_files import PackFile, PackReader, name_of
from pipeline.config.reader import Limits
from pipeline.errors import InvalidInput

__all__ = ["find_orb_folder", "pack_config", "pack_orb", "packed_data", "read_orb"]

_HEADERS = ("@orb.yml", "@orb.yaml", "orb.yml", "orb.yaml")


def pack_orb(path: Path, *, root: Path | None = None, limits: Limits = Limits()) -> Mapping:  # noqa: B008
    """Return an orb as one document, with the files that it includes in place.

    Args:
        path: its folder (the one with ``@orb.yml``, or with ``src/@orb.yml``), or its packed file.
        root: the folder that file names in messages count from; they are as given without it.
        limits: sizes beyond which it is refused.

    Raises:
        InvalidInput: there is no such file or folder.
        ConfigError: files cannot be read or packed, with everything that is wrong.
    """
    report = Report()
    packed = read_orb(path, report, limits, root=root)
    if packed is None or report.error_count:
        raise ConfigError(report.findings)
    return packed


def pack_config(path: Path, *, root: Path | None = None, limits: Limits = Limits()) -> Mapping:  # noqa: B008
    """Return a configuration that is split into files as one document; see :func:`pack_orb`."""
    report = Report()
    _check_there(path)
    packed = _pack(path, PackReader(path, report, limits, root), report, limits)
    if packed is None or report.error_count:
        raise ConfigError(report.findings)
    return packed


def read_orb(
    path: Path, report: Report, limits: Limits, *, root: Path | None = None
) -> Mapping | None:
    """Return an orb as one document, as :func:`pack_orb` does; findings go to the report.

    Returns:
        The document; None where something is wrong, since what follows from that helps nobody.

    Raises:
        InvalidInput: there is no such file or folder.
    """
    _check_there(path)
    before = report.error_count
    folder = find_orb_folder(path) if path.is_dir() else path
    reader = PackReader(folder or path, report, limits, root)
    if folder is None:
        reader.refuse(
            path,
            f"there is no @orb.yml in {name_of(path, root)}: an orb's folder has one",
            "@orb.yml holds `version: 2.1` and the description; elements have files of their own",
        )
        return None
    packed = _pack(folder, reader, report, limits)
    if packed is None:
        return None
    includer = Includer(folder if folder.is_dir() else folder.parent, report, limits)
    entries = {
        key: includer.fill(node) if key in INCLUDING else node
        for key, node in packed.entries.items()
    }
    filled = _joined(entries, packed.keys, packed.mark)
    _tell(report, reader, filled)
    return filled if report.error_count == before else None


def find_orb_folder(path: Path) -> Path | None:
    """Return the folder of an orb's source: the one given or its ``src``, where ``@orb.yml`` stands."""
    for folder in (path, path / "src"):
        if any(os.path.isfile(folder / name) for name in _HEADERS):
            return folder
    return None


def packed_data(node: Node) -> Any:
    """Return plain values with the keys of every mapping sorted, as a packed file is printed."""
    if type(node) is Scalar:
        return node.value
    if type(node) is Sequence:
        return [packed_data(item) for item in node.items]
    assert type(node) is Mapping
    return {key: packed_data(node.entries[key]) for key in _sorted(node.entries)}


def _check_there(path: Path) -> None:
    if not os.path.exists(path):
        raise InvalidInput(f"there is no file or folder {path}")


def _tell(report: Report, reader: PackReader, root: Mapping) -> None:
    """Let the report name places by their keys in the packed document."""
    for source in reader.sources:
        report.know(source, root)


def _pack(path: Path, reader: PackReader, report: Report, limits: Limits) -> Mapping | None:
    files = list(reader.files()) if path.is_dir() else [PackFile(path)]
    contents = list(reader.contents(files))
    if not files:
        reader.refuse(path, "there are no YAML files to pack")
    if not contents:
        return None
    if not path.is_dir():
        root = contents[0][1]
    else:
        merger = _Merger(report)
        for file, content in contents:
            merger.add(file, content)
        root = merger.merged(contents[0][1].mark)
    _tell(report, reader, root)
    if root.size > limits.nodes:
        report.error("too-large", f"more than {limits.nodes:,} values", root)
        return None
    return root


class _Merger:
    """Puts the contents of files together; an element that is there twice is reported."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._root: dict[str, Node] = {}
        self._keys: dict[str, Mark] = {}
        self._sections: dict[str, tuple[dict[str, Node], dict[str, Mark]]] = {}

    def add(self, file: PackFile, content: Mapping) -> None:
        start = Mark(content.mark.source, 1, 1)
        if file.name:
            content = _joined({file.name: content}, {file.name: start}, start)
        if file.section and content.entries:
            content = _joined({file.section: content}, {file.section: start}, start)
        for key, node in content.entries.items():
            self._add_top(key, node, content)

    def _add_top(self, key: str, node: Node, content: Mapping) -> None:
        known = self._root.get(key)
        if known is None or _is_null(known):
            self._root[key], self._keys[key] = node, content.key_mark(key)
        elif type(known) is Mapping and type(node) is Mapping:
            entries, marks = self._sections.setdefault(key, (dict(known.entries), dict(known.keys)))
            for name, element in node.entries.items():
                if name not in entries or _is_null(entries[name]):
                    entries[name], marks[name] = element, node.key_mark(name)
                elif not _same(entries[name], element):
                    self._refuse(node, name, f"'{key}/{name}'", marks[name])
        elif not _is_null(node) and not _same(known, node):
            self._refuse(content, key, repr(key), self._keys[key])

    def _refuse(self, at: Mapping, key: str, shown: str, first: Mark) -> None:
        self._report.error(
            "pack",
            f"{shown} is in {first.source.name} already",
            at,
            key=key,
            hint="give one of them another name, or remove it",
        )

    def merged(self, mark: Mark) -> Mapping:
        for key, (entries, marks) in self._sections.items():
            ordered = {name: entries[name] for name in _sorted(entries)}
            self._root[key] = _joined(ordered, marks, self._root[key].mark)
        return _joined({key: self._root[key] for key in _sorted(self._root)}, self._keys, mark)


def _joined(entries: dict[str, Node], keys: dict[str, Mark], mark: Mark) -> Mapping:
    size, depth = 1, 0
    for node in entries.values():
        if isinstance(node, Scalar):
            size += 1
        else:
            size += node.size
            depth = max(depth, node.depth + 1)
    return Mapping(entries, keys, mark, any_dynamic(entries.values()), size, depth)


def _is_null(node: Node) -> bool:
    return type(node) is Scalar and node.value is None


def _same(one: Node, other: Node) -> bool:
    """Return whether two values are equal scalars, as ``version: 2.1`` in two files."""
    if type(one) is not Scalar or type(other) is not Scalar:
        return False
    return type(one.value) is type(other.value) and bool(one.value == other.value)


def _sorted(names: Iterable[str]) -> list[str]:
    """Return names in the order of CircleCI's command line: numbers by value, letters last."""

    def order(name: str) -> list[tuple[int, int, str]]:
        return [_part_order(part) for part in re.findall(r"[0-9]+|.", name, re.DOTALL)]

    return sorted(names, key=order)


def _part_order(part: str) -> tuple[int, int, str]:
    if "0" <= part[0] <= "9":
        digits = part.lstrip("0")
        return 1, len(digits), digits
    return 2 if part.isalpha() else 0, 0, part
