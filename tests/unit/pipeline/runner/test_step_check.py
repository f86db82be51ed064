"""Mistakes in steps that are told before a run."""

from __future__ import annotations

import pytest

from pipeline.config import compile as compile_config
from pipeline.errors import InvalidInput
from pipeline.runner.step_check import check_steps

CONFIG = """
version: 2.1
jobs:
  build:
    docker: [{image: debian}]
    SHELL
    steps:
      - run: echo
      - STEP
"""


def check(step: str, shell: str = "") -> list[str]:
    text = CONFIG.replace("STEP", step).replace("SHELL", f"shell: {shell}" if shell else "")
    try:
        check_steps(compile_config(text).jobs.values())
    except InvalidInput as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize(
    "key",
    [
        'v1-{{ checksum "Gemfile.lock" }}-{{ arch }}-{{ epoch }}',
        "v1-{{ .Branch }}-{{ .Revision }}-{{ .BuildNum }}-{{ .Environment.ANY }}",
        "plain",
    ],
)
def test_a_key_that_can_be_made_is_none(key: str) -> None:
    assert check(f"save_cache: {{key: '{key}', paths: [a]}}") == []


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("save_cache: {key: '{{ checksum Gemfile.lock }}', paths: [a]}", "in quotes"),
        ("restore_cache: {keys: [good, '{{ .Brunch }}']}", "Brunch"),
        ("restore_cache: {key: '{{ oops }}'}", "oops"),
        ('run: {command: echo, shell: "bash \'"}', "cannot be read"),
    ],
)
def test_a_mistake_is_told_with_its_place(step: str, words: str) -> None:
    (problem,) = check(step)
    assert words in problem
    assert ":9:" in problem


def test_the_shell_of_a_job_is_looked_at_once() -> None:
    assert len(check("run: echo", shell='"bash \'"')) == 1
