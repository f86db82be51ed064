from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.integration.sops.support import (
    EXAMPLE_KEY_FILE,
    OTHER_RECIPIENT,
    RECIPIENT,
    SECRET,
    SECRET_FILE,
    Project,
)

PLAIN_FILE = Path("deploy/secrets/staging.secret.yml")


def as_checkout(project: Project) -> None:
    """Make a git checkout of the project, with the rules that keep plain text out."""
    project.write(".gitignore", "/deploy/secrets/*\n!/deploy/secrets/*.enc\n")
    for words in (["init", "-q"], ["add", "-A"]):
        assert project.shell(["git", *words]).exit_code == 0


def test_encrypt_writes_the_encrypted_file_and_removes_the_plain_one(project: Project) -> None:
    project.write(PLAIN_FILE, SECRET)
    done = project.cli("secrets.encrypt", str(PLAIN_FILE), "--remove")
    assert done.exit_code == 0, done.error_text
    assert done.text == ""
    assert not (project.root / PLAIN_FILE).exists()
    assert "s3cr3t-pass-word" in project.decrypt()


def test_encrypt_replaces_nothing_unasked(project: Project) -> None:
    before = project.encrypt(SECRET)
    project.write(PLAIN_FILE, SECRET.replace("s3cr3t", "changed"))
    done = project.cli("secrets.encrypt", str(PLAIN_FILE))
    assert done.exit_code == 2
    assert "--force" in done.error_text
    assert (project.root / SECRET_FILE).read_text() == before
    assert project.cli("secrets.encrypt", str(PLAIN_FILE), "--force").exit_code == 0
    assert "changed-pass-word" in project.decrypt()


def test_decrypt_prints_the_plain_text_and_nothing_else(project: Project) -> None:
    project.encrypt(SECRET)
    done = project.cli("secrets.decrypt", str(SECRET_FILE))
    assert (done.exit_code, done.error_text) == (0, "")
    assert done.text == SECRET.replace('"="', "=")


def test_decrypt_prints_one_value_as_it_is(project: Project) -> None:
    project.encrypt(SECRET)
    done = project.cli("secrets.decrypt", str(SECRET_FILE), "--key", "stringData.LINES")
    assert done.text == "first line\nsecond line\n"


def test_a_path_is_meant_from_the_folder_one_stands_in(project: Project) -> None:
    project.encrypt(SECRET)
    folder = project.root / "deploy/secrets"
    done = project.cli("secrets.decrypt", SECRET_FILE.name, cwd=folder)
    assert "s3cr3t-pass-word" in done.text
    project.write("deploy/secrets/new.secret.yml", SECRET)
    done = project.cli("secrets.encrypt", "new.secret.yml", cwd=folder)
    assert done.exit_code == 0, done.error_text


@pytest.mark.parametrize(("program", "code"), [("missing-sops", 3), ("/bin/true", 3)])
def test_without_a_usable_sops_it_says_how_to_get_one(
    project: Project, program: str, code: int
) -> None:
    project.encrypt(SECRET)
    project.write("orbyard.yml", f"sops: {{program: {program}}}\n")
    done = project.cli("secrets.decrypt", str(SECRET_FILE))
    assert done.exit_code == code
    assert program in done.error_text
    assert "sops.program" in done.error_text


def test_edit_tells_when_nothing_was_changed(project: Project) -> None:
    before = project.encrypt(SECRET)
    done = project.cli("secrets.edit", str(SECRET_FILE), environ={"EDITOR": "true"})
    assert done.exit_code == 0
    assert "nothing was changed" in done.error_text
    assert (project.root / SECRET_FILE).read_text() == before


def test_edit_begins_a_secret_that_is_not_there(project: Project) -> None:
    name = "deploy/secrets/new.secret.yml.enc"
    done = project.cli("secrets.edit", name, environ={"EDITOR": "sed -i s/EXAMPLE_KEY/TOKEN/"})
    assert done.exit_code == 0, done.error_text
    assert '"TOKEN": "replace me"' in project.decrypt(Path(name))


def test_edit_leaves_nothing_behind_where_the_new_secret_was_given_up(project: Project) -> None:
    name = "deploy/secrets/new.secret.yml.enc"
    for editor, code in (("true", 0), ("false", 1)):
        done = project.cli("secrets.edit", name, environ={"EDITOR": editor})
        assert done.exit_code == code
        assert not (project.root / name).exists()


def test_edit_warns_of_values_that_kubernetes_would_refuse(project: Project) -> None:
    project.encrypt(SECRET)
    editor = "sed -i 's/NUMBER: .*/NUMBER: 1000/'"
    done = project.cli("secrets.edit", str(SECRET_FILE), environ={"EDITOR": editor})
    assert done.exit_code == 0
    assert "(stringData.NUMBER): a Secret's value has to be text" in done.error_text


def test_edit_does_not_open_what_it_cannot_read(project: Project) -> None:
    encrypted = project.encrypt(SECRET)
    project.write(SECRET_FILE, encrypted.replace("name: hoge-app", "name: edited"))
    marker = project.root / "opened"
    done = project.cli("secrets.edit", str(SECRET_FILE), environ={"EDITOR": f"touch {marker}"})
    assert done.exit_code == 2
    assert "MAC does not match" in done.error_text
    assert not marker.exists()


def test_rotate_gives_a_new_data_key_and_the_recipients_of_today(project: Project) -> None:
    before = project.encrypt(SECRET)
    rules = (project.root / ".sops.yaml").read_text()
    project.write(".sops.yaml", rules.replace(RECIPIENT, f"{RECIPIENT},{OTHER_RECIPIENT}"))
    done = project.cli("secrets.rotate", "--env", "staging")
    assert done.exit_code == 0, done.error_text
    assert f"can read it now: age {OTHER_RECIPIENT}" in done.error_text
    after = (project.root / SECRET_FILE).read_text()
    assert OTHER_RECIPIENT in after
    assert ciphertexts(before).isdisjoint(ciphertexts(after))
    assert "s3cr3t-pass-word" in project.decrypt()


def ciphertexts(text: str) -> set[str]:
    """The encrypted values of a file."""
    return {line.partition(": ")[2] for line in text.splitlines() if ": ENC[" in line}


def test_rotate_reminds_to_change_secrets_where_somebody_has_left(project: Project) -> None:
    rules = (project.root / ".sops.yaml").read_text()
    project.write(".sops.yaml", rules.replace(RECIPIENT, f"{RECIPIENT},{OTHER_RECIPIENT}"))
    project.encrypt(SECRET)
    project.write(".sops.yaml", rules)
    done = project.cli("secrets.rotate", "--file", str(SECRET_FILE))
    assert f"no longer reads it: age {OTHER_RECIPIENT}" in done.error_text
    assert "still knows these secrets" in done.error_text
    assert OTHER_RECIPIENT not in (project.root / SECRET_FILE).read_text()


def test_rotate_leaves_the_file_as_it_was_where_it_fails(project: Project) -> None:
    before = project.encrypt(SECRET)
    project.write(SECRET_FILE, before.replace("name: hoge-app", "name: edited"))
    done = project.cli("secrets.rotate")
    assert done.exit_code == 2
    assert (project.root / SECRET_FILE).read_text() == before.replace(
        "name: hoge-app", "name: edited"
    )


def test_rotate_without_files_says_where_it_looked(project: Project) -> None:
    project.encrypt(SECRET)
    done = project.cli("secrets.rotate", "--env", "nowhere")
    assert done.exit_code == 2
    assert "no encrypted file of nowhere in deploy/secrets" in done.error_text


def test_check_passes_and_verifies_with_the_key(project: Project) -> None:
    project.encrypt(SECRET)
    as_checkout(project)
    done = project.cli("secrets.check", "--verify")
    assert done.exit_code == 0, done.error_text
    assert "1 encrypted file (each was opened)" in done.error_text


def test_check_verify_reports_a_broken_mac_as_a_finding(project: Project) -> None:
    encrypted = project.encrypt(SECRET)
    project.write(SECRET_FILE, encrypted.replace("name: hoge-app", "name: edited"))
    as_checkout(project)
    assert project.cli("secrets.check").exit_code == 0
    done = project.cli("secrets.check", "--verify")
    assert done.exit_code == 2
    assert "MAC does not match" in done.error_text


def test_check_reports_only_on_the_files_that_are_named(project: Project) -> None:
    project.write("one.yml", SECRET)
    project.write("two.yml", SECRET)
    as_checkout(project)
    done = project.cli("secrets.check", "--file", "one.yml")
    assert done.exit_code == 2
    assert "one.yml" in done.error_text
    assert "two.yml" not in done.error_text
    assert "s3cr3t" not in done.error_text


def test_check_stops_a_commit_as_a_hook(project: Project) -> None:
    project.encrypt(SECRET)
    as_checkout(project)
    hook = project.root / ".git/hooks/pre-commit"
    program = "from pipeline.program import main; import sys; sys.argv[0] = 'orbyard'; main()"
    hook.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{program}" secrets.check\n')
    hook.chmod(0o755)
    commit = [
        "git",
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.com",
        "commit",
        "-q",
        "-m",
        "x",
    ]
    assert project.shell(commit).exit_code == 0
    project.write("extra.yml", SECRET)
    project.shell(["git", "add", "-A"])
    done = project.shell(commit)
    assert done.exit_code != 0
    assert "extra.yml:8" in done.error_text


def test_the_example_app_opens_with_the_key_beside_it(project: Project) -> None:
    example = EXAMPLE_KEY_FILE.parent
    for env in ("staging", "production"):
        path = example / f"deploy/secrets/{env}.secret.yml.enc"
        done = project.cli("secrets.decrypt", str(path), cwd=example)
        assert done.exit_code == 0, done.error_text
        assert "kind: Secret" in done.text


def test_a_kubeconfig_is_read_as_json_too(project: Project) -> None:
    name = "deploy/kubeconfig/staging.json"
    project.write(name, json.dumps({"kind": "Config", "users": []}))
    assert project.cli("secrets.encrypt", name).exit_code == 0
    assert json.loads(project.cli("secrets.decrypt", f"{name}.enc").text)["kind"] == "Config"
