"""A job in a folder of this machine."""

from __future__ import annotations

import io
import os
import tarfile
import threading
import time
from pathlib import Path

import pytest

from pipeline.errors import Interrupted, InvalidInput, Unavailable
from pipeline.runner.host_sandbox import HostSandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> HostSandbox:
    home = tmp_path / "home"
    home.mkdir()
    return HostSandbox(home)


def run(
    sandbox: HostSandbox, script: str, *, cancel: threading.Event | None = None, **env: str
) -> tuple[int, str]:
    output: list[bytes] = []
    code = sandbox.run(
        ["/bin/sh", "-c", script],
        env=env,
        cwd=f"{sandbox.home}/project",
        on_output=output.append,
        cancel=cancel,
    )
    return code, b"".join(output).decode()


def has_ended(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/cmdline").read_bytes() == b"":
                return True  # ended, and nobody has asked how
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def test_a_job_does_not_see_the_variables_of_its_caller(
    sandbox: HostSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAILS_MASTER_KEY", "of the caller")
    monkeypatch.setenv("BUNDLE_GEMFILE", "/elsewhere")
    code, output = run(sandbox, "env", CI="true")
    assert code == 0
    assert "RAILS_MASTER_KEY" not in output
    assert "BUNDLE_GEMFILE" not in output
    assert "CI=true" in output.splitlines()
    assert "RAILS_MASTER_KEY" not in sandbox.capture(["env"])[1].decode()


def test_the_home_folder_is_the_scratch_folder_unless_the_job_says_otherwise(
    sandbox: HostSandbox,
) -> None:
    assert run(sandbox, 'echo "$HOME"') == (0, f"{sandbox.home}\n")
    assert run(sandbox, 'echo "$HOME"', HOME="/other") == (0, "/other\n")


def test_programs_of_this_machine_are_found(
    sandbox: HostSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "tool"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert run(sandbox, "tool") == (0, "found\n")


def test_the_working_directory_is_made(sandbox: HostSandbox) -> None:
    assert run(sandbox, "pwd") == (0, f"{sandbox.home}/project\n")


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("no-such-one", 127)]
)
def test_exit_codes_are_those_that_a_shell_shows(
    sandbox: HostSandbox, script: str, code: int
) -> None:
    assert run(sandbox, script)[0] == code


def test_output_and_errors_both_come_through(sandbox: HostSandbox) -> None:
    code, output = run(sandbox, "echo out; echo err >&2; printf end")
    assert code == 0
    assert sorted(output.splitlines()) == ["end", "err", "out"]


def test_a_step_has_no_input_to_wait_for(sandbox: HostSandbox) -> None:
    assert run(sandbox, "read line || echo nothing") == (0, "nothing\n")


def test_a_program_that_is_not_there_is_an_error(sandbox: HostSandbox) -> None:
    with pytest.raises(Unavailable, match="no-such-program"):
        sandbox.run(["no-such-program"], env={}, cwd=sandbox.home, on_output=lambda _: None)


def test_a_run_that_is_stopped_ends_a_sleeping_program_and_its_children(
    sandbox: HostSandbox,
) -> None:
    cancel = threading.Event()
    began = time.monotonic()
    output: list[bytes] = []

    def on_output(chunk: bytes) -> None:
        output.append(chunk)
        cancel.set()

    code = sandbox.run(
        ["/bin/sh", "-c", "sleep 60 & echo $!; wait"],
        env={},
        cwd=sandbox.home,
        on_output=on_output,
        cancel=cancel,
    )
    assert code == 130
    assert time.monotonic() - began < 30
    assert has_ended(int(output[0]))


def test_captured_output_comes_with_the_exit_code(sandbox: HostSandbox) -> None:
    assert sandbox.capture(["/bin/sh", "-c", "printf 'a\\000b'; exit 3"]) == (3, b"a\0b")


def test_a_written_file_has_its_folder_and_its_mode(sandbox: HostSandbox) -> None:
    path = Path(sandbox.home) / "deep" / "er" / "script"
    sandbox.write_file(str(path), b"#!/bin/sh\n", 0o755)
    assert path.read_bytes() == b"#!/bin/sh\n"
    assert path.stat().st_mode & 0o777 == 0o755


def test_an_archive_goes_from_one_place_to_another(sandbox: HostSandbox) -> None:
    home = Path(sandbox.home)
    sandbox.write_file(f"{home}/from/a b/ü", b"data", 0o640)
    (home / "from" / "link").symlink_to("a b/ü")
    (home / "from" / "empty").mkdir()
    (home / "to").mkdir()
    sandbox.put_archive(f"{home}/to", sandbox.read_archive(f"{home}/from"))
    assert (home / "to/from/a b/ü").read_bytes() == b"data"
    assert (home / "to/from/a b/ü").stat().st_mode & 0o777 == 0o640
    assert (home / "to/from/link").readlink() == Path("a b/ü")
    assert (home / "to/from/empty").is_dir()


def test_the_names_of_an_archive_begin_with_that_of_the_file_or_folder(
    sandbox: HostSandbox,
) -> None:
    sandbox.write_file(f"{sandbox.home}/out/report.xml", b"<x/>")
    for path, names in (("out", ["out", "out/report.xml"]), ("out/report.xml", ["report.xml"])):
        tar = b"".join(sandbox.read_archive(f"{sandbox.home}/{path}"))
        with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
            assert archive.getnames() == names


def test_an_archive_of_what_is_not_there_is_refused_at_once(sandbox: HostSandbox) -> None:
    with pytest.raises(FileNotFoundError):
        sandbox.read_archive(f"{sandbox.home}/missing")


def test_a_link_that_leads_nowhere_can_be_read(sandbox: HostSandbox) -> None:
    link = Path(sandbox.home) / "link"
    link.symlink_to("nowhere")
    tar = b"".join(sandbox.read_archive(str(link)))
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        assert archive.getmember("link").linkname == "nowhere"


def test_nothing_is_unpacked_outside_of_the_scratch_folder(
    sandbox: HostSandbox, tmp_path: Path
) -> None:
    sandbox.write_file(f"{sandbox.home}/file", b"data")
    (Path(sandbox.home) / "out").symlink_to(tmp_path)
    for folder in (str(tmp_path / "elsewhere"), f"{sandbox.home}/..", f"{sandbox.home}/out"):
        with pytest.raises(InvalidInput, match="outside of the job's own folder"):
            sandbox.put_archive(folder, sandbox.read_archive(f"{sandbox.home}/file"))
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "file").exists()


def test_the_scratch_folder_is_removed_at_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    HostSandbox(folder).close()
    assert not folder.exists()


def test_a_step_s_output_goes_to_a_terminal_where_that_is_asked_for(sandbox: HostSandbox) -> None:
    output: list[bytes] = []
    script = "test -t 1 && test -t 2 && echo terminal; printf 'a\\nb\\n'; read x || echo no input"
    code = sandbox.run(
        ["/bin/sh", "-c", script],
        env={},
        cwd=sandbox.home,
        on_output=output.append,
        tty=True,
    )
    assert (code, b"".join(output)) == (0, b"terminal\na\nb\nno input\n")


def test_a_terminal_carries_all_of_a_long_output(sandbox: HostSandbox) -> None:
    taken = 0

    def count(piece: bytes) -> None:
        nonlocal taken
        taken += len(piece)

    line = "0123456789" * 4
    script = f"i=0; while [ $i -lt 20000 ]; do echo {line}; i=$((i+1)); done"
    sandbox.run(["/bin/sh", "-c", script], env={}, cwd=sandbox.home, on_output=count, tty=True)
    assert taken == 20000 * 41


@pytest.mark.parametrize("tty", [False, True])
def test_what_a_step_leaves_in_the_background_goes_on_until_the_job_ends(
    sandbox: HostSandbox, tty: bool
) -> None:
    output: list[bytes] = []
    code = sandbox.run(
        ["/bin/sh", "-c", "setsid sleep 60 & echo $!"],
        env={},
        cwd=sandbox.home,
        on_output=output.append,
        tty=tty,
    )
    assert code == 0
    pid = int(b"".join(output))
    os.kill(pid, 0)
    sandbox.close()
    assert has_ended(pid)


def test_an_archive_is_not_unpacked_to_its_end_when_the_run_is_stopped(
    sandbox: HostSandbox,
) -> None:
    sandbox.cancel.set()
    with pytest.raises(Interrupted):
        sandbox.put_archive(f"{sandbox.home}/a", iter([b"\0" * 512] * 4))
