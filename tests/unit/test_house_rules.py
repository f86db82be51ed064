"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*PROJECT.glob("pipeline/**/*.py"), *PROJECT.glob("orbs/**/*.py")])

REVEALING = {
    "orbs/kubernetes/connection.py",
    "orbs/kubernetes/opening.py",
    "orbs/kubernetes/render.py",
    "orbs/kubernetes/tls.py",
    "orbs/rails/credentials.py",
    "orbs/rails/install_run.py",
    "orbs/rails/registry.py",
    "pipeline/orb_fetch.py",
    "pipeline/variable_file.py",
}
"""The files that may look into a Secret; each of them hands it straight on to who needs it."""


def calls_reveal(path: Path) -> bool:
    tree = ast.parse(path.read_text())
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "reveal"
        for node in ast.walk(tree)
    )


def test_secrets_are_revealed_in_the_listed_files_alone() -> None:
    assert {str(path.relative_to(PROJECT)) for path in SOURCES if calls_reveal(path)} == REVEALING


@pytest.mark.parametrize("package", ["pipeline", "orbs.rails", "orbs.sops", "orbs.kubernetes"])
def test_every_name_a_package_lists_is_there(package: str) -> None:
    module = importlib.import_module(package)
    assert len(set(module.__all__)) == len(module.__all__)
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


def test_the_generated_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, PROJECT / "docs" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT,
    )
    assert done.returncode == 0, done.stderr
