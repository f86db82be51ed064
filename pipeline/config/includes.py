"""``<<include(path)>>``: the text of a file in the place of a tag, when an orb is packed.

The tag is CircleCI's own, of its orb development kit: it is known in jobs, commands and executors only,
names a file from the orb's root, and may stand amid other text. Each ``<<`` of the file's text is
escaped, so that a here-document stays one.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from pipeline.config.findings import Report
from pipeline.config.nodes import Mapping, Node, Scalar, Sequence
from pipeline.config.reader import Limits
from pipeline.config.scope import mark_inside
from pipeline.errors import did_you_mean

__all__ = ["INCLUDING", "Includer"]

INCLUDING = ("jobs", "commands", "executors")
"""Sections in which the tag is known; elsewhere, as in an example, it stays text."""

_INCLUDE = re.compile(r"<<\s*include\(([-\w/.]+)\)?\s*>>")
"""The closing bracket may be missing: the command line of CircleCI takes that as well."""


class _Refused(Exception):
    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class Includer:
    """Takes files of one folder into texts.

    Args:
        folder: the orb's root; nothing outside of it is read, through links neither.
        report: takes the findings.
        limits: ``text_length`` is the most that is taken in, all repetitions counted.
    """

    def __init__(self, folder: Path, report: Report, limits: Limits) -> None:
        self._folder = folder
        self._report = report
        self._limit = limits.text_length
        self._room = limits.text_length
        self._texts: dict[str, str] = {}
        self._done: dict[int, Node] = {}

    def fill(self, node: Node) -> Node:
        """Return the node with files in place of tags; what cannot be had is reported and left."""
        if not node.dynamic:
            return node
        if id(node) not in self._done:
            self._done[id(node)] = self._filled(node)
        return self._done[id(node)]

    def _filled(self, node: Node) -> Node:
        if type(node) is Sequence:
            items = [self.fill(item) for item in node.items]
            return Sequence(items, node.mark, True, node.size, node.depth)
        if type(node) is Mapping:
            entries = {key: self.fill(item) for key, item in node.entries.items()}
            return Mapping(entries, node.keys, node.mark, True, node.size, node.depth)
        assert type(node) is Scalar
        text = _INCLUDE.sub(lambda found: self._text(found, node), node.value)
        if text == node.value:
            return node
        return Scalar(text, node.mark, node.style, "<<" in text)

    def _text(self, found: re.Match[str], node: Scalar) -> str:
        name = found[1]
        try:
            if name not in self._texts:
                self._texts[name] = self._read(name).replace("<<", "\\<<")
            self._room -= len(self._texts[name])
            if self._room < 0:
                raise _Refused(
                    f"more than {self._limit:,} characters are included, with {name!r} the last of them"
                )
        except _Refused as error:
            self._report.error(
                "include", str(error), mark_inside(node, found.start()), hint=error.hint
            )
            return found[0]
        return self._texts[name]

    def _read(self, name: str) -> str:
        root = self._folder.resolve()
        try:
            path = (root / name).resolve(strict=True)
        except (OSError, RuntimeError):  # a link in a circle is a RuntimeError before Python 3.13
            path = Path(os.path.normpath(root / name))
            if path.is_relative_to(root):
                hint = self._nearest(path, root)
                raise _Refused(f"the file {name!r} is included, and is not there", hint) from None
        if not path.is_relative_to(root):
            raise _Refused(
                f"{name!r} is outside of the orb's folder",
                "include files below the folder of @orb.yml",
            )
        if not path.is_file():
            raise _Refused(f"{name!r} is included, and is not a file")
        try:
            if path.stat().st_size > self._limit:
                raise _Refused(f"{name!r} has more than {self._limit:,} bytes")
            return path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise _Refused(f"{name!r} is not a text in UTF-8") from None
        except OSError as error:
            raise _Refused(f"{name!r} cannot be read: {error.strerror}") from None

    @staticmethod
    def _nearest(path: Path, root: Path) -> str | None:
        if not os.path.isdir(path.parent):
            return "the path counts from the folder of @orb.yml"
        with suppress(OSError):
            known = [str(file.relative_to(root)) for file in path.parent.iterdir()]
            return did_you_mean(str(path.relative_to(root)), known)
        return None
