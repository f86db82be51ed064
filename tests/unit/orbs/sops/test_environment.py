from __future__ import annotations

from pathlib import Path

from orbs.sops.environment import (
    child_environment,
    editor_environment,
    memory_folder,
    on_aws,
)
from orbs.sops.settings import SopsSettings

NOWHERE = Path("/nonexistent")


def test_only_what_key_services_need_is_passed_on(tmp_path: Path) -> None:
    environ = {
        "PATH": "/bin",
        "HOME": "/home/a",
        "AWS_PROFILE": "p",
        "SOPS_AGE_KEY": "k",
        "VAULT_TOKEN": "v",
        "https_proxy": "http://proxy",
        "DATABASE_URL": "postgres://u:p@h/d",
        "CIRCLE_TOKEN": "c",
        "GITHUB_TOKEN": "g",
    }
    kept = child_environment(SopsSettings(), tmp_path, environ, machine=NOWHERE)
    assert {"DATABASE_URL", "CIRCLE_TOKEN", "GITHUB_TOKEN"}.isdisjoint(kept)
    assert {
        "PATH",
        "HOME",
        "AWS_PROFILE",
        "SOPS_AGE_KEY",
        "VAULT_TOKEN",
        "https_proxy",
    } <= kept.keys()
    assert kept["SOPS_DISABLE_VERSION_CHECK"] == "1"


def test_empty_variables_are_left_out_since_sops_takes_them_for_names(tmp_path: Path) -> None:
    kept = child_environment(SopsSettings(), tmp_path, {"SOPS_AGE_KEY_FILE": ""}, machine=NOWHERE)
    assert "SOPS_AGE_KEY_FILE" not in kept


def test_the_metadata_service_is_asked_on_aws_only(tmp_path: Path) -> None:
    name = "AWS_EC2_METADATA_DISABLED"
    settings = SopsSettings()
    assert child_environment(settings, tmp_path, {}, machine=NOWHERE)[name] == "true"
    chosen = child_environment(settings, tmp_path, {name: "false"}, machine=NOWHERE)
    assert chosen[name] == "false"
    role = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x"}
    assert name not in child_environment(settings, tmp_path, role, machine=NOWHERE)
    (tmp_path / "sys_vendor").write_text("Amazon EC2\n")
    (tmp_path / "bios_vendor").write_text("Amazon EC2\n")
    assert on_aws({}, tmp_path)
    assert name not in child_environment(settings, tmp_path, {}, machine=tmp_path)


def test_the_key_file_of_the_settings_is_used_where_it_is(tmp_path: Path) -> None:
    settings = SopsSettings(age_key_file="app.agekey")
    assert "SOPS_AGE_KEY_FILE" not in child_environment(settings, tmp_path, {}, machine=NOWHERE)
    (tmp_path / "app.agekey").touch()
    found = child_environment(settings, tmp_path, {}, machine=NOWHERE)
    assert found["SOPS_AGE_KEY_FILE"] == str(tmp_path / "app.agekey")


def test_a_key_file_of_the_environment_wins_over_the_settings(tmp_path: Path) -> None:
    (tmp_path / "app.agekey").touch()
    settings = SopsSettings(age_key_file="app.agekey")
    found = child_environment(settings, tmp_path, {"SOPS_AGE_KEY_FILE": "/other"}, machine=NOWHERE)
    assert found["SOPS_AGE_KEY_FILE"] == "/other"


def test_the_editor_gets_the_users_environment_and_our_folder(tmp_path: Path) -> None:
    environ = {"VSCODE_IPC_HOOK_CLI": "x", "EDITOR": "nano", "TMPDIR": "/tmp"}
    found = editor_environment(SopsSettings(), tmp_path, environ, tmp_path)
    assert found["VSCODE_IPC_HOOK_CLI"] == "x"
    assert found["TMPDIR"] == str(tmp_path)
    assert found["EDITOR"] == found["SOPS_EDITOR"] == "nano"


def test_the_most_special_editor_wins(tmp_path: Path) -> None:
    environ = {"EDITOR": "nano", "VISUAL": "emacs", "SOPS_EDITOR": "code --wait"}
    assert (
        editor_environment(SopsSettings(), tmp_path, environ, tmp_path)["EDITOR"] == "code --wait"
    )
    del environ["SOPS_EDITOR"]
    assert editor_environment(SopsSettings(), tmp_path, environ, tmp_path)["EDITOR"] == "emacs"


def test_vim_is_told_to_write_no_copies(tmp_path: Path) -> None:
    found = editor_environment(SopsSettings(), tmp_path, {"EDITOR": "/usr/bin/vim"}, tmp_path)
    assert found["EDITOR"].startswith("/usr/bin/vim -n -i NONE ")
    for word in ("nobackup", "nowritebackup", "noundofile"):
        assert word in found["EDITOR"]
    own = editor_environment(SopsSettings(), tmp_path, {"EDITOR": "vim -u NONE"}, tmp_path)
    assert own["EDITOR"] == "vim -u NONE"


def test_the_users_runtime_folder_is_preferred(tmp_path: Path) -> None:
    assert memory_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) == tmp_path
    assert memory_folder({"XDG_RUNTIME_DIR": str(tmp_path / "missing")}) != tmp_path / "missing"
