"""The program, run in this process: quicker than starting one, with the same words and exit codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pipeline.program import OrbyardProgram


@dataclass(frozen=True)
class Done:
    """How it ended, and what it printed where."""

    code: int
    out: str
    err: str


Orbyard = Callable[..., Done]


def exit_code(*words: str) -> int:
    """Run ``orbyard`` with these words, and return how it ended."""
    try:
        OrbyardProgram(name="orbyard", binary="orbyard").run(["orbyard", *words])
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def run_program(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> Done:
    """Run ``orbyard`` with these words, and return what it printed as well."""
    return Done(exit_code(*words), *capsys.readouterr())
