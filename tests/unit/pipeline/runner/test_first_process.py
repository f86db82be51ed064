"""What a container tells of itself, as its programs print it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.runner.first_process import (
    FACTS,
    Facts,
    Wanted,
    is_whole,
    preparation,
    read_facts,
    without_facts,
)


def printed_by(*argv: str, home: str = "/home/me", path: str = os.environ["PATH"]) -> bytes:
    environ = {"HOME": home, "PATH": path}
    return subprocess.run(argv, env=environ, check=True, capture_output=True).stdout


def has_gnu_tar() -> bool:
    tar = shutil.which("tar")
    return tar is not None and b"GNU" in subprocess.check_output([tar, "--version"])


def test_the_facts_are_those_of_the_user_that_asks() -> None:
    printed = printed_by(*FACTS)
    assert is_whole(printed)
    assert read_facts(printed) == Facts(
        "/home/me",
        os.getuid(),
        os.getgid(),
        os.environ["PATH"],
        has_bash=os.access("/bin/bash", os.X_OK),
        has_tar=has_gnu_tar(),
    )


def test_a_path_that_leads_nowhere_is_told_and_the_rest_found_all_the_same() -> None:
    facts = read_facts(printed_by(*FACTS, path="/nowhere"))
    assert facts is not None
    assert (facts.uid, facts.path) == (os.getuid(), "/nowhere")


def test_what_a_shell_says_before_does_not_matter() -> None:
    facts = read_facts(b"welcome\n" + printed_by(*FACTS))
    assert facts is not None
    assert facts.home == "/home/me"


def test_facts_that_are_not_whole_yet_are_waited_for() -> None:
    printed = printed_by(*FACTS)
    assert not [end for end in range(len(printed)) if is_whole(printed[:end])]
    assert read_facts(printed[:-5]) is None


@pytest.mark.parametrize(
    "printed", [b"", b"sh: not found\n", b"orbyard-facts\norbyard-facts-end\n"]
)
def test_anything_else_is_no_facts(printed: bytes) -> None:
    assert read_facts(printed) is None


def test_a_user_without_a_home_has_the_root_folder() -> None:
    facts = read_facts(printed_by(*FACTS, home=""))
    assert facts is not None
    assert facts.home == "/"


def test_facts_are_not_shown_as_what_a_container_printed_last() -> None:
    lines = printed_by(*FACTS).decode().splitlines()
    assert without_facts([*lines, "no licence"]) == ["no licence"]
    assert without_facts(["no id", *lines, "no licence"]) == ["no id", "no licence"]
    assert without_facts([*lines[2:], "no licence"]) == ["no licence"]
    assert without_facts(["no licence"]) == ["no licence"]
    assert without_facts([]) == []


@pytest.mark.parametrize("name", ["plain", "with a blank", "it's", "-dash", "ü", "$HOME"])
@pytest.mark.parametrize("has_file", [False, True])
def test_a_folder_is_made_and_told_whether_it_is_empty(
    tmp_path: Path, name: str, has_file: bool
) -> None:
    if has_file:
        (tmp_path / name).mkdir()
        (tmp_path / name / ".hidden").touch()
    argv = preparation(Wanted(f"{tmp_path}/{name}", ""), f"{os.getuid()}:{os.getgid()}")
    links = argv[2].replace("/usr/local/bin", f"{tmp_path}/bin")
    printed = printed_by(*argv[:2], links, *argv[3:])
    assert printed == (b"" if has_file else b"empty\n")
    assert (tmp_path / name).is_dir()


def test_programs_are_linked_and_those_that_may_be_missing_only_where_they_are(
    tmp_path: Path,
) -> None:
    for file in ("programs/circleci", "web/curl", "web/wget", "bin/curl", "bin/circleci"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(file)
    wanted = Wanted("", f"{tmp_path}/programs", f"{tmp_path}/web")
    argv = preparation(wanted, "0:0")
    links = argv[2].replace("/usr/local/bin", f"{tmp_path}/bin")
    assert printed_by(*argv[:2], links, *argv[3:]) == b""
    found = {path.name: path.read_text() for path in (tmp_path / "bin").iterdir()}
    assert found == {"circleci": "programs/circleci", "curl": "bin/curl", "wget": "web/wget"}


@pytest.mark.parametrize(("says", "is_told"), [("tar (GNU tar) 1.34", True), ("bsdtar 3.6", False)])
def test_only_gnu_s_tar_is_told_of(tmp_path: Path, says: str, is_told: bool) -> None:
    (tmp_path / "tar").write_text(f"#!/bin/sh\necho '{says}'\n")
    (tmp_path / "tar").chmod(0o755)
    facts = read_facts(printed_by(*FACTS, path=f"{tmp_path}:{os.environ['PATH']}"))
    assert facts is not None
    assert facts.has_tar is is_told
