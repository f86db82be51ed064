"""Which files the pre-commit hook checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

HOOKS = Path(__file__).resolve().parents[4] / ".pre-commit-hooks.yaml"


def is_checked(path: str) -> bool:
    hooks = {hook["id"]: hook for hook in yaml.safe_load(HOOKS.read_text(encoding="utf-8"))}
    return re.search(hooks["orbyard-ci-validate"]["files"], path) is not None


@pytest.mark.parametrize(
    "name",
    ["config.yml", "config.yaml", "continue_config.yml", "setup-config.yml", "continue.yml"],
)
def test_configurations_are_checked(name: str) -> None:
    assert is_checked(f".circleci/{name}")


@pytest.mark.parametrize(
    "path",
    [
        ".circleci/orbs/acme/config@1.0.0.yml",
        ".circleci/orbs/orbs.lock",
        ".circleci/src/@config.yml",
        ".circleci/jobs/build.yml",
        ".circleci/packages.yml",
        "app/.circleci/config.yml",
        "config.yml",
    ],
)
def test_orbs_parts_of_configurations_and_other_files_are_not(path: str) -> None:
    assert not is_checked(path)
