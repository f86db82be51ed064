"""Encrypted text to plain text and values, in memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orbs.sops.aligned import write_aligned
from orbs.sops.messages import explain
from orbs.sops.program import Sops
from orbs.sops.sniff import Encrypted, Format, read_encrypted, recipients
from pipeline.errors import InvalidInput, Location, OrbyardError
from pipeline.process import Completed
from pipeline.yamlfile import parse_documents

__all__ = ["Decrypted", "decrypt_text", "decrypt_values", "decryption_error", "load_encrypted"]

_CANNOT_DUMP = 4
"""sops' exit code where the output format has no form for a value, as JSON for ``.inf``."""


@dataclass(frozen=True, slots=True)
class Decrypted:
    """A decrypted file.

    Attributes:
        text: YAML and JSON: YAML with each key on the line of the encrypted file; other formats: as
            it was before it was encrypted.
        values: the documents of YAML and JSON, in the order of ``encrypted.documents``.
        encrypted: what it was made of.
    """

    text: str
    values: tuple[Any, ...]
    encrypted: Encrypted


def load_encrypted(path: Path, name: str) -> Encrypted:
    """Read an encrypted file.

    Raises:
        InvalidInput: it is missing, no text, or not encrypted; see :func:`read_encrypted`.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        raise InvalidInput(
            "there is no such file",
            where=Location(name),
            hint="look at the path; `orbyard secrets.edit` begins a new Secret",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidInput(f"cannot be read: {reason}", where=Location(name)) from error
    return read_encrypted(text, name)


def decrypt_text(sops: Sops, encrypted: Encrypted) -> str:
    """Return the plain text in its own format, comments and all.

    Raises:
        OrbyardError: sops failed; see :mod:`orbs.sops.messages`.
    """
    return _checked(sops, encrypted, encrypted.format).text


def decrypt_values(sops: Sops, encrypted: Encrypted) -> Decrypted:
    """Return the values, and a YAML text in which they stand on their old lines.

    Raises:
        OrbyardError: sops failed; see :mod:`orbs.sops.messages`.
    """
    if encrypted.format not in {"yaml", "json"}:
        return Decrypted(decrypt_text(sops, encrypted), (), encrypted)
    values = _decrypt_documents(sops, encrypted)
    return Decrypted(write_aligned(values, encrypted.documents), tuple(values), encrypted)


def _decrypt_documents(sops: Sops, encrypted: Encrypted) -> list[Any]:
    if len(encrypted.documents) == 1:
        done = _call(sops, encrypted, "json")
        if done.exit_code == 0:
            return [json.loads(done.text)]
        if done.exit_code != _CANNOT_DUMP:
            raise decryption_error(done, encrypted)
    # As JSON, sops writes the first of several documents only, and calls that a success.
    text = _checked(sops, encrypted, "yaml").text
    found = [document.value for document in parse_documents(text, encrypted.name)]
    if len(found) != len(encrypted.documents):
        raise InvalidInput(
            f"{len(encrypted.documents)} documents went in, and {len(found)} came out of sops",
            where=Location(encrypted.name),
            hint="take out empty documents with `orbyard secrets.edit`",
        )
    return found


def _checked(sops: Sops, encrypted: Encrypted, output: Format) -> Completed:
    done = _call(sops, encrypted, output)
    if done.exit_code != 0:
        raise decryption_error(done, encrypted)
    return done


def _call(sops: Sops, encrypted: Encrypted, output: Format) -> Completed:
    words = ["decrypt", "--input-type", encrypted.format, "--output-type", output, "/dev/stdin"]
    return sops.run(words, stdin=encrypted.text.encode(), name=encrypted.name)


def decryption_error(done: Completed, encrypted: Encrypted) -> OrbyardError:
    """Return the error for a call about an encrypted file that failed."""
    contexts = [(found.name, found.context) for found in recipients(encrypted)]
    return explain(done.exit_code, done.error_text, encrypted.name, contexts)
