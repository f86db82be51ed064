from __future__ import annotations

import signal
import subprocess

import pytest

from orbs.rails.folder_home import STAMP
from tests.integration.rails.support import wait_until

WAITING = 'waiting: {lockfile: lock, path: made, command: "touch made/half; sleep 100"}'


def start(app, engine, **environ: str):
    app.declare(WAITING)
    child = app.start("build.install", **environ)
    wait_until(lambda: app.containers(engine) != [], "a container of the install")
    return child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_install_ends_at_once_and_leaves_nothing(app, engine, number):
    child = start(app, engine)
    child.send_signal(number)
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 130, output
    assert app.containers(engine) == []
    assert app.volumes(engine) == []


def test_what_a_killed_run_leaves_is_not_used_and_the_next_run_clears_it_away(app, engine):
    child = start(app, engine)
    child.kill()
    child.communicate(timeout=60)
    left = app.volumes(engine)
    assert len(left) == 1
    assert len(app.containers(engine)) == 1
    app.declare(WAITING.replace("sleep 100", "touch made/whole"))
    home = app.install(engine)["waiting"]
    assert not home.reused
    assert home.volume not in left
    assert app.containers(engine) == []
    assert left[0] not in app.volumes(engine)


def test_an_interrupted_install_into_a_folder_leaves_no_stamp_and_no_files_of_roots(app, engine):
    child = start(app, engine, CI="true")
    wait_until((app.root / "made/half").exists, "the file of the install")
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert not (app.root / "made" / STAMP).exists()
    assert (app.root / "made/half").stat().st_uid == app.root.stat().st_uid
    app.declare(WAITING.replace("sleep 100", "true"))
    assert not app.install(engine, CI="true")["waiting"].reused


def exit_code(child: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = child.communicate(timeout=120)
    return child.returncode, output


def test_the_programs_exit_codes_tell_failed_work_from_bad_input_and_a_missing_engine(app, engine):
    app.declare('failing: {lockfile: lock, path: made, command: "exit 3"}')
    assert exit_code(app.start("build.install"))[0] == 1
    (app.root / "lock").unlink()
    code, output = exit_code(app.start("build.install"))
    assert code == 2
    assert "the lockfile lock of 'failing' is missing" in output
    code, output = exit_code(app.start("build.install", DOCKER_HOST="unix:///none.sock"))
    assert code == 3
    assert "what to do: start Docker" in output
