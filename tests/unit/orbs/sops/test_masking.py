from __future__ import annotations

import base64
import json
from typing import Any

from orbs.sops.decrypt import Decrypted
from orbs.sops.masking import secret_values
from orbs.sops.sniff import Encrypted, Format
from pipeline.yamlfile import Document
from tests.unit.orbs.sops.samples import ENC


def decrypted(value: dict[str, Any], source: dict[str, Any] | None = None) -> Decrypted:
    """A YAML file of one document; every value was encrypted, unless ``source`` says otherwise."""
    document = Document(all_encrypted(value) if source is None else source, "a.enc")
    return Decrypted("", (value,), Encrypted("a.enc", "", "yaml", (document,)))


def all_encrypted(value: Any) -> Any:
    """The same shape with ciphertexts as values."""
    if isinstance(value, dict):
        return {key: all_encrypted(item) for key, item in value.items()}
    return [all_encrypted(item) for item in value] if isinstance(value, list) else ENC


def plain(text: str, format_: Format) -> Decrypted:
    """A file of a format without documents."""
    return Decrypted(text, (), Encrypted("a.enc", "", format_))


def secret(**entries: str) -> dict[str, Any]:
    """A Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hoge-app", "namespace": "hoge-staging"},
        "stringData": entries,
    }


def test_the_values_of_a_secret_are_hidden_and_its_names_are_not() -> None:
    assert secret_values(decrypted(secret(API_TOKEN="abc-123-def"))) == ["abc-123-def"]


def test_base64_data_is_hidden_as_written_and_decoded() -> None:
    written = base64.b64encode(b"abc-123-def").decode()
    value = {"kind": "Secret", "data": {"TOKEN": written}}
    assert secret_values(decrypted(value)) == [written, "abc-123-def"]


def test_data_that_is_no_text_is_hidden_as_written() -> None:
    written = base64.b64encode(b"\xff\xfe\xfd\xfc\xfb").decode()
    assert secret_values(decrypted({"kind": "Secret", "data": {"KEY": written}})) == [written]


def test_the_password_of_a_url_is_hidden_on_its_own_and_decoded() -> None:
    url = "postgresql://hoge:pa%2Fss-word@db/hoge"
    assert secret_values(decrypted(secret(DATABASE_URL=url))) == [url, "pa%2Fss-word", "pa/ss-word"]


def test_credentials_inside_a_json_text_are_hidden_on_their_own() -> None:
    config = json.dumps(
        {"auths": {"example.com": {"auth": "aG9nZTpwYXNz", "email": "a@b.example"}}}
    )
    found = secret_values(decrypted(secret(config=config)))
    assert found == [config, "aG9nZTpwYXNz"]


def test_short_words_and_numbers_stay_readable() -> None:
    values = {
        "USER": "hoge",
        "PORT": "5432",
        "HOST": "localhost",
        "ADAPTER": "postgresql",
        "X": "no",
    }
    assert secret_values(decrypted(secret(**values))) == []


def test_short_values_that_look_made_up_are_hidden() -> None:
    assert secret_values(decrypted(secret(PIN="a1b2c", CODE="x-9!"))) == ["a1b2c", "x-9!"]


def test_a_value_that_is_the_objects_own_name_stays_readable() -> None:
    assert secret_values(decrypted(secret(DATABASE="hoge-app"))) == []


def test_keys_can_be_named_whose_values_stay_readable() -> None:
    value = secret(DATABASE_HOST="db.internal.example", TOKEN="abc-123-def")
    assert secret_values(decrypted(value), ["DATABASE_HOST"]) == ["abc-123-def"]


def test_of_a_kubeconfig_only_credentials_are_hidden() -> None:
    key = base64.b64encode(b"PRIVATE PEM TEXT").decode()
    value = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "staging-cluster", "cluster": {"server": "https://k8s.example.com:6443"}}
        ],
        "contexts": [{"name": "staging-context", "context": {"namespace": "hoge-staging"}}],
        "current-context": "staging-context",
        "users": [
            {"name": "deployer", "user": {"token": "tok-en-123"}},
            {
                "name": "basic-user",
                "user": {"username": "deployer-name", "password": "pass-word-1"},
            },
            {
                "name": "cert-user",
                "user": {"client-key-data": key, "client-certificate-data": "Y2VydA=="},
            },
            {
                "name": "oidc-user",
                "user": {
                    "auth-provider": {
                        "name": "oidc-provider",
                        "config": {"client-secret": "cs-123456", "id-token": "idt-123456"},
                    }
                },
            },
            {
                "name": "exec-user",
                "user": {
                    "exec": {
                        "command": "aws-iam-authenticator",
                        "env": [{"name": "AWS_PROFILE", "value": "exec-value-1"}],
                    }
                },
            },
        ],
    }
    assert secret_values(decrypted(value)) == [
        "tok-en-123",
        "pass-word-1",
        key,
        "PRIVATE PEM TEXT",
        "Y2VydA==",
        "cs-123456",
        "idt-123456",
        "exec-value-1",
    ]


def test_of_other_files_what_was_encrypted_is_hidden() -> None:
    value = {
        "kind": "ConfigMap",
        "metadata": {"name": "hoge-config"},
        "data": {"LEVEL": "readable-value", "KEY": "hidden-value", "LIST": ["also-hidden"]},
    }
    source = {**value, "data": {"LEVEL": "readable-value", "KEY": ENC, "LIST": [ENC]}}
    assert secret_values(decrypted(value, source)) == ["hidden-value", "also-hidden"]


def test_structure_stays_readable_where_everything_was_encrypted() -> None:
    value = {
        "apiVersion": "a.example/v1",
        "kind": "Something",
        "type": "a-kind",
        "spec": {"a": "hidden-1"},
    }
    assert secret_values(decrypted(value)) == ["hidden-1"]


def test_secrets_inside_a_list_are_found() -> None:
    value = {"kind": "List", "items": [secret(A="hidden-1"), secret(B="hidden-2")]}
    assert secret_values(decrypted(value)) == ["hidden-1", "hidden-2"]


def test_the_kubeconfig_of_an_envelope_is_read() -> None:
    text = "kind: Config\nusers:\n- name: deployer\n  user: {token: tok-en-123}\n"
    assert secret_values(plain(text, "binary")) == ["tok-en-123"]


def test_an_envelope_that_is_no_yaml_is_hidden_whole() -> None:
    assert secret_values(plain("a: b: c\nsecond line\n", "binary")) == ["a: b: c\nsecond line\n"]
    assert secret_values(plain("one passphrase", "binary")) == ["one passphrase"]


def test_values_of_dotenv_and_ini_files_are_hidden() -> None:
    assert secret_values(plain('A="hidden-1"\n# B\n', "dotenv")) == ["hidden-1"]
    assert secret_values(plain("[x]\nA = hidden-1\n", "ini")) == ["hidden-1"]
