"""Which cluster an environment leads to, and the guard against the wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from orbs.kubernetes.opening import find_source, open_for
from pipeline.errors import InvalidInput, Unavailable
from tests.unit.orbs.kubernetes.projects import encrypted, project
from tests.unit.orbs.kubernetes.test_kubeconfig import kubeconfig

HERE = "deploy/kubeconfig/staging.kubeconfig.enc"


def test_the_encrypted_kubeconfig_wins_over_the_machines_own(tmp_path: Path) -> None:
    (tmp_path / "own").write_text(kubeconfig("own"))
    environ = {"KUBECONFIG": str(tmp_path / "own")}
    run = project(tmp_path / "a", {HERE: encrypted(kubeconfig("lab"))}, environ=environ)
    assert find_source(run, "staging").context == "lab"
    assert find_source(run, "staging").origin == HERE
    assert find_source(run, "production").context == "own"


def test_no_kubeconfig_anywhere_says_what_to_add(tmp_path: Path) -> None:
    run = project(tmp_path, {}, environ={"HOME": str(tmp_path)})
    with pytest.raises(Unavailable) as caught:
        find_source(run, "staging")
    assert caught.value.exit_code == 3
    assert caught.value.hint is not None
    assert HERE in caught.value.hint


def test_a_context_that_is_not_there_is_told_where_it_is_set(tmp_path: Path) -> None:
    settings = "environments:\n  staging:\n    context: lba\n"
    run = project(tmp_path, {HERE: encrypted(kubeconfig("lab")), "orbyard.yml": settings})
    with pytest.raises(InvalidInput) as caught:
        find_source(run, "staging")
    assert str(caught.value.where).startswith("orbyard.yml:3:5")
    assert caught.value.hint == "did you mean 'lab'? There are: lab"


@pytest.mark.parametrize(
    ("setting", "word"),
    [
        ("expect_server: https://production.example.com", "https://production.example.com"),
        ("expect_server: http://lab.example.com", "http://lab.example.com"),
        ("expect_context: production", "'production'"),
    ],
)
def test_the_wrong_cluster_is_refused_before_it_is_spoken_to(
    tmp_path: Path, setting: str, word: str
) -> None:
    settings = f"environments:\n  staging:\n    {setting}\n"
    run = project(tmp_path, {HERE: encrypted(kubeconfig("lab")), "orbyard.yml": settings})
    with pytest.raises(InvalidInput) as caught, open_for(run, "staging"):
        pass
    assert word in caught.value.message
    assert "lab" in caught.value.message
    assert str(caught.value.where).startswith("orbyard.yml:3")


@pytest.mark.parametrize(
    "server", ["https://127.0.0.1:1", "https://127.0.0.1:1/", "127.0.0.1:1", "HTTPS://127.0.0.1:1"]
)
def test_the_right_server_passes_the_guard_however_it_is_written(
    tmp_path: Path, server: str
) -> None:
    text = kubeconfig("lab").replace("https://lab.example.com/", "https://127.0.0.1:1")
    settings = f"environments: {{staging: {{expect_server: '{server}', expect_context: lab}}}}"
    run = project(tmp_path, {HERE: encrypted(text), "orbyard.yml": settings})
    with (
        pytest.raises(Unavailable, match="refused the connection") as caught,
        open_for(run, "staging"),
    ):
        pass
    assert "https://127.0.0.1:1 (context 'lab')" in caught.value.message
