"""Files of variables, plain or encrypted: dotenv, YAML and JSON.

A file counts as encrypted where ``.enc`` is one of its endings (``staging.env.enc``, ``staging.enc.yaml``)
or where it holds what only sops writes; the orb that provides ``decrypt`` then gives its text, in memory.
A plain one is dotenv (:mod:`pipeline.runner.env_file`), or a mapping of names and values where its name
ends so. Of an encrypted one the text decides, since its name need not tell.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import InvalidInput, Location, Problem, Unavailable
from pipeline.runner.env_file import check_name, read_env_file
from pipeline.yamlfile import Document, parse_documents

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["VariableFile", "is_encrypted", "read_variable_file"]

_YAML_ENDINGS = frozenset({".yml", ".yaml", ".json"})
_CIPHERTEXT = "ENC[AES256_GCM,"
_DOTENV_LINE = re.compile(r"(?:export[ \t]+)?[A-Za-z_][^\s:=]*[ \t]*(?:=|\Z)")


@dataclass(frozen=True, slots=True)
class VariableFile:
    """What a file holds: its name in messages, its variables, and whether they lie there encrypted."""

    name: str
    variables: Mapping[str, str]
    is_encrypted: bool


def read_variable_file(run: Run, path: Path, *, named_at: Location | None = None) -> VariableFile:
    """Read the variables of a file.

    Args:
        run: whose output hides what is decrypted; a bare ``NAME`` is taken from its environment.
        path: the file, absolute.
        named_at: where its name is written, for the case that it is not there.

    Raises:
        InvalidInput: it cannot be read.
        Unavailable: it is encrypted, and its key or the program for it is missing.
    """
    name = _name_in_project(run, path)
    text = _read(path, name, named_at)
    encrypted = is_encrypted(path.name, text)
    if encrypted:
        text = _decrypt(run, path, name)
        is_mapping = not _is_dotenv(text)
    else:
        is_mapping = path.suffix in _YAML_ENDINGS
    variables = (
        _from_mapping(text, name) if is_mapping else read_env_file(text, name, caller=run.environ)
    )
    return VariableFile(name, variables, encrypted)


def is_encrypted(name: str, text: str) -> bool:
    """Return whether a file is an encrypted one, by its name or by what is in it."""
    return ".enc" in Path(name).suffixes or _CIPHERTEXT in text


def _read(path: Path, name: str, named_at: Location | None) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise InvalidInput(
            f"there is no file {name}" if named_at else "there is no such file",
            where=named_at or Location(name),
            hint="correct the path: in orbyard.yml it goes from the project's folder, on the command"
            " line from where you stand",
        ) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            "not UTF-8 text", where=Location(name, line), hint="save the file as UTF-8"
        ) from None
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", where=Location(name)) from None


def _decrypt(run: Run, path: Path, name: str) -> str:
    try:
        decrypt = run.capability("decrypt")
    except Unavailable as error:
        raise Unavailable(
            f"the file is encrypted, and {error.message}", where=Location(name), hint=error.hint
        ) from None
    text: str = decrypt(run, path).reveal()
    return text


def _is_dotenv(text: str) -> bool:
    lines = (line.strip() for line in text.removeprefix("\ufeff").splitlines())
    first = next((line for line in lines if line and not line.startswith(("#", "---"))), "")
    return not first or _DOTENV_LINE.match(first) is not None


def _from_mapping(text: str, name: str) -> dict[str, str]:
    documents = parse_documents(text, name)
    if not documents:
        return {}
    document = documents[0]
    if len(documents) > 1 or not isinstance(document.value, dict):
        raise InvalidInput(
            "expected one mapping of variables", where=document.where(), hint="write NAME: value"
        )
    variables: dict[str, str] = {}
    problems: list[Problem] = []
    for key, value in document.value.items():
        try:
            variables[key] = _text(document, key, value)
        except InvalidInput as error:
            problems.append(Problem(error.message, error.where, error.hint))
    if problems:
        raise InvalidInput(f"{name}: not all of its entries are variables", problems=problems)
    return variables


def _text(document: Document, key: str, value: Any) -> str:
    where = document.where((key,))
    check_name(key, where)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise InvalidInput(
            f"the value of {key} is {_kind(value)}, and a variable holds text",
            where=where,
            hint='put it into quotes: NAME: "1.10"'
            if isinstance(value, float)
            else 'write NAME: "text"',
        )
    if "\0" in value:
        raise InvalidInput(
            f"the value of {key} has a NUL character", where=where, hint="no variable can hold one"
        )
    return value


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "missing" if value is None else "a number with a fraction"


def _name_in_project(run: Run, path: Path) -> str:
    relative = os.path.relpath(path, run.root)
    return os.path.normpath(path) if relative.startswith(os.pardir) else Path(relative).as_posix()
