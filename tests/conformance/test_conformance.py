"""Runs the cases of ``cases/``: each rule of CircleCI's configuration, by its number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conformance.support import Case, load_cases, run_case

CASES = Path(__file__).parent / "cases"


@pytest.mark.parametrize("case", load_cases(CASES), ids=str)
def test_a_configuration_does_what_the_rule_says(case: Case, tmp_path: Path) -> None:
    problems: list[Any] = run_case(case, tmp_path)
    assert problems == []


def test_every_rule_has_cases_that_hold_and_cases_that_are_refused() -> None:
    cases = load_cases(CASES)
    assert len(cases) >= 400
    for number in range(1, 136):
        own = [case for case in cases if case.rule == f"C{number}"]
        assert [case for case in own if not case.is_refused], f"C{number} has no case that holds"
        assert [case for case in own if case.is_refused], f"C{number} has no case that is refused"
