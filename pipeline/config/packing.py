"""Packs a folder of small YAML files into the one document that they stand for.

The layout is that of CircleCI's orb development kit and ``config pack``: files at the root are merged at
the root, a folder there is a section, a file in it an element of that name; ``@name.yml`` is merged into
its section; deeper folders bring order only. Hidden files, and files that are not YAML, are passed over.

Deviations from CircleCI's command line:

=====================================  ==============================  ================================
what                                   there                           here
=====================================  ==============================  ================================
an element or key in two files         the later one wins, unless       an error that names both
                                       folders are nested
a section in two root files            the later one wins              merged
a list item with a key torn off        a warning                       an error
an anchor of another file that has     not known there                 known
aliases inside
a link that leads out of the folder    is followed                     an error
=====================================  ==============================  ================================
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.findings import ConfigError, Report
from pipeline.config.includes import INCLUDING, Includer
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, Source, any_dynamic, walk
from pipeline.config.reader import Limits, read_document
from pipeline.config.values import yaml_type
from pipeline.errors import InvalidInput

__all__ = ["find_orb_folder", "name_of", "pack_config", "pack_orb", "packed_data", "read_orb"]

_MOST_FILES = 10_000
_HEADERS = ("@orb.yml", "@orb.yaml", "orb.yml", "orb.yaml")
_TORN_OFF = frozenset(
    ["requires", "context", "filters", "matrix", "name", "type", "pre-steps", "post-steps", "serial-group", "parameters", "command"]
)
"""Keys that belong to the key above them: beside one without a value they are indented too little."""


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
    packed = _Packer(path, report, limits, root).pack()
    if packed is None or report.error_count:
        raise ConfigError(report.findings)
    return packed


def read_orb(
    path: Path, report: Report, limits: Limits, *, root: Path | None = None
) -> Mapping | None:
    """Return an orb as one document, as :func:`pack_orb` does; findings go to the report.

    Raises:
        InvalidInput: there is no such file or folder.
    """
    _check_there(path)
    folder = path
    if path.is_dir():
        found = find_orb_folder(path)
        if found is None:
            report.error(
                "pack",
                f"there is no @orb.yml in {name_of(path, root)}: an orb's folder has one",
                Mark(Source(name_of(path, root)), 0, 0),
                hint="@orb.yml holds `version: 2.1` and the description; elements have files of their own",
            )
            return None
        folder = found
    packer = _Packer(folder, report, limits, root)
    packed = packer.pack()
    if packed is None:
        return None
    includer = Includer(folder if folder.is_dir() else folder.parent, report, limits)
    entries = {
        key: includer.fill(node) if key in INCLUDING else node
        for key, node in packed.entries.items()
    }
    filled = joined(entries, packed.keys, packed.mark)
    packer.tell(filled)
    return filled


def find_orb_folder(path: Path) -> Path | None:
    """Return the folder of an orb's source: the one given or its ``src``, where ``@orb.yml`` stands."""
    for folder in (path, path / "src"):
        if any((folder / name).is_file() for name in _HEADERS):
            return folder
    return None


def name_of(path: Path, root: Path | None) -> str:
    """Return the name that a file goes by in messages."""
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return str(path)


def packed_data(node: Node) -> Any:
    """Return plain values with the keys of every mapping sorted, as a packed file is printed."""
    if type(node) is Scalar:
        return node.value
    if type(node) is Sequence:
        return [packed_data(item) for item in node.items]
    assert type(node) is Mapping
    return {key: packed_data(node.entries[key]) for key in _sorted(node.entries)}


def joined(entries: dict[str, Node], keys: dict[str, Mark], mark: Mark) -> Mapping:
    """Return a mapping with its sizes."""
    size = 1 + sum(1 if type(node) is Scalar else node.size for node in entries.values())
    depth = max((node.depth + 1 for node in entries.values() if type(node) is not Scalar), default=0)
    return Mapping(entries, keys, mark, any_dynamic(entries.values()), size, depth)


def _check_there(path: Path) -> None:
    if not path.exists():
        raise InvalidInput(f"there is no file or folder {path}")


def _sorted(names: Iterable[str]) -> list[str]:
    """Return names in the order of CircleCI's command line: numbers by value, letters last."""

    def order(name: str) -> list[tuple[int, int, str]]:
        parts = re.findall(r"\d+|.", name, re.DOTALL)
        return [
            (1, int(part), part) if part.isdecimal() else (2 if part.isalpha() else 0, 0, part)
            for part in parts
        ]

    return sorted(names, key=order)


@dataclass(frozen=True, slots=True)
class _File:
    """A file: its path, the section it belongs to ("" at the root), its element's name or ""."""

    path: Path
    section: str
    name: str


class _Packer:
    def __init__(self, path: Path, report: Report, limits: Limits, root: Path | None) -> None:
        self._path = path
        self._report = report
        self._limits = limits
        self._root = root
        self._room = limits.text_length
        self._sources: list[Source] = []
        self._places: dict[tuple[str, str], Mark] = {}

    def tell(self, root: Mapping) -> None:
        """Let the report name places by their keys in the packed document."""
        for source in self._sources:
            self._report.know(source, root)

    def pack(self) -> Mapping | None:
        if not self._path.is_dir():
            return self._single()
        top: dict[str, Node] = {}
        keys: dict[str, Mark] = {}
        first: Mark | None = None
        for file, node in self._contents(list(self._files())):
            first = first or node.mark
            if not file.section:
                self._merge(node, top, keys, "")
                continue
            self._add_section(file, node, top, keys)
        for key, node in top.items():
            if type(node) is Mapping and len({m.source for m in node.keys.values()}) > 1:
                ordered = {name: node.entries[name] for name in _sorted(node.entries)}
                top[key] = joined(ordered, node.keys, node.mark)
        if first is None:
            first = Mark(Source(name_of(self._path, self._root)), 0, 0)
            self._report.error("pack", f"there are no YAML files in {first.source.name}", first)
            return None
        root = joined({key: top[key] for key in _sorted(top)}, keys, first)
        self.tell(root)
        if root.size > self._limits.nodes:
            self._report.error("too-large", f"more than {self._limits.nodes:,} values", root)
            return None
        return root

    def _single(self) -> Mapping | None:
        file = _File(self._path, "", "")
        found = dict(self._contents([file]))
        self.tell(found[file]) if file in found else None
        return found.get(file)

    # Files --------------------------------------------------------------------------------------

    def _files(self) -> Iterator[_File]:
        count = 0
        for path, above in _walk(self._path, ()):
            count += 1
            if count > _MOST_FILES:
                self._refuse(path, f"more than {_MOST_FILES:,} files")
                return
            if path.is_symlink() and not path.resolve().is_relative_to(self._path.resolve()):
                self._refuse(path, "this is a link that leads out of the folder that is packed")
            elif path.is_file():
                name = "" if path.name.startswith("@") or not above else path.stem
                yield _File(path, above[0] if above else "", name)

    def _refuse(self, path: Path, message: str) -> None:
        self._report.error("pack", message, Mark(Source(name_of(path, self._root)), 0, 0))

    def _contents(self, files: list[_File]) -> Iterator[tuple[_File, Mapping]]:
        """Yield the files with what they hold.

        A file may have aliases of anchors in others. So each is read by itself first; those that have
        a mistake then are read again, with the anchors of all the others.
        """
        anchors: dict[str, Node] = {}
        read: list[tuple[_File, Source, Node | None, bool]] = []
        for file in files:
            source = self._source(file.path)
            if source is None:
                continue
            alone, own = Report(), dict[str, Node]()
            node = read_document(source, alone, self._limits, anchors=own)
            read.append((file, source, node, not alone.error_count))
            if not alone.error_count:
                anchors |= own
        for file, source, node, sound in read:
            if not sound:
                node = read_document(source, self._report, self._limits, others=anchors)
            content = self._mapping(source, node, sound)
            if content is not None:
                yield file, content

    def _source(self, path: Path) -> Source | None:
        source = Source(name_of(path, self._root))
        start = Mark(source, 0, 0)
        try:
            size = path.stat().st_size
            self._room -= size
            if self._room < 0:
                limit = f"the limit is {self._limits.text_length:,} for all files together"
                self._report.error("too-large", f"{size:,} bytes; {limit}", start)
                return None
            source = Source(source.name, path.read_bytes().decode("utf-8"))
        except UnicodeDecodeError:
            self._report.error("yaml-syntax", "Unable to parse YAML: this is not UTF-8", start)
            return None
        except OSError as error:
            self._report.error("pack", f"it cannot be read: {error.strerror}", start)
            return None
        self._sources.append(source)
        return source

    def _mapping(self, source: Source, node: Node | None, sound: bool) -> Mapping | None:
        if node is None:
            return Mapping({}, {}, Mark(source, 1, 1)) if sound else None
        if type(node) is Scalar and node.value is None:
            return Mapping({}, {}, node.mark)
        if type(node) is not Mapping:
            self._report.error(
                "not-a-mapping",
                f"{source.name} has to be one mapping to be packed, found: {yaml_type(node)}",
                node,
            )
            return None
        self._check_torn_off(node)
        return node

    def _check_torn_off(self, root: Mapping) -> None:
        for node in walk(root):
            for item in node.items if type(node) is Sequence else ():
                if type(item) is not Mapping:
                    continue
                empty = [k for k in item.entries if item.get(k) is None and k not in _TORN_OFF]
                torn = [k for k in item.entries if item.get(k) is not None and k in _TORN_OFF]
                if empty and torn:
                    self._report.error(
                        "pack",
                        f"{empty[0]!r} has no value, and shares a list item with {torn[0]!r}",
                        item,
                        key=torn[0],
                        hint=f"indent {torn[0]!r} further, to be below {empty[0]!r}",
                    )

    # Merging ------------------------------------------------------------------------------------

    def _add_section(
        self, file: _File, content: Mapping, top: dict[str, Node], keys: dict[str, Mark]
    ) -> None:
        start = Mark(content.mark.source, 1, 1)
        if file.name:
            content = joined({file.name: content}, {file.name: start}, start)
        section = joined({file.section: content}, {file.section: start}, start)
        self._merge(section, top, keys, "")

    def _merge(
        self, new: Mapping, into: dict[str, Node], keys: dict[str, Mark], section: str
    ) -> None:
        for key, node in new.entries.items():
            known = into.get(key)
            if known is None or (type(known) is Scalar and known.value is None):
                into[key], keys[key] = node, new.key_mark(key)
            elif not section and type(known) is Mapping and type(node) is Mapping:
                entries, marks = dict(known.entries), dict(known.keys)
                self._merge(node, entries, marks, key)
                into[key] = joined(entries, marks, known.mark)
            elif not _same(known, node):
                self._report.error(
                    "pack",
                    f"{f'{section}/{key}' if section else key!r} is in {keys[key].source.name} already",
                    new,
                    key=key,
                    hint="give one of them another name, or remove it",
                )


def _same(one: Node, other: Node) -> bool:
    """Return whether two values are equal scalars, as ``version: 2.1`` in two files."""
    if type(one) is not Scalar or type(other) is not Scalar:
        return False
    return type(one.value) is type(other.value) and bool(one.value == other.value)


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the YAML files below a folder in the order of their names, with the folders above each."""
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), (*above, entry.name))
        elif entry.name.endswith((".yml", ".yaml")):
            yield Path(entry.path), above
