from __future__ import annotations

import os
from dataclasses import replace

import pytest

from orbs.rails.build import Build
from orbs.rails.folder_home import STAMP, FolderHome
from orbs.rails.install import install_context
from orbs.rails.installers import find_installers, installer_files
from orbs.rails.settings import DependenciesSettings
from tests.integration.rails.support import App

MAKING = (
    "making: {lockfile: lock, path: vendor/made, "
    'command: "mkdir -p vendor/made/d; cp lock vendor/made/d/"}'
)


@pytest.fixture
def ci(app: App) -> App:
    app.environ["CI"] = "true"
    app.declare(MAKING)
    return app


def test_installed_files_belong_to_the_user(ci, engine):
    if os.getuid() == 0:  # As in a container that runs as root over a user's checkout.
        os.chown(ci.root, 1234, 1235)
    expected = (1234, 1235) if os.getuid() == 0 else (os.getuid(), os.getgid())
    ci.install(engine)
    made = [ci.root / "vendor", *(ci.root / "vendor").rglob("*")]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in made} == {expected}
    assert (ci.root / "vendor/made/d/lock").read_text() == "one\n"


def test_a_failed_install_leaves_the_user_files_of_his_own(app, engine):
    app.environ["CI"] = "true"
    app.declare('making: {lockfile: lock, path: made, command: "mkdir made/d; exit 1"}')
    if os.getuid() == 0:
        os.chown(app.root, 1234, 1235)
    with pytest.raises(Exception, match="exit code 1"):
        app.install(engine)
    assert (app.root / "made/d").stat().st_uid == app.root.stat().st_uid


def test_a_folder_that_a_cache_brought_back_whole_is_left_alone(ci, engine):
    ci.install(engine)
    (ci.root / "vendor/made").rename(ci.root / "elsewhere")
    (ci.root / "elsewhere").rename(ci.root / "vendor/made")
    before = engine.containers
    assert ci.install(engine)["making"].reused
    assert engine.containers == before


def test_a_folder_without_its_stamp_is_installed_over(ci, engine):
    ci.install(engine)
    (ci.root / "vendor/made" / STAMP).unlink()
    (ci.root / "vendor/made/d/lock").unlink()
    ci.write("vendor/made/kept", "x")
    assert not ci.install(engine)["making"].reused
    assert (ci.root / "vendor/made/d/lock").exists()
    assert (ci.root / "vendor/made/kept").exists()


def test_an_engine_that_does_not_see_the_checkout_gets_the_files_and_gives_them_back(ci, engine):
    (ci.root / "vendor/made").mkdir(parents=True)
    ci.write("vendor/made/earlier", "x")
    ci.declare(
        'making: {lockfile: lock, path: vendor/made, command: "cat vendor/made/earlier; '
        'rm vendor/made/earlier; ln -s d vendor/made/l; mkdir vendor/made/d; cp lock vendor/made/d"}'
    )
    run = ci.run()
    build = Build(run, engine)
    (installer,) = find_installers(ci.root, run.settings.get(DependenciesSettings))
    files = installer_files(ci.root, installer)
    there = FolderHome(installer, files, "key", ci.root / "vendor/made", lambda *_: False)
    home = there.fill(install_context(run, engine, build.builder()))
    assert home.folder == ci.root / "vendor/made"
    assert "making | x" in ci.err.getvalue()
    assert sorted(path.name for path in home.folder.iterdir()) == [STAMP, "d", "l"]
    assert (home.folder / "l/lock").read_text() == "one\n"
    assert (home.folder / "d").stat().st_uid == os.getuid()
    assert there.find() == replace(home, reused=True)
