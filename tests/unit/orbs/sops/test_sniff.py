from __future__ import annotations

import json

import pytest

from orbs.sops.sniff import (
    conflict_marker_line,
    format_of_plain_file,
    is_ciphertext,
    read_encrypted,
    recipients,
    sniff,
)
from pipeline.errors import InvalidInput
from tests.unit.orbs.sops.samples import ENC, RECIPIENT, metadata, secret

SOPS = {"mac": ENC, "version": "3.11.0"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(json.dumps({"data": ENC, "sops": SOPS}), "binary", id="envelope"),
        pytest.param("\n" + json.dumps({"sops": SOPS, "data": ENC}), "binary", id="any order"),
        pytest.param(json.dumps({"data": {"a": ENC}, "sops": SOPS}), "json", id="json named data"),
        pytest.param(json.dumps({"a": ENC, "sops": SOPS}), "json", id="json"),
        pytest.param(json.dumps({"a": "b"}), None, id="plain json"),
        pytest.param(json.dumps({"sops": "a word"}), None, id="json with a word sops"),
        pytest.param("{a: 1}\n", None, id="flow yaml"),
        pytest.param(secret(), "yaml", id="yaml"),
        pytest.param(secret().replace("\n", "\r\n"), "yaml", id="yaml with CRLF"),
        pytest.param(f"sops_mac={ENC}\nsops_version=3.11.0\nA={ENC}\n", "dotenv", id="dotenv"),
        pytest.param(f"[app]\nA = {ENC}\n\n[sops]\nmac = {ENC}\n", "ini", id="ini"),
        pytest.param("apiVersion: v1\nkind: Secret\n", None, id="plain yaml"),
        pytest.param("  sops:\n    mac: x\n", None, id="sops below another key"),
        pytest.param("# sops: no\n", None, id="comment"),
        pytest.param("", None, id="empty"),
    ],
)
def test_the_text_decides_the_format(text: str, expected: str | None) -> None:
    assert sniff(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deploy/secrets/staging.secret.yml.enc", "yaml"),
        ("deploy/secrets/staging.secret.yaml", "yaml"),
        ("deploy/kubeconfig/staging.kubeconfig.enc", "yaml"),
        ("config.json.enc", "json"),
        (".env.enc", "dotenv"),
        ("staging.env", "dotenv"),
        ("app.ini.enc", "ini"),
        ("certificate.pem.enc", "binary"),
        ("enc", "binary"),
    ],
)
def test_a_plain_file_has_the_format_of_its_name_without_enc(name: str, expected: str) -> None:
    assert format_of_plain_file(name) == expected


def test_plain_text_is_told_from_ciphertext() -> None:
    assert is_ciphertext(ENC)
    assert not is_ciphertext("ENC[really]")
    assert not is_ciphertext(f"{ENC} and more")
    assert not is_ciphertext(None)


def test_a_conflict_marker_is_found_with_its_line() -> None:
    text = secret().replace("stringData:", "<<<<<<< HEAD\nstringData:\n=======\n>>>>>>> theirs")
    with pytest.raises(InvalidInput, match="conflict marker") as caught:
        read_encrypted(text, "a.enc")
    assert (caught.value.where and caught.value.where.line) == 5
    assert conflict_marker_line("a\r\n<<<<<<< HEAD\r\n") == 2


def test_an_underline_of_equals_signs_is_no_conflict() -> None:
    assert conflict_marker_line("title: |\n  Secrets\n=======\n") == 0


def test_a_plain_file_is_refused_with_what_to_do() -> None:
    with pytest.raises(InvalidInput, match="not encrypted") as caught:
        read_encrypted("apiVersion: v1\n", "deploy/secrets/a.enc")
    assert "secrets.encrypt" in (caught.value.hint or "")


def test_joined_files_are_refused_with_the_line_of_the_second() -> None:
    other = ENC.replace("4kR7", "zzzz")
    joined = f"{secret()}---\n{secret('other', other)}"
    with pytest.raises(InvalidInput, match="several encrypted files were joined") as caught:
        read_encrypted(joined, "a.enc")
    assert (caught.value.where and caught.value.where.line) == secret().count("\n") + 2


def test_a_plain_document_behind_an_encrypted_one_is_refused() -> None:
    with pytest.raises(InvalidInput, match="this document is not encrypted"):
        read_encrypted(f"{secret()}---\nkind: ConfigMap\n", "a.enc")


def test_several_documents_that_were_encrypted_together_are_read() -> None:
    encrypted = read_encrypted(f"{secret()}---\n{secret('other')}", "a.enc")
    assert [document.value["metadata"]["name"] for document in encrypted.documents] == [
        "hoge-app",
        "other",
    ]


def test_a_byte_order_mark_does_not_matter() -> None:
    assert read_encrypted("\ufeff" + secret(), "a.enc").format == "yaml"


def test_broken_yaml_is_reported_with_line_and_a_way_out() -> None:
    with pytest.raises(InvalidInput, match="damaged") as caught:
        read_encrypted(secret().replace("metadata:", "metadata: [", 1), "a.enc")
    assert caught.value.where
    assert caught.value.where.line > 0
    assert "git log" in (caught.value.hint or "")


def test_recipients_are_read_with_their_encryption_context() -> None:
    arn = "arn:aws:kms:us-east-1:1:key/a"
    kms = f"    kms:\n        - arn: {arn}\n          context: {{env: staging, app: hoge}}\n"
    text = secret().replace("sops:\n", f"sops:\n{kms}")
    found = recipients(read_encrypted(text, "a.enc"))
    assert [(r.kind, r.name, r.context) for r in found] == [
        ("age", RECIPIENT, ""),
        ("kms", arn, "app:hoge,env:staging"),
    ]


def test_recipients_in_key_groups_and_envelopes_are_read() -> None:
    group = {"age": [{"recipient": RECIPIENT, "enc": "x"}]}
    envelope = json.dumps({"data": ENC, "sops": {**SOPS, "key_groups": [group]}})
    assert [r.name for r in recipients(read_encrypted(envelope, "a.enc"))] == [RECIPIENT]
    assert metadata().startswith("sops:")
