"""Which values of a decrypted file are hidden in the output.

Too few would leak; too many would make the output unreadable, were a Secret's ``DATABASE_USER: hoge``
to blank the name of every object. Hidden are:

- of a Secret: the values of ``data`` (as written, and what it says decoded) and ``stringData``;
- of a kubeconfig: its credentials, and not names, servers and namespaces;
- of other files: each value that was ``ENC[…]``, except ``apiVersion``, ``kind``, ``type``, ``metadata``;
- of each of these, what is a secret on its own: the password in a URL, the credentials in a JSON text.

Not hidden are values shorter than 4 characters, those of 4 and 5 that are just letters or just digits
(``hoge``, ``5432``), a few words that say nothing (``postgres``), and the object's own name.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from orbs.sops.decrypt import Decrypted
from orbs.sops.sniff import is_ciphertext
from pipeline.errors import InvalidInput
from pipeline.yamlfile import parse_documents

__all__ = ["secret_values"]

_CREDENTIALS = frozenset(
    {
        "token",
        "password",
        "client-key-data",
        "client-certificate-data",
        "access-token",
        "id-token",
        "refresh-token",
        "client-secret",
    }
)
"""Keys of a kubeconfig whose value is a secret."""
_STRUCTURE = frozenset({"apiVersion", "kind", "metadata", "type"})
_ORDINARY = frozenset(
    {
        "application",
        "database",
        "default",
        "disabled",
        "docker",
        "enabled",
        "kubernetes",
        "localhost",
        "mysql2",
        "postgres",
        "postgresql",
        "production",
        "public",
        "rails",
        "redis",
        "sidekiq",
        "sqlite3",
        "staging",
        "warning",
    }
)
_CREDENTIAL_WORD = re.compile(r"pass|secret|token|auth|key|credential", re.IGNORECASE)


def secret_values(decrypted: Decrypted, unmasked_keys: Iterable[str] = ()) -> list[str]:
    """Return the values to hide, without doubles.

    Args:
        decrypted: the file.
        unmasked_keys: keys of Secrets whose values stay readable.
    """
    found: dict[str, None] = {}
    public = frozenset(unmasked_keys)
    for value in _candidates(decrypted, public):
        for part in _parts(value):
            if _worth_hiding(part):
                found[part] = None
    return list(found)


def _candidates(decrypted: Decrypted, public: frozenset[str]) -> Iterator[str]:
    encrypted = decrypted.encrypted
    if encrypted.format in {"yaml", "json"}:
        for value, source in zip(decrypted.values, encrypted.documents, strict=True):
            yield from _of_document(value, source.value, public)
    elif encrypted.format == "binary":
        yield from _of_binary(decrypted.text, public)
    else:
        for line in decrypted.text.splitlines():
            key, mark, value = line.partition("=")
            if mark and key.strip() not in public:
                yield value.strip().strip("\"'")


def _of_binary(text: str, public: frozenset[str]) -> Iterator[str]:
    try:
        documents = [document.value for document in parse_documents(text, "")]
    except InvalidInput:
        documents = []
    if any(isinstance(value, dict) for value in documents):
        for value in documents:
            yield from _of_document(value, None, public)
    else:
        yield text


def _of_document(value: Any, source: Any, public: frozenset[str]) -> Iterator[str]:
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind == "Secret":
        yield from _of_secret(value, public)
    elif isinstance(value, dict) and (kind == "Config" or {"clusters", "users"} <= value.keys()):
        yield from _of_kubeconfig(value.get("users"))
    elif isinstance(value, dict) and isinstance(value.get("items"), list) and kind:
        items = source.get("items") if isinstance(source, dict) else None
        for i, item in enumerate(value["items"]):
            known = isinstance(items, list) and i < len(items)
            yield from _of_document(item, items[i] if known else None, public)  # type: ignore[index]  # a list
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _STRUCTURE and key not in public:
                yield from _encrypted_leaves(item, _entry(source, key), public)
    else:
        yield from _encrypted_leaves(value, source, public)


def _of_secret(value: Mapping[str, Any], public: frozenset[str]) -> Iterator[str]:
    metadata = value.get("metadata")
    own_name = metadata.get("name") if isinstance(metadata, dict) else None
    for section in ("data", "stringData"):
        entries = value.get(section)
        for key, entry in entries.items() if isinstance(entries, dict) else ():
            if key in public or not isinstance(entry, str) or entry == own_name:
                continue
            yield entry
            if section == "data":
                yield from _decoded(entry)


def _decoded(text: str) -> Iterator[str]:
    try:
        yield base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, ValueError):
        return


def _of_kubeconfig(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _of_kubeconfig(item)
    elif isinstance(value, dict):
        is_variable = value.keys() == {"name", "value"}
        for key, item in value.items():
            if isinstance(item, str) and (key in _CREDENTIALS or (is_variable and key == "value")):
                yield item
                if key == "client-key-data":
                    yield from _decoded(item)
            else:
                yield from _of_kubeconfig(item)


def _encrypted_leaves(value: Any, source: Any, public: frozenset[str]) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in public:
                yield from _encrypted_leaves(item, _entry(source, key), public)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _encrypted_leaves(item, _entry(source, i), public)
    elif source is None or is_ciphertext(source):
        yield value if isinstance(value, str) else json.dumps(value)


def _entry(source: Any, step: str | int) -> Any:
    if isinstance(source, dict):
        return source.get(step)
    if isinstance(source, list) and isinstance(step, int) and step < len(source):
        return source[step]
    return None


def _parts(value: str) -> Iterator[str]:
    yield value
    yield from _passwords(value)
    if value.lstrip().startswith("{"):
        try:
            yield from _json_credentials(json.loads(value), named=False)
        except (ValueError, RecursionError):
            return


def _passwords(value: str) -> Iterator[str]:
    """Yield the password of a URL, written and decoded: clients print it without the URL around it."""
    for word in value.split():
        if "://" not in word:
            continue
        try:
            password = urlsplit(word).password
        except ValueError:
            continue
        if password:
            yield password
            yield unquote(password)


def _json_credentials(value: Any, *, named: bool) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _json_credentials(item, named=bool(_CREDENTIAL_WORD.search(key)))
    elif isinstance(value, list):
        for item in value:
            yield from _json_credentials(item, named=named)
    elif named and isinstance(value, str):
        yield value


def _worth_hiding(value: str) -> bool:
    text = value.strip()
    if len(text) < 4 or text.lower() in _ORDINARY:
        return False
    return len(text) >= 6 or not (text.isalpha() or text.isdigit())
