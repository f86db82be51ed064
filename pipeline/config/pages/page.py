"""The shape of a page that explains a code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["CodePage"]


@dataclass(frozen=True, slots=True)
class CodePage:
    """What a code means, with an example that has it and the same put right.

    Attributes:
        code: its name, as ``unknown-key``.
        text: what it means and why it is refused or unwise, in Markdown; paragraphs are separated by
            an empty line.
        bad: a configuration that has it; of an orb's folder or a continuation the file that has it.
        good: the same, put right.
        bad_files: further files of the repository for the bad example, by path.
        good_files: and for the good one.
        file: the name of ``bad`` and ``good``.
        values: pipeline values that the example is compiled with.
        task: the task that shows it: ``ci.validate``, ``orb.pack`` (of the folder ``src``), or
            ``continue``, where the file continues the setup configuration among the files.
    """

    code: str
    text: str
    bad: str
    good: str
    bad_files: Mapping[str, str] = field(default_factory=dict)
    good_files: Mapping[str, str] = field(default_factory=dict)
    file: str = ".circleci/config.yml"
    values: Mapping[str, Any] = field(default_factory=dict)
    task: Literal["ci.validate", "orb.pack", "continue"] = "ci.validate"
