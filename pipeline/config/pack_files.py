"""The YAML files of a folder that is packed: which there are, where each belongs, what it holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.findings import Report
from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence, Source, walk
from pipeline.config.reader import Limits, read_document
from pipeline.config.values import yaml_type

__all__ = ["PackFile", "PackReader", "name_of"]

_MOST_FILES = 10_000
_TORN_OFF = (
    *("requires", "context", "filters", "matrix", "name", "type", "pre-steps", "post-steps"),
    *("serial-group", "parameters", "command"),
)
"""Keys that belong to the key above them: beside one without a value they are indented too little."""


def name_of(path: Path, root: Path | None) -> str:
    """Return the name that a file goes by in messages: counted from ``root`` where it is inside."""
    if root is not None and path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return str(path)


@dataclass(frozen=True, slots=True)
class PackFile:
    """A file: its path, the section it belongs to ("" at the root), its element's name or ""."""

    path: Path
    section: str = ""
    name: str = ""


class PackReader:
    """Reads the files of a folder; what is wrong is reported.

    Args:
        folder: the folder.
        report: takes the findings.
        limits: ``text_length`` is that of all files together.
        root: the folder that names count from.
    """

    def __init__(self, folder: Path, report: Report, limits: Limits, root: Path | None) -> None:
        self._folder = folder
        self._report = report
        self._limits = limits
        self._root = root
        self._room = limits.text_length
        self.sources: list[Source] = []

    def files(self) -> Iterator[PackFile]:
        """Yield the files: those of the root first, then each folder's by name."""
        home = Path(os.path.realpath(self._folder))
        for count, (path, above) in enumerate(self._walk()):
            if count == _MOST_FILES:
                self.refuse(path, f"more than {_MOST_FILES:,} files")
                return
            if not Path(os.path.realpath(path)).is_relative_to(home):
                self.refuse(path, "this is a link that leads out of the folder that is packed")
            elif os.path.isfile(path):
                name = "" if path.name.startswith("@") or not above else path.stem
                yield PackFile(path, above[0] if above else "", name)

    def _walk(self) -> Iterator[tuple[Path, tuple[str, ...]]]:
        """Yield the YAML files with the folders above each; links to folders are left out."""
        todo: list[tuple[Path, tuple[str, ...]]] = [(self._folder, ())]
        while todo:
            here, above = todo.pop()
            try:
                with os.scandir(here) as listed:
                    entries = sorted(listed, key=lambda entry: entry.name)
            except OSError as error:
                self.refuse(here, f"the folder cannot be read: {error.strerror}")
                continue
            below = []
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below.append((Path(entry.path), (*above, entry.name)))
                elif entry.name.endswith((".yml", ".yaml")):
                    yield Path(entry.path), above
            todo += reversed(below)

    def refuse(self, path: Path, message: str, hint: str | None = None) -> None:
        """Report a file or folder that cannot be packed."""
        start = Mark(Source(name_of(path, self._root)), 0, 0)
        self._report.error("pack", message, start, hint=hint)

    def contents(self, files: list[PackFile]) -> Iterator[tuple[PackFile, Mapping]]:
        """Yield the files with what they hold.

        A file may have aliases of anchors in others. So each is read by itself first; those that have
        a mistake then are read again, with the anchors of all the others.
        """
        anchors: dict[str, Node] = {}
        read: list[tuple[PackFile, Source, Node | None, bool]] = []
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
            self._room -= path.stat().st_size
            if self._room < 0:
                most = f"{self._limits.text_length:,} bytes"
                self._report.error("too-large", f"the files have more than {most} together", start)
                return None
            source = Source(source.name, path.read_bytes().decode("utf-8"))
        except UnicodeDecodeError:
            self._report.error("yaml-syntax", "Unable to parse YAML: this is not UTF-8", start)
            return None
        except OSError as error:
            self._report.error("pack", f"it cannot be read: {error.strerror}", start)
            return None
        self.sources.append(source)
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
