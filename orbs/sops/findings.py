"""What is wrong with one file, as far as secrets go. Pure: text in, problems out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from orbs.sops.sniff import is_ciphertext, read_encrypted, sniff
from pipeline.errors import InvalidInput, Location, Problem
from pipeline.yamlfile import Document, parse_documents

__all__ = ["SUSPECT", "age_key_problems", "encrypted_file_problems", "plain_text_problems"]

SUSPECT = (
    r"kind\"?[[:space:]]*:[[:space:]]*[\"']?(Secret|Config|List|SecretList)\b"
    r"|client-key-data|AGE-SECRET-KEY-1"
)
"""What a file must hold to be worth a closer look, for ``git grep -E -i``."""

_AGE_KEY = re.compile(r"\bAGE-SECRET-KEY-1[0-9A-Z]{58}\b", re.IGNORECASE)
_KUBECONFIG_SECRETS = ("token", "password", "client-key-data", "auth-provider")
_RESTORE = "take the last good version of it, and make changes with `orbyard secrets.edit`"


def encrypted_file_problems(text: str, name: str) -> Iterator[Problem]:
    """Check a file that has to be encrypted, as far as that goes without a key."""
    try:
        encrypted = read_encrypted(text, name)
    except InvalidInput as error:
        yield Problem(error.message, error.where or Location(name), error.hint)
        return
    for document in encrypted.documents:
        yield from _metadata_problems(document)
        yield from _bare_values(document)


def _metadata_problems(document: Document) -> Iterator[Problem]:
    sops = document.value["sops"]
    where = document.where(("sops",))
    if not is_ciphertext(sops.get("mac")):
        yield Problem(
            "the encrypted file has no MAC: what is in it cannot be trusted", where, _RESTORE
        )
    keys = [sops, *(sops.get("key_groups") or [])]
    kinds = ("age", "kms", "pgp", "gcp_kms", "azure_kv", "hc_vault", "hckms")
    if not any(group.get(kind) for group in keys for kind in kinds):
        yield Problem("the encrypted file names no key that opens it", where, _RESTORE)


def _bare_values(document: Document) -> Iterator[Problem]:
    """Find values that stand readable where the file's own rule says they are encrypted."""
    value = document.value
    if value.get("kind") != "Secret":
        return
    for section in ("data", "stringData"):
        entries = value.get(section)
        for key, entry in entries.items() if isinstance(entries, dict) else ():
            if entry not in ("", None) and not is_ciphertext(entry):
                yield Problem(
                    "this value is not encrypted, in a Secret that is",
                    document.where((section, key)),
                    "it was put in by hand, or a rule of .sops.yaml leaves it out (encrypted_regex); "
                    f"{_RESTORE}; treat the value as known and change it",
                )


def plain_text_problems(text: str, name: str) -> Iterator[Problem]:
    """Find Secrets and kubeconfigs in plain text; a text that is no YAML has none.

    Raises:
        InvalidInput: it looks like YAML with a Secret, and cannot be read.
    """
    if sniff(text) is not None:
        return
    for document in parse_documents(text, name):
        yield from _in_object(document, document.value, ())


def _in_object(document: Document, value: Any, path: tuple[str | int, ...]) -> Iterator[Problem]:
    if not isinstance(value, dict):
        return
    kind = value.get("kind")
    if kind == "Secret":
        yield from _in_secret(document, value, path)
    elif kind in {"List", "SecretList"} and isinstance(value.get("items"), list):
        for i, item in enumerate(value["items"]):
            item = {"kind": "Secret", **item} if kind == "SecretList" else item
            yield from _in_object(document, item, (*path, "items", i))
    elif kind == "Config" or "users" in value:
        yield from _in_kubeconfig(document, value)


def _in_secret(
    document: Document, value: dict[str, Any], path: tuple[str | int, ...]
) -> Iterator[Problem]:
    filled = [
        (section, key)
        for section in ("data", "stringData")
        if isinstance(value.get(section), dict)
        for key, entry in value[section].items()
        if entry not in ("", None) and not is_ciphertext(entry)
    ]
    if not filled:
        return
    metadata = value.get("metadata")
    object_name = metadata.get("name", "") if isinstance(metadata, dict) else ""
    amount = f"{len(filled)} value{'s'[: len(filled) != 1]}"
    yield Problem(
        f"the Secret {object_name!r} stands here in plain text, with {amount}",
        document.where((*path, *filled[0])),
        "move it to deploy/secrets/ENV.secret.yml and encrypt it with `orbyard secrets.encrypt`; if it "
        "was ever pushed, treat the values as known and change them",
    )


def _in_kubeconfig(document: Document, value: dict[str, Any]) -> Iterator[Problem]:
    users = value.get("users")
    for i, entry in enumerate(users if isinstance(users, list) else ()):
        user = entry.get("user") if isinstance(entry, dict) else None
        if not isinstance(user, dict):
            continue
        for key in _KUBECONFIG_SECRETS:
            if user.get(key) and not is_ciphertext(user[key]):
                yield Problem(
                    f"a kubeconfig with a credential ({key}) stands here in plain text",
                    document.where(("users", i, "user", key)),
                    "move it to deploy/kubeconfig/ENV.kubeconfig and encrypt it with `orbyard "
                    "secrets.encrypt`; if it was ever pushed, revoke the credential",
                )
                break


def age_key_problems(text: str, name: str) -> Iterator[Problem]:
    """Find private keys of age."""
    for found in _AGE_KEY.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Problem(
            "a private age key stands here: whoever has it reads every file that is encrypted for it",
            Location(name, line),
            "take it out of the repository; if it was ever pushed, make a new key, rotate "
            "(`orbyard secrets.rotate`) and change the secrets; a worthless test key can be named in "
            "sops.allow of orbyard.yml",
        )
