"""All rules together."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config.codes import CODES
from pipeline.config.compiler import check
from pipeline.config.lint import RULES

ELSEWHERE = {"always-true", "ignored-key", "serial-group-twice", "orb-not-locked"}
"""Warnings of the compiler itself."""


def test_every_warning_has_a_rule() -> None:
    warnings = {code.name for code in CODES.values() if code.severity == "warning"}
    assert {code for codes, _ in RULES for code in codes} == warnings - ELSEWHERE


ODD = [
    "null",
    "5",
    "text",
    "[]",
    "{}",
    "[[]]",
    "[null, 5]",
    "{a: }",
    "{a: [b]}",
    "<< parameters.x >>",
    "[{}]",
]
SHAPES = [
    "orbs: {o: %s}",
    "orbs: {o: {commands: %s}}",
    "orbs: {o: {orbs: %s}}",
    "commands: %s",
    "commands: {c: %s}",
    "commands: {c: {parameters: %s, steps: %s}}",
    "commands: {c: {parameters: {x: %s}, steps: [{c: %s}]}}",
    "executors: {e: %s}",
    "jobs: %s",
    "jobs: {build: {docker: %s, environment: %s, steps: %s}}",
    "jobs: {build: {docker: [{image: %s, environment: %s, auth: %s}], steps: [checkout]}}",
    "jobs: {build: {machine: {image: %s}, executor: %s, branches: %s, steps: []}}",
    "jobs: {build: {macos: {xcode: %s}, executor: {name: %s, a: %s}}}",
    "jobs: {build: {steps: [{run: {command: %s, environment: %s}}]}}",
    "jobs: {build: {steps: [{save_cache: {key: %s}}, {restore_cache: {keys: %s}}]}}",
    "jobs: {build: {steps: [{when: %s}, {steps: %s}, {setup_remote_docker: %s}]}}",
    "jobs: {build: {steps: [{save_cache: %s}, {deploy: %s}, {setup_remote_docker: {version: %s}}]}}",
    "job-groups: {g: %s}",
    "job-groups: {g: {jobs: %s}}",
    "parameters: %s",
    "workflows: %s",
    "workflows: {w: %s}",
    "workflows: {w: {jobs: %s}}",
    "workflows: {w: {jobs: [{build: %s}]}}",
    "workflows: {w: {jobs: [{build: {requires: %s, filters: %s, matrix: %s}}]}}",
    "workflows: {w: {jobs: [{build: {filters: {branches: %s, tags: %s}, pre-steps: %s}}]}}",
    "workflows: {w: {jobs: [{a: {name: %s}}, {b: {requires: [%s], filters: {branches: {only: %s}}}}]}}",
    "workflows: {w: {jobs: [{build: {matrix: {parameters: %s, alias: %s}, override-with: %s}}]}}",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_rule_stumbles_over_malformed_parts(shape: str) -> None:
    for odd in ODD:
        check("version: 2.1\n" + shape.replace("%s", odd))
        check("version: 2\n" + shape.replace("%s", odd))


def test_a_warning_that_is_not_wanted_is_not_given() -> None:
    text = "version: 2.1\njobs: {build: {machine: true, steps: [checkout]}}\n"
    assert [found.code for found in check(text)] == ["deprecated-image"]
    assert check(text, disabled=["deprecated-image"]) == ()


def test_each_rule_is_tested_in_a_file_of_its_own() -> None:
    import pipeline.config.lint as package

    here = Path(__file__).parent
    helpers = {"__init__", "references", "survey", "surveyor", "secret_shapes"}
    for module in Path(str(package.__file__)).parent.glob("*.py"):
        assert module.stem in helpers or (here / f"test_{module.stem}.py").exists(), module.stem
