"""Shared by the tests of the warnings."""

from __future__ import annotations

from pipeline.config.compiler import check
from pipeline.config.findings import Finding

RUNS_BUILD = """
workflows:
  main:
    jobs:
      - build
"""


def warned(text: str, *codes: str) -> list[Finding]:
    """Return the findings of some codes in a configuration, which has to be without errors."""
    findings = check(text.lstrip("\n"))
    assert not [found for found in findings if found.severity == "error"], findings
    return [found for found in findings if found.code in codes]


def places(text: str, *codes: str) -> list[str]:
    """Return where the findings of some codes are, as paths of keys."""
    return [str(found.where.key) for found in warned(text, *codes)]


def job(steps: str = "[checkout]", more: str = "") -> str:
    """Return a configuration of one job."""
    return f"""
version: 2.1
jobs:
  build:
    docker: [{{image: cimg/base:current}}]
    {more}
    steps: {steps}
{RUNS_BUILD}"""
