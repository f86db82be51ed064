"""Files that ``init`` writes: the templates they are made of, and putting them on the disk.

A template is a text file beside the orb that owns it. ``@app@`` and the like are replaced, and the end
of a line may say when the line is wanted::

    replicas: 2                    #-hpa           without the optional part hpa
    serviceAccountName: @app@      #+iam-role      with iam-role
    value: a                       #+ingress #-assets
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Literal

from pipeline.errors import InvalidInput, Location
from pipeline.orb import ScaffoldFile

__all__ = [
    "PlannedFile",
    "fill_template",
    "join_files",
    "plan_files",
    "read_template",
]

_CONDITIONS = re.compile(r"(?:\s+#[+-][a-z0-9-]+)+$")
_CONDITION = re.compile(r"#([+-])([a-z0-9-]+)")
_NAME = re.compile(r"@([a-z_]+)@")

Action = Literal["create", "replace", "append", "keep"]


def read_template(package: str, name: str) -> str:
    """Return a template's text; ``package`` holds the file."""
    return resources.files(package).joinpath(name).read_text(encoding="utf-8")


def fill_template(text: str, values: Mapping[str, str], parts: Collection[str]) -> str:
    """Return a template filled in.

    Args:
        text: the template.
        values: what stands for ``@name@``; an unknown name is a KeyError.
        parts: the optional parts that are wanted.
    """
    lines = [_CONDITIONS.sub("", line) for line in text.splitlines() if _wanted(line, parts)]
    return _NAME.sub(lambda match: values[match[1]], "\n".join(lines) + "\n")


def _wanted(line: str, parts: Collection[str]) -> bool:
    conditions = _CONDITIONS.search(line)
    if not conditions:
        return True
    found = _CONDITION.findall(conditions[0])
    return all((name in parts) == (sign == "+") for sign, name in found)


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file, and what is to be done with it.

    Attributes:
        file: path and text; of ``append`` the lines that are to be added.
        action: ``keep`` leaves the file that is there as it is.
        before: what stands there now, or None.
    """

    file: ScaffoldFile
    action: Action
    before: str | None = None

    @property
    def text(self) -> str:
        """What stands in the file afterwards (before any encryption)."""
        if self.action != "append" or self.before is None:
            return self.file.text
        gap = "" if not self.before or self.before.endswith("\n") else "\n"
        return f"{self.before}{gap}\n{self.file.text}"


def join_files(files: Iterable[ScaffoldFile]) -> list[ScaffoldFile]:
    """Return the files with the texts for one path joined, in the order of the paths."""
    found: dict[str, ScaffoldFile] = {}
    for file in files:
        earlier = found.get(file.path)
        joined = replace(file, text=f"{earlier.text}\n{file.text}") if earlier else file
        found[file.path] = joined
    return [found[path] for path in sorted(found)]


def plan_files(
    root: Path, files: Sequence[ScaffoldFile], *, force: bool = False
) -> list[PlannedFile]:
    """Say what is to be done with each file; nothing is changed.

    Args:
        root: the folder that the paths are relative to.
        files: what is wanted, each path once.
        force: replace files that are there; those with ``append`` only ever get their missing lines.

    Raises:
        InvalidInput: a path is a folder, leads out of the root, or cannot be read.
    """
    return [_plan(root, file, force) for file in files]


def _plan(root: Path, file: ScaffoldFile, force: bool) -> PlannedFile:
    path = root / file.path
    if not path.resolve().is_relative_to(root.resolve()):
        raise InvalidInput("this path leads out of the project", where=Location(file.path))
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot be read: {error}", where=Location(file.path)) from error
    if before is None:
        return PlannedFile(file, "create")
    if file.append:
        missing = missing_lines(before, file.text)
        return PlannedFile(replace(file, text=missing), "append" if missing else "keep", before)
    return PlannedFile(file, "replace" if force else "keep", before)


def missing_lines(before: str, wanted: str) -> str:
    """Return those lines of ``wanted`` that a list of patterns such as .gitignore lacks.

    A later pattern wins over an earlier one there, so an exception (``!…``) comes again after a
    pattern that is added; comments and blank lines come with the lines that they stand above.
    """
    present = {line.strip() for line in before.splitlines()}
    result: list[str] = []
    pending: list[str] = []
    for line in wanted.splitlines():
        if not line.strip() or line.startswith("#"):
            pending.append(line)
        elif line.strip() not in present or (result and line.startswith("!")):
            result += [*pending, line]
            pending = []
        else:
            pending = []
    return "\n".join(result).strip("\n") + "\n" if result else ""
