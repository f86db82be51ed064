"""Nothing secret on disk, in an argument list, or in the environment of a program."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from orbs.sops.program import bundled_program, find_sops
from tests.integration.sops.support import SECRET, SECRET_FILE, Project, command_line

MARKERS = ("s3cr3t", "second line")


@pytest.fixture
def recorded(project: Project, tmp_path: Path) -> Path:
    """A sops on PATH that records what it is given, may write no byte to a file, and does the work."""
    program = find_sops("", project.root, project.environ) or bundled_program()
    log = tmp_path / "log"
    log.mkdir()
    folder = tmp_path / "bin"
    folder.mkdir()
    wrapper = folder / "sops"
    wrapper.write_text(
        "#!/bin/sh\n"
        f'{{ printf "%s\\n" "$@"; env; }} >> {log}/$$\n'
        # Any write to a regular file fails from here on; pipes are not concerned.
        "ulimit -f 0\n"
        f'exec {program} "$@"\n'
    )
    wrapper.chmod(0o755)
    project.environ["PATH"] = f"{folder}:{project.environ['PATH']}"
    return log


def leaks(*folders: Path) -> list[Path]:
    """Files that hold a marker."""
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [
        path for path in files if any(marker.encode() in path.read_bytes() for marker in MARKERS)
    ]


def test_encrypting_and_decrypting_leaves_no_trace(
    project: Project, recorded: Path, tmp_path: Path
) -> None:
    project.environ["TMPDIR"] = str(tmp_path / "tmp")
    (tmp_path / "tmp").mkdir()
    project.encrypt(SECRET)
    assert "s3cr3t" in project.decrypt()
    calls = [path.read_text() for path in recorded.iterdir()]
    assert {"encrypt", "decrypt"} <= {call.partition("\n")[0] for call in calls}
    assert leaks(tmp_path) == []


def test_the_whole_command_writes_no_byte_to_a_file(project: Project) -> None:
    project.encrypt(SECRET)
    argv = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]
    done = project.shell([*argv, *command_line("secrets.decrypt", str(SECRET_FILE))])
    assert done.exit_code == 0, done.error_text
    assert "s3cr3t-pass-word" in done.text


def test_a_run_under_debug_shows_no_secret(project: Project) -> None:
    project.encrypt(SECRET)
    done = project.cli("--debug", "secrets.check", "--verify")
    assert not any(marker in done.text + done.error_text for marker in MARKERS)


def test_variables_that_are_not_for_sops_do_not_reach_it(project: Project, recorded: Path) -> None:
    project.encrypt(SECRET, APP_PASSWORD="not-for-sops")
    assert not any("not-for-sops" in path.read_text() for path in recorded.iterdir())


def test_the_editors_copy_is_in_a_private_folder_that_is_gone_afterwards(
    project: Project, tmp_path: Path
) -> None:
    project.encrypt(SECRET)
    memory = tmp_path / "memory"
    memory.mkdir()
    seen = tmp_path / "seen"
    editor = tmp_path / "editor"
    editor.write_text(
        f'#!/bin/sh\nstat -c "%a %n" "$1" "$(dirname "$1")" "$(dirname "$(dirname "$1")")" > {seen}\n'
        'sed -i s/s3cr3t-pass-word/s3cr3t-changed/ "$1"\n'
    )
    editor.chmod(0o755)
    environ = {"EDITOR": str(editor), "XDG_RUNTIME_DIR": str(memory)}
    done = project.cli("secrets.edit", str(SECRET_FILE), environ=environ)
    assert done.exit_code == 0, done.error_text
    lines = [line.split(" ", 1) for line in seen.read_text().splitlines()]
    assert [mode for mode, _ in lines] == ["600", "700", "700"]
    assert all(path.startswith(f"{memory}/orbyard-edit-") for _, path in lines)
    assert list(memory.iterdir()) == []
    assert leaks(project.root, memory) == []
    assert "s3cr3t-changed" in project.decrypt()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_editors_copy_goes_when_the_run_is_stopped(
    project: Project, tmp_path: Path, number: signal.Signals
) -> None:
    project.encrypt(SECRET)
    memory = tmp_path / "memory"
    memory.mkdir()
    editor = tmp_path / "editor"
    # $PPID is sops, and its parent the run: the connection is lost while the editor is open.
    editor.write_text(
        f"#!/bin/sh\ncp -r {memory}/. {tmp_path}/seen\nkill -{number.value} $(ps -o ppid= -p $PPID)\n"
        "exec sleep 1\n"
    )
    editor.chmod(0o755)
    environ = {"EDITOR": str(editor), "XDG_RUNTIME_DIR": str(memory)}
    done = project.cli("secrets.edit", str(SECRET_FILE), environ=environ)
    assert done.exit_code == 130
    assert leaks(tmp_path / "seen") != []
    assert list(memory.iterdir()) == []
