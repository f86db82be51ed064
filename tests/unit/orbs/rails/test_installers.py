from __future__ import annotations

import pytest

from orbs.rails.install import choose_home
from orbs.rails.installers import find_installers, installer_files, installs_environment
from orbs.rails.settings import DependenciesSettings, InstallerSettings
from pipeline.errors import InvalidInput


@pytest.fixture
def root(tmp_path):
    for name in ("Gemfile", "Gemfile.lock", "package.json", "yarn.lock"):
        (tmp_path / name).write_text(f"# {name}\n")
    return tmp_path


def names(root, **settings):
    return [item.name for item in find_installers(root, DependenciesSettings(**settings))]


def test_bundle_and_yarn_are_found_by_their_lockfiles(root):
    found = find_installers(root, DependenciesSettings())
    assert [(i.name, i.lockfile, i.path) for i in found] == [
        ("bundle", "Gemfile.lock", "vendor/bundle"),
        ("yarn", "yarn.lock", "node_modules"),
    ]


def test_an_app_without_packages_has_no_yarn(root):
    (root / "yarn.lock").unlink()
    (root / "package.json").unlink()
    assert names(root) == ["bundle"]


def test_bundle_installs_in_deployment_mode_without_the_deprecated_flag(root):
    bundle = find_installers(root, DependenciesSettings())[0]
    assert bundle.command == "bundle install"
    assert bundle.environment is not None
    assert bundle.environment["BUNDLE_DEPLOYMENT"] == "true"
    assert bundle.environment["BUNDLE_PATH"] == "vendor/bundle"


def test_a_lockfile_of_yarn_2_or_later_is_told_from_one_of_yarn_1(root):
    (root / "yarn.lock").write_text("# generated\n\n__metadata:\n  version: 8\n")
    assert find_installers(root, DependenciesSettings())[1].command == "yarn install --immutable"


@pytest.mark.parametrize(
    ("lockfile", "manifest", "command"),
    [("Gemfile.lock", "Gemfile", "bundle lock"), ("yarn.lock", "package.json", "yarn install")],
)
def test_a_manifest_without_its_lockfile_is_bad_input_that_names_the_file(
    root, lockfile, manifest, command
):
    (root / lockfile).unlink()
    with pytest.raises(InvalidInput) as caught:
        names(root)
    assert caught.value.where is not None
    assert caught.value.where.file == lockfile
    assert manifest in caught.value.message
    assert command in (caught.value.hint or "")


def test_a_turned_off_installer_needs_no_lockfile(root):
    (root / "yarn.lock").unlink()
    assert names(root, disable=("yarn",)) == ["bundle"]


def test_a_package_json_that_another_program_locks_is_not_yarns(root):
    (root / "yarn.lock").unlink()
    (root / "package-lock.json").touch()
    npm = InstallerSettings("package-lock.json", "node_modules", "npm ci", ("package.json",))
    assert names(root, installers={"npm": npm}) == ["bundle", "npm"]


def test_declared_installers_are_added_and_may_replace(root):
    (root / "requirements.txt").touch()
    pip = InstallerSettings("requirements.txt", "vendor/python", "pip install -r requirements.txt")
    mine = InstallerSettings("yarn.lock", "node_modules/", "yarn --offline")
    found = find_installers(root, DependenciesSettings(installers={"pip": pip, "yarn": mine}))
    assert [(i.name, i.path) for i in found] == [
        ("bundle", "vendor/bundle"),
        ("pip", "vendor/python"),
        ("yarn", "node_modules"),
    ]
    assert found[2].command == "yarn --offline"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/usr/lib", "outside"),
        ("../x", "outside"),
        (".", "folder of its own"),
        ("vendor", "fills too"),
        ("vendor/bundle/x", "fills too"),
    ],
)
def test_a_path_that_would_do_harm_is_refused(root, path, words):
    declared = InstallerSettings("yarn.lock", path, "true")
    with pytest.raises(InvalidInput, match=words):
        names(root, installers={"other": declared})


def test_a_declared_installers_missing_lockfile_is_named(root):
    with pytest.raises(InvalidInput, match=r"poetry\.lock"):
        names(root, installers={"poetry": InstallerSettings("poetry.lock", "v", "poetry install")})


def test_turning_off_what_is_not_there_asks_what_was_meant(root):
    with pytest.raises(InvalidInput) as caught:
        names(root, disable=("bundel",))
    assert caught.value.hint == "did you mean 'bundle'?"


def test_an_installs_files_are_its_lockfile_and_the_manifests_that_are_there(root):
    (root / "hoge.gemspec").touch()
    bundle = find_installers(root, DependenciesSettings())[0]
    found = [file.path for file in installer_files(root, bundle)]
    assert found == ["Gemfile", "Gemfile.lock", "hoge.gemspec"]


def test_an_installers_own_variables_win_over_those_of_all(root):
    settings = DependenciesSettings(environment={"BUNDLE_PATH": "x", "BUNDLE_JOBS": "2"})
    bundle = find_installers(root, settings)[0]
    found = installs_environment(bundle, settings)
    assert (found["BUNDLE_PATH"], found["BUNDLE_JOBS"]) == ("vendor/bundle", "2")


@pytest.mark.parametrize(
    ("setting", "environ", "expected"),
    [
        ("auto", {}, "volumes"),
        ("auto", {"CI": "false"}, "volumes"),
        ("auto", {"CI": "true"}, "folders"),
        ("auto", {"CI": "1"}, "folders"),
        ("volumes", {"CI": "true"}, "volumes"),
        ("folders", {}, "folders"),
    ],
)
def test_dependencies_are_in_volumes_on_a_laptop_and_in_folders_in_ci(setting, environ, expected):
    assert choose_home(setting, environ) == expected
