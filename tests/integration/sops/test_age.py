from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orbs.sops.program import find_sops
from pipeline.errors import InvalidInput, Unavailable
from pipeline.yamlfile import parse_documents
from tests.integration.sops.support import (
    KUBECONFIG_FILE,
    SECRET,
    SECRET_FILE,
    Project,
    age_private_key,
)

KUBECONFIG = """\
apiVersion: v1
kind: Config
clusters:
- name: staging
  cluster: {server: https://k8s.example.com:6443}
users:
- name: deployer
  user: {token: tok-en-of-staging}
"""


def values(text: str) -> list[object]:
    """What a reader of manifests makes of a text."""
    return [document.value for document in parse_documents(text, "x")]


def test_a_secret_comes_back_with_the_same_values_and_their_lines(project: Project) -> None:
    encrypted = project.encrypt(SECRET)
    assert "s3cr3t" not in encrypted
    text = project.decrypt()
    assert values(text) == values(SECRET)
    here = parse_documents(text, "x")[0]
    there = parse_documents(encrypted, "x")[0]
    for key in ("DATABASE_URL", "LINES"):
        assert here.where(("stringData", key)) == there.where(("stringData", key))


def test_several_documents_come_back_and_empty_ones_do_not(project: Project) -> None:
    other = SECRET.replace("hoge-app", "other").replace("s3cr3t", "an0ther")
    project.encrypt(f"{SECRET}---\n---\n{other}")
    assert values(project.decrypt()) == values(SECRET) + values(other)


def test_what_is_decrypted_is_masked_in_the_output_of_that_run(project: Project) -> None:
    from orbs.sops import decrypt_for_run

    project.encrypt(SECRET)
    project.encrypt(KUBECONFIG, KUBECONFIG_FILE)
    run = project.run()
    for name in (SECRET_FILE, KUBECONFIG_FILE):
        assert "s3cr3t" not in repr(decrypt_for_run(run, name))
    said = "hoge-app at k8s.example.com: s3cr3t-pass-word, first line, tok-en-of-staging"
    masked = run.console.masker.mask(said)
    assert masked == "hoge-app at k8s.example.com: ****, ****, ****"


def test_a_kubeconfig_in_a_binary_envelope_comes_back_as_it_was(project: Project) -> None:
    plain = project.write("plain", KUBECONFIG)
    words = ["--input-type", "binary", "--output-type", "binary"]
    words += ["--filename-override", str(KUBECONFIG_FILE), str(plain)]
    program = find_sops("", project.root, project.environ)
    done = project.shell([program, "encrypt", *words])
    assert done.exit_code == 0, done.error_text
    assert json.loads(done.text).keys() == {"data", "sops"}
    project.write(KUBECONFIG_FILE, done.text)
    assert project.decrypt(KUBECONFIG_FILE) == KUBECONFIG


def test_json_is_read_as_json(project: Project) -> None:
    name = Path("deploy/kubeconfig/staging.json.enc")
    project.encrypt('{"a": {"b": "secret-value", "n": 1}}', name)
    assert values(project.decrypt(name)) == [{"a": {"b": "secret-value", "n": 1}}]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(lambda text: "\ufeff" + text.replace("\n", "\r\n"), id="both"),
    ],
)
def test_files_that_windows_editors_have_touched_are_read(project: Project, change) -> None:  # type: ignore[no-untyped-def]  # a lambda of the table
    project.write(SECRET_FILE, change(project.encrypt(SECRET)))
    assert values(project.decrypt()) == values(SECRET)


def test_a_value_of_a_mebibyte_comes_back(project: Project) -> None:
    large = "x9" * (512 * 1024)
    project.encrypt(f"kind: Secret\nstringData:\n  LARGE: {large}\n")
    assert values(project.decrypt()) == [{"kind": "Secret", "stringData": {"LARGE": large}}]


def test_ten_files_are_decrypted_at_once_in_one_run(project: Project) -> None:
    from orbs.sops import decrypt_for_run

    names = [Path(f"deploy/secrets/{i}.secret.yml.enc") for i in range(10)]
    for i, name in enumerate(names):
        project.encrypt(f"kind: Secret\nstringData: {{A: value-number-{i}}}\n", name)
    run, start = project.run(), threading.Barrier(10)

    def decrypt(name: Path) -> str:
        start.wait()
        return decrypt_for_run(run, name).reveal()

    with ThreadPoolExecutor(10) as pool:
        texts = list(pool.map(decrypt, names))
    assert all(f"value-number-{i}" in text for i, text in enumerate(texts))
    assert "value-number" not in run.console.masker.mask(
        " ".join(f"value-number-{i}" for i in range(10))
    )


def test_the_key_may_be_named_in_the_settings(project: Project) -> None:
    project.encrypt(SECRET)
    key_file = Path(project.environ["SOPS_AGE_KEY_FILE"])
    project.write("keys/app.agekey", key_file.read_text())
    project.write("orbyard.yml", "sops:\n  age_key_file: keys/app.agekey\n")
    del project.environ["SOPS_AGE_KEY_FILE"]
    assert values(project.decrypt()) == values(SECRET)


def test_without_a_key_it_says_which_one_is_needed(project: Project) -> None:
    project.encrypt(SECRET)
    del project.environ["SOPS_AGE_KEY_FILE"]
    with pytest.raises(Unavailable, match="cannot be decrypted") as caught:
        project.decrypt()
    assert (
        "age1wwzy8s5xhg6cnlu2cvaa76p7j2ncg6pnft37wezwxy6stkcyeshsu6qepj" in caught.value.details[0]
    )
    assert "no age key was found" in caught.value.details[0]
    assert "SOPS_AGE_KEY" in (caught.value.hint or "")


def test_with_another_key_it_says_that_none_fits(project: Project) -> None:
    project.encrypt(SECRET)
    del project.environ["SOPS_AGE_KEY_FILE"]
    with pytest.raises(Unavailable) as caught:
        project.decrypt(SOPS_AGE_KEY=age_private_key(7))
    assert "none of the age keys at hand opens it" in caught.value.details[0]


def test_with_half_a_key_it_says_so_and_does_not_show_it(project: Project) -> None:
    project.encrypt(SECRET)
    del project.environ["SOPS_AGE_KEY_FILE"]
    half = age_private_key(7)[:40]
    with pytest.raises(Unavailable) as caught:
        project.decrypt(SOPS_AGE_KEY=half)
    assert "not a whole key" in caught.value.details[0]
    assert half not in f"{caught.value} {caught.value.details} {caught.value.hint}"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        pytest.param(
            "name: hoge-app", "name: edited", "MAC does not match", id="clear field edited"
        ),
        pytest.param("DATABASE_URL: ENC", "OTHER_URL: ENC", "by hand", id="encrypted key renamed"),
        pytest.param("    mac: ENC", "    cam: ENC", "has no MAC", id="MAC missing"),
        pytest.param(
            "stringData:\n", "<<<<<<< HEAD\nstringData:\n", "conflict marker", id="conflict"
        ),
        pytest.param(
            "    NUMBER: ENC[", "    NUMBER: hunter2 #", "by hand", id="plain text put in"
        ),
        pytest.param("sops:\n", "spos:\n", "not encrypted", id="metadata lost"),
        pytest.param("metadata:\n", "metadata: [\n", "damaged", id="syntax"),
    ],
)
def test_a_damaged_file_is_refused_with_its_cause(
    project: Project, before: str, after: str, words: str
) -> None:
    encrypted = project.encrypt(SECRET)
    assert before in encrypted
    project.write(SECRET_FILE, encrypted.replace(before, after))
    with pytest.raises(InvalidInput, match=words) as caught:
        project.decrypt()
    shown = f"{caught.value} {caught.value.details} {caught.value.hint}"
    assert str(SECRET_FILE) in shown
    assert "hunter2" not in shown
    assert caught.value.hint


def test_a_mac_mismatch_shows_no_digest(project: Project) -> None:
    encrypted = project.encrypt(SECRET)
    project.write(SECRET_FILE, encrypted.replace("name: hoge-app", "name: edited"))
    done = project.cli("--debug", "secrets.decrypt", str(SECRET_FILE))
    assert done.exit_code == 2
    assert "MAC does not match" in done.error_text
    assert not any(
        len(word.strip(",.")) >= 64 and word.isalnum() for word in done.error_text.split()
    )


def test_joined_files_are_refused(project: Project) -> None:
    one = project.encrypt(SECRET)
    two = project.encrypt(SECRET)
    project.write(SECRET_FILE, f"{one}---\n{two}")
    with pytest.raises(InvalidInput, match="several encrypted files were joined"):
        project.decrypt()


def test_a_plain_file_is_refused(project: Project) -> None:
    project.write(SECRET_FILE, SECRET)
    with pytest.raises(InvalidInput, match="not encrypted"):
        project.decrypt()


def test_a_missing_file_is_named(project: Project) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        project.decrypt()


def test_a_path_without_a_rule_is_refused_with_the_rule_to_write(project: Project) -> None:
    with pytest.raises(InvalidInput, match=r"no rule of \.sops\.yaml") as caught:
        project.encrypt("a: b\n", Path("config/a.yml.enc"))
    assert "path_regex" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: b: c\n", "not valid YAML"),
        ("", "empty"),
        ("- a\n", "cannot be read"),
        ("kind: Secret\nstringData: {PORT: 5432}\n", "Kubernetes would refuse"),
        ("<<<<<<< HEAD\na: b\n", "conflict marker"),
    ],
)
def test_plain_text_that_cannot_be_encrypted_is_refused(
    project: Project, text: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        project.encrypt(text)
    assert not (project.root / SECRET_FILE).exists()


def test_what_is_encrypted_is_not_encrypted_again(project: Project) -> None:
    encrypted = project.encrypt(SECRET)
    with pytest.raises(InvalidInput, match="encrypted already"):
        project.encrypt(encrypted)


def test_a_broken_configuration_is_named_with_its_line(project: Project) -> None:
    project.encrypt(SECRET)
    project.write(".sops.yaml", "creation_rules:\n  - age: [\n")
    with pytest.raises(InvalidInput, match=r"\.sops\.yaml:\d+: sops cannot read"):
        project.decrypt()


def test_a_recipient_that_is_no_key_is_named(project: Project) -> None:
    project.write(".sops.yaml", "creation_rules:\n  - age: age1bad\n")
    with pytest.raises(InvalidInput, match=r"\.sops\.yaml.*not an age public key"):
        project.encrypt(SECRET)
