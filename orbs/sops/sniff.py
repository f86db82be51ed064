"""What an encrypted text is: its format, its documents, its recipients.

The suffix ``.enc`` hides a file's format from sops, which goes by the last suffix and takes everything
else for binary. A wrong guess can succeed: a binary envelope read as YAML gives one key ``data``. So
the text decides, never the name:

===================================================  ==========
text                                                 format
===================================================  ==========
a JSON object of ``data`` (an ENC[…] text), ``sops``  binary
a JSON object with ``sops``                           json
YAML, a document of it with a top-level ``sops``      yaml
lines ``sops_mac=`` or ``sops_version=``              dotenv
a section ``[sops]``                                  ini
anything else                                         none: not encrypted
===================================================  ==========
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from pipeline.errors import InvalidInput, Location
from pipeline.yamlfile import Document, parse_documents

__all__ = [
    "Encrypted",
    "Format",
    "Recipient",
    "conflict_marker_line",
    "format_of_plain_file",
    "is_ciphertext",
    "read_encrypted",
    "recipients",
    "sniff",
]

Format = Literal["yaml", "json", "dotenv", "ini", "binary"]
"""sops' names of its formats, as ``--input-type`` takes them."""

_CIPHERTEXT = re.compile(r"ENC\[AES256_GCM,data:[^\s,]*,iv:[^\s,]+,tag:[^\s,]+,type:\w+\]\Z")
_CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: |\r?$)", re.MULTILINE)
_YAML_METADATA = re.compile(r"^[\"']?sops[\"']?\s*:", re.MULTILINE)
_DOTENV_METADATA = re.compile(r"^sops_(?:mac|version)\s*=", re.MULTILINE)
_INI_METADATA = re.compile(r"^\[sops\]\s*$", re.MULTILINE)
_SUFFIXES: Mapping[str, Format] = {
    ".yml": "yaml",
    ".yaml": "yaml",
    ".kubeconfig": "yaml",
    ".json": "json",
    ".env": "dotenv",
    ".ini": "ini",
}


@dataclass(frozen=True, slots=True)
class Recipient:
    """A key that opens a file: kind (``age``, ``kms`` …), its name, and a KMS encryption context."""

    kind: str
    name: str
    context: str = ""


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A text that sops wrote.

    Attributes:
        name: the file's name in messages.
        text: its text, without a byte order mark.
        format: sops' name of its format.
        documents: the YAML or JSON documents with ``ENC[…]`` values; none for other formats.
    """

    name: str
    text: str
    format: Format
    documents: tuple[Document, ...] = ()


def is_ciphertext(value: object) -> bool:
    """Return whether a value is one that sops encrypted."""
    return isinstance(value, str) and _CIPHERTEXT.match(value) is not None


def conflict_marker_line(text: str) -> int:
    """Return the line, from 1, of the first git conflict marker, or 0."""
    found = _CONFLICT.search(text)
    return text.count("\n", 0, found.start()) + 1 if found else 0


def sniff(text: str) -> Format | None:
    """Return the format of an encrypted text, or None where it is not encrypted."""
    if text.lstrip().startswith("{"):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            pass  # Flow-style YAML begins with a brace too.
        else:
            return _sniff_object(value)
    if _YAML_METADATA.search(text):
        return "yaml"
    if _DOTENV_METADATA.search(text):
        return "dotenv"
    if _INI_METADATA.search(text):
        return "ini"
    return None


def _sniff_object(value: dict[str, Any]) -> Format | None:
    if not isinstance(value.get("sops"), dict):
        return None
    envelope = value.keys() == {"data", "sops"} and is_ciphertext(value["data"])
    return "binary" if envelope else "json"


def read_encrypted(text: str, name: str) -> Encrypted:
    """Take an encrypted text apart.

    Raises:
        InvalidInput: it is not encrypted, has a conflict marker, or is several files joined.
    """
    text = text.removeprefix("\ufeff")
    line = conflict_marker_line(text)
    if line:
        raise InvalidInput(
            "git left a conflict marker in this encrypted file",
            where=Location(name, line),
            hint="take one side whole (`git checkout --ours` or `--theirs` on the file), then put the "
            f"other side's change in with `orbyard secrets.edit {name}`",
        )
    format_ = sniff(text)
    if format_ is None:
        raise not_encrypted(name)
    if format_ not in {"yaml", "json"}:
        return Encrypted(name, text, format_)
    try:
        documents = tuple(parse_documents(text, name))
    except InvalidInput as error:
        raise InvalidInput(
            f"the encrypted file is damaged: {error.message}",
            where=error.where,
            hint=f"take the last good version (`git log -p -- {name}`) and make changes with "
            f"`orbyard secrets.edit {name}`",
        ) from error
    _check_documents(documents, name)
    return Encrypted(name, text, format_, documents)


def not_encrypted(name: str) -> InvalidInput:
    """Return the error for a file that should be encrypted and is not."""
    return InvalidInput(
        "this file is not encrypted: it has no sops metadata",
        where=Location(name),
        hint="encrypt the plain text with `orbyard secrets.encrypt FILE`; if this file was ever pushed, "
        "treat what is in it as known and change it",
    )


def _check_documents(documents: tuple[Document, ...], name: str) -> None:
    metadata = [_metadata(document) for document in documents]
    if not any(metadata):
        raise not_encrypted(name)
    for document, sops in zip(documents, metadata, strict=True):
        if not sops:
            raise InvalidInput(
                "this document is not encrypted, in a file whose other documents are",
                where=document.where(),
                hint=f"take it out, and put it back in with `orbyard secrets.edit {name}`",
            )
        if sops.get("mac") != metadata[0].get("mac"):
            raise InvalidInput(
                "this document was encrypted on its own: several encrypted files were joined",
                where=document.where(),
                hint="sops reads the key of the first document only; keep each in a file of its own, "
                "or join the plain texts and encrypt once",
            )


def _metadata(document: Document) -> dict[str, Any]:
    found = document.value.get("sops") if isinstance(document.value, dict) else None
    return found if isinstance(found, dict) else {}


def recipients(encrypted: Encrypted) -> list[Recipient]:
    """Return the keys that open the file, in the order of its metadata."""
    if encrypted.format == "binary":
        metadata = json.loads(encrypted.text)["sops"]
    else:
        metadata = _metadata(encrypted.documents[0]) if encrypted.documents else {}
    groups = [metadata, *(metadata.get("key_groups") or [])]
    return [found for group in groups if isinstance(group, dict) for found in _group(group)]


def _group(group: Mapping[str, Any]) -> Iterator[Recipient]:
    keys = {"age": "recipient", "kms": "arn", "pgp": "fp", "gcp_kms": "resource_id"}
    for kind, key in keys.items():
        for entry in group.get(kind) or []:
            context = entry.get("context") or {}
            words = ",".join(f"{name}:{context[name]}" for name in sorted(context))
            yield Recipient(kind, str(entry.get(key, "")), words)
    for entry in group.get("azure_kv") or []:
        yield Recipient("azure_kv", f"{entry.get('vault_url')}/keys/{entry.get('name')}")
    for entry in group.get("hc_vault") or []:
        yield Recipient("hc_vault", f"{entry.get('vault_address')}/{entry.get('key_name')}")


def format_of_plain_file(path: PurePath | str) -> Format:
    """Return the format that a plain text of that name has; ``.enc`` at its end is left out."""
    name = PurePath(str(path).removesuffix(".enc"))
    if name.name == ".env":
        return "dotenv"
    return _SUFFIXES.get(name.suffix, "binary")
