"""The tasks orb.* and config.*, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.pipeline.orb_server import serving_orbs

PROJECT = Path(__file__).resolve().parents[3]


def write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def orbyard(folder: Path, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from pipeline.program import main; main()", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "NO_COLOR": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    write(
        tmp_path,
        {
            ".git/HEAD": "",
            ".circleci/config.yml": (
                "version: 2.1\norbs:\n  own: acme/own@1\n  tools: acme/tools@1\n"
                "  far: circleci/node@5\n  inner: {orbs: {deep: acme/deep@2.0.0}}\n"
                "  turned: acme/x@<< pipeline.parameters.v >>\n"
            ),
            "orbs/own/src/@orb.yml": "version: 2.1\n",
            "orbs/own/src/commands/go.yml": "steps:\n  - run: <<include(scripts/go.sh)>>\n",
            "orbs/own/src/scripts/go.sh": "cat <<EOF\nEOF\n",
        },
    )
    return tmp_path


def test_an_orb_is_packed_to_standard_output(repository: Path) -> None:
    done = orbyard(repository, "orb.pack", "orbs/own")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "commands:\n  go:\n    steps:\n    - run: |\n        cat \\<<EOF\n        EOF\nversion: 2.1\n"
    )


def test_a_split_configuration_is_packed(repository: Path) -> None:
    write(
        repository,
        {
            "parts/@config.yml": "version: 2.1\n",
            "parts/jobs/a.yml": "steps: [run: <<include(x)>>]\n",
        },
    )
    done = orbyard(repository, "config.pack", "parts")
    assert done.returncode == 0
    assert done.stdout == "jobs:\n  a:\n    steps:\n    - run: <<include(x)>>\nversion: 2.1\n"


def test_what_cannot_be_packed_is_shown_with_its_file(repository: Path) -> None:
    write(repository, {"orbs/own/src/commands/bad.yml": "steps: [\n"})
    done = orbyard(repository, "orb.pack", "orbs/own")
    assert (done.returncode, done.stdout) == (2, "")
    assert "orbs/own/src/commands/bad.yml:" in done.stderr


def test_a_valid_orb_is_called_valid(repository: Path) -> None:
    done = orbyard(repository, "orb.validate", "orbs/own")
    assert (done.returncode, done.stdout) == (0, "Orb at orbs/own is valid.\n")


def test_an_invalid_orb_is_shown_and_its_findings_are_data_for_programs(repository: Path) -> None:
    write(repository, {"orbs/own/src/commands/bad.yml": "steps: [nowhere]\n"})
    done = orbyard(repository, "orb.validate", "orbs/own")
    assert done.returncode == 2
    assert "orbs/own/src/commands/bad.yml:1:9" in done.stdout
    done = orbyard(repository, "orb.validate", "orbs/own", "--json")
    content = json.loads(done.stdout)
    assert (done.returncode, content["valid"]) == (2, False)
    assert [finding["code"] for finding in content["findings"]] == ["unknown-command"]


def test_a_file_that_is_not_there_is_bad_input(repository: Path) -> None:
    for task in ("orb.pack", "orb.validate", "config.pack"):
        done = orbyard(repository, task, "nothing.yml")
        assert done.returncode == 2
        assert "nothing.yml" in done.stderr
        assert "unexpected" not in done.stderr


def test_an_orb_is_vendored_and_found_there(repository: Path) -> None:
    write(
        repository,
        {"other/@orb.yml": "version: 2.1\n", "other/commands/a.yml": "steps: [checkout]\n"},
    )
    done = orbyard(repository, "orb.vendor", "acme/tools@1.4.0", "other")
    assert done.returncode == 0
    assert "acme/tools@1.4.0 is in .circleci/orbs/acme/tools@1.4.0.yml" in done.stderr
    rows = [line.split() for line in orbyard(repository, "orb.list").stdout.splitlines()]
    assert rows == [
        ["orb", "reference", "from", "locked"],
        ["own", "acme/own@1", "orbs/own"],
        ["tools", "acme/tools@1", ".circleci/orbs/acme/tools@1.4.0.yml", "yes"],
        ["far", "circleci/node@5", "missing"],
        ["inner/deep", "acme/deep@2.0.0", "missing"],
        ["turned", "acme/x@<<", "pipeline.parameters.v", ">>", "depends", "on", "a", "value"],
    ]


def test_a_partial_version_cannot_be_vendored(repository: Path) -> None:
    done = orbyard(repository, "orb.vendor", "acme/tools@1", "orbs/own")
    assert done.returncode == 2
    assert "acme/tools@1.2.3" in done.stderr


def test_what_is_declared_and_missing_is_fetched_and_the_rest_is_left(repository: Path) -> None:
    token = "a-token-nobody-may-see"
    with serving_orbs() as server:
        server.orbs = {
            "acme/tools@1": ("1.4.0", "version: 2.1\norbs: {own: acme/own@1}\n"),
            "circleci/node@5": ("5.2.0", "version: 2.1\n"),
            "acme/deep@2.0.0": ("2.0.0", "version: 2.1\n"),
        }
        environ = {"CIRCLECI_CLI_HOST": server.url, "CIRCLECI_CLI_TOKEN": token}
        done = orbyard(repository, "orb.fetch", **environ)
        assert done.returncode == 0, done.stderr
        assert "circleci/node@5.2.0 is in .circleci/orbs/circleci/node@5.2.0.yml" in done.stderr
        assert "'turned'" in done.stderr
        assert token not in done.stdout + done.stderr
        asked = [seen.body["variables"]["orbVersionRef"] for seen in server.seen]
        assert asked == ["acme/tools@1", "circleci/node@5", "acme/deep@2.0.0"]
        again = orbyard(repository, "orb.fetch", **environ)
        assert "nothing was fetched" in again.stderr
        assert len(server.seen) == 3
    lock = (repository / ".circleci/orbs/orbs.lock").read_text()
    assert [line for line in lock.splitlines() if "name" in line] == [
        "- name: acme/deep",
        "- name: acme/tools",
        "- name: circleci/node",
    ]


def test_fetching_says_what_it_could_not_reach_and_never_the_token(repository: Path) -> None:
    token = "a-token-nobody-may-see"
    done = orbyard(
        repository,
        "orb.fetch",
        "circleci/node@5",
        "--host",
        f"http://127.0.0.1:9/{token}?",
        CIRCLECI_CLI_TOKEN=token,
    )
    assert done.returncode in (2, 3)
    assert token not in done.stdout + done.stderr


def test_an_orb_that_is_named_is_fetched(repository: Path) -> None:
    with serving_orbs() as server:
        server.orbs = {"circleci/node@5": ("5.2.0", "version: 2.1\n")}
        done = orbyard(repository, "orb.fetch", "circleci/node@5", "--host", server.url)
        assert done.returncode == 0, done.stderr
        asked = [seen.body["variables"]["orbVersionRef"] for seen in server.seen]
    assert asked == ["circleci/node@5"]
    assert (repository / ".circleci/orbs/circleci/node@5.2.0.yml").exists()


def test_a_configuration_without_orbs_has_nothing_to_fetch(repository: Path) -> None:
    write(repository, {".circleci/config.yml": "version: 2.1\n"})
    done = orbyard(repository, "orb.fetch")
    assert done.returncode == 0
    assert "declares no orbs" in done.stderr


def test_an_orb_that_was_changed_is_listed_as_not_what_the_lock_says(repository: Path) -> None:
    assert orbyard(repository, "orb.vendor", "acme/tools@1.4.0", "orbs/own").returncode == 0
    with (repository / ".circleci/orbs/acme/tools@1.4.0.yml").open("a") as file:
        file.write("# changed\n")
    listed = orbyard(repository, "orb.list").stdout
    assert "not what the lock file says; see `orbyard ci.validate`" in listed


def test_a_malformed_reference_is_bad_input(repository: Path) -> None:
    done = orbyard(repository, "orb.fetch", "node")
    assert done.returncode == 2
    assert "'node' is not a reference to an orb" in done.stderr
    assert "namespace/name@version" in done.stderr
