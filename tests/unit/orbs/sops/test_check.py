from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orbs.sops.check import check_project
from pipeline.errors import Unavailable
from pipeline.process import run_process
from tests.unit.orbs.sops.samples import ENC, age_private_key, secret

FOLDERS = ("deploy/secrets", "deploy/kubeconfig")
IGNORED = (
    "/deploy/secrets/*\n!/deploy/secrets/*.enc\n/deploy/kubeconfig/*\n!/deploy/kubeconfig/*.enc\n"
)
PLAIN = "apiVersion: v1\nkind: Secret\nmetadata: {name: hoge}\nstringData:\n  TOKEN: abcdef\n"
KUBECONFIG = "kind: Config\nusers:\n- name: a\n  user:\n    token: abcdef\n"

Write = Callable[[str, str], None]


def git(folder: Path, *words: str) -> None:
    """Run git, with a name to commit under."""
    done = run_process(
        ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.com", *words]
    )
    assert done.exit_code == 0, done.error_text


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with one encrypted Secret, everything in order."""
    git(tmp_path, "init", "-q")
    write(tmp_path, ".gitignore", IGNORED)
    write(tmp_path, "deploy/secrets/staging.secret.yml.enc", secret())
    write(tmp_path, "deploy/deploy.yml", "apiVersion: apps/v1\nkind: Deployment\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "start")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    """Write a file of the project."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def found(root: Path, *allow: str) -> list[str]:
    """The problems as ``file:line: message``."""
    problems = check_project(root, FOLDERS, allow).problems
    return [
        f"{p.where.file}:{p.where.line}: {p.message}" if p.where else p.message for p in problems
    ]


def test_a_project_in_order_has_no_problem(project: Path) -> None:
    result = check_project(project, FOLDERS)
    assert result.problems == ()
    assert result.encrypted == 1


def test_ignored_plain_text_is_fine(project: Path) -> None:
    write(project, "deploy/secrets/staging.secret.yml", PLAIN)
    write(project, "deploy/kubeconfig/staging.kubeconfig", KUBECONFIG)
    assert found(project) == []


def test_plain_text_that_was_forced_in_is_found_staged_and_committed(project: Path) -> None:
    write(project, "deploy/secrets/staging.secret.yml", PLAIN)
    git(project, "add", "-f", "deploy/secrets/staging.secret.yml")
    expected = "deploy/secrets/staging.secret.yml:0: plain text in a folder of secrets is "
    assert found(project) == [f"{expected}staged"]
    git(project, "commit", "-q", "-m", "oops")
    assert found(project) == [f"{expected}committed"]


def test_a_folder_that_git_does_not_ignore_is_found_with_and_without_plain_text(
    project: Path,
) -> None:
    write(project, ".gitignore", "")
    assert found(project) == [".gitignore:0: git would take plain text in deploy/secrets/"]
    write(project, "deploy/secrets/staging.secret.yml", PLAIN)
    assert (
        "deploy/secrets/staging.secret.yml:0: plain text in a folder of secrets, and git does not ignore it"
        in found(project)
    )


def test_rules_that_ignore_encrypted_files_too_are_found(project: Path) -> None:
    write(project, ".gitignore", "/deploy/secrets/*\n")
    assert found(project) == [".gitignore:0: git ignores encrypted files in deploy/secrets/ too"]


def test_files_that_explain_a_folder_are_fine(project: Path) -> None:
    write(project, "deploy/secrets/README.md", "Secrets.\n")
    write(project, "deploy/secrets/.gitkeep", "")
    git(project, "add", "-f", "deploy/secrets/README.md", "deploy/secrets/.gitkeep")
    assert found(project) == []


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (PLAIN, 0, "this file is not encrypted"),
        (secret().replace("stringData:", "<<<<<<< HEAD\nstringData:"), 5, "conflict marker"),
        (secret(value="hunter2"), 6, "this value is not encrypted, in a Secret that is"),
        (secret().replace(f"    mac: {ENC}\n", ""), 7, "no MAC"),
        (secret().replace("    age:", "    other:"), 7, "names no key"),
        (secret().replace("stringData:", "stringData: {"), 0, "damaged"),
        (f"{secret()}---\n{secret('b', ENC.replace('4', '5'))}", 15, "joined"),
    ],
)
def test_encrypted_files_that_are_none_or_damaged_are_found(
    project: Path, text: str, line: int, message: str
) -> None:
    write(project, "deploy/secrets/staging.secret.yml.enc", text)
    reported = [p for p in check_project(project, FOLDERS).problems if "staged" not in p.message]
    assert [p.where.file for p in reported if p.where] == ["deploy/secrets/staging.secret.yml.enc"]
    assert message in reported[0].message
    assert not line or (reported[0].where and reported[0].where.line == line)
    assert "hunter2" not in str(reported[0])


def test_the_staged_content_is_looked_at_even_if_the_file_is_whole_again(project: Path) -> None:
    name = "deploy/secrets/staging.secret.yml.enc"
    write(project, name, PLAIN)
    git(project, "add", name)
    write(project, name, secret())
    assert found(project) == [
        f"{name}:0: this file is not encrypted: it has no sops metadata (in the staged content)"
    ]


@pytest.mark.parametrize("staged", [True, False])
@pytest.mark.parametrize(
    "name", ["deploy/extra.yml", "k8s/a.json", "anywhere/else.yaml", "x.yml.enc"]
)
def test_a_secret_in_any_other_file_is_found(project: Path, name: str, staged: bool) -> None:
    text = (
        PLAIN
        if not name.endswith(".json")
        else '{"kind": "Secret",\n"stringData": {"TOKEN": "abcdef"}}'
    )
    write(project, name, text)
    if staged:
        git(project, "add", name)
    line = 2 if name.endswith(".json") else 5
    reported = found(project)
    assert len(reported) == 1
    assert reported[0].startswith(f"{name}:{line}: the Secret ")
    assert "abcdef" not in reported[0]


def test_a_secret_that_is_staged_and_gone_from_disk_is_found(project: Path) -> None:
    write(project, "extra.yml", PLAIN)
    git(project, "add", "extra.yml")
    (project / "extra.yml").unlink()
    assert [line.partition(":")[0] for line in found(project)] == ["extra.yml"]


def test_a_secret_inside_a_list_and_behind_other_documents_is_found(project: Path) -> None:
    text = f"kind: ConfigMap\n---\nkind: List\nitems:\n- {{kind: Secret, data: {{A: Zm9v}}}}\n---\n{PLAIN}"
    write(project, "all.yml", text)
    assert [line.partition(": ")[0] for line in found(project)] == ["all.yml:5", "all.yml:11"]


def test_a_kubeconfig_with_a_credential_is_found(project: Path) -> None:
    write(project, "config/kube", KUBECONFIG)
    assert found(project) == [
        "config/kube:5: a kubeconfig with a credential (token) stands here in plain text"
    ]


def test_what_holds_no_secret_is_left_alone(project: Path) -> None:
    write(
        project,
        "a.yml",
        "kind: Secret\ntype: kubernetes.io/service-account-token\n",
    )
    write(project, "b.yml", "kind: Secret\nstringData: {A: ''}\n")
    write(project, "c.yml", "kind: Config\nusers:\n- user: {exec: {command: aws}}\n")
    write(project, "d.enc.yml", secret())
    write(project, "docs/page.md", f"# Example\n\n```yaml\n{PLAIN}```\n")
    write(project, "config/credentials.yml.enc", "rails' own encryption--Zm9v--YmFy")
    assert found(project) == []


def test_a_template_that_cannot_be_read_is_told_and_does_not_fail(project: Path) -> None:
    write(
        project, "chart/secret.yaml", "kind: Secret\n{{- if .Values.x }}\ndata: {{ .Values.y }}\n"
    )
    result = check_project(project, FOLDERS)
    assert result.problems == ()
    assert result.unreadable == ("chart/secret.yaml",)


def test_an_age_key_is_found_wherever_it_is(project: Path) -> None:
    write(project, "keys.txt", f"# created\n{age_private_key()}\n")
    reported = found(project)
    assert len(reported) == 1
    assert reported[0].startswith("keys.txt:2: a private age key")
    assert age_private_key() not in reported[0]


def test_files_can_be_allowed_by_glob(project: Path) -> None:
    write(project, "test/fixtures/deep/a.yml", PLAIN)
    write(project, "keys.txt", age_private_key())
    assert len(found(project)) == 2
    assert found(project, "test/fixtures/*", "keys.txt") == []


def test_names_with_spaces_and_accents_are_read(project: Path) -> None:
    write(project, "sp ace/é\tx.yml", PLAIN)
    git(project, "add", "-A")
    assert len(found(project)) == 1


def test_a_project_in_a_folder_of_a_checkout_is_judged_by_itself(project: Path) -> None:
    write(project, "extra.yml", PLAIN)
    write(project, "apps/one/.gitignore", IGNORED)
    write(project, "apps/one/deploy/secrets/a.secret.yml.enc", secret())
    write(project, "apps/one/b.yml", PLAIN)
    git(project, "add", "-A")
    assert [line.partition(":")[0] for line in found(project / "apps/one")] == ["b.yml"]


def test_folders_may_be_globs(project: Path) -> None:
    write(project, "apps/one/.gitignore", IGNORED)
    write(project, "apps/one/deploy/secrets/a.secret.yml.enc", PLAIN)
    git(project, "add", "-A")
    result = check_project(project, ["apps/*/deploy/secrets", "deploy/secrets"])
    assert result.encrypted == 2
    assert [p.where.file for p in result.problems if p.where] == [
        "apps/one/deploy/secrets/a.secret.yml.enc"
    ]


def test_everything_is_reported_at_once_in_the_order_of_files(project: Path) -> None:
    write(project, "z.yml", PLAIN)
    write(project, "a.yml", PLAIN)
    write(project, "deploy/secrets/bad.secret.yml.enc", PLAIN)
    assert [line.partition(":")[0] for line in found(project)] == [
        "a.yml",
        "deploy/secrets/bad.secret.yml.enc",
        "z.yml",
    ]


def test_outside_of_a_checkout_it_says_what_it_needs(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="git") as caught:
        check_project(tmp_path, FOLDERS)
    assert "checkout" in (caught.value.hint or "")
