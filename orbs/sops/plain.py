"""Small steps of the tasks: which plain files are meant, and one value of a decrypted file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from glob import glob
from pathlib import Path
from typing import Any

from orbs.sops.decrypt import Decrypted
from pipeline.errors import InvalidInput, Location, Problem, did_you_mean
from pipeline.yamlfile import format_key

__all__ = ["plain_files", "read_plain", "refuse_existing", "value_text"]

_HARMLESS = frozenset({".gitignore", ".gitkeep", ".keep", "README.md"})


def plain_files(folder: Path, pattern: str) -> list[Path]:
    """Return the plain files that a name, a folder or a glob stands for, by name.

    Raises:
        InvalidInput: there is none.
    """
    path = folder / pattern
    if path.is_file():
        if path.suffix == ".enc":
            raise InvalidInput(
                "the name ends in .enc: this is the encrypted file",
                where=Location(pattern),
                hint=f"change it with `orbyard secrets.edit {pattern}`, or name the plain one",
            )
        return [path]
    found = list(path.iterdir()) if path.is_dir() else [Path(p) for p in sorted(glob(str(path)))]
    plain = [p for p in found if p.is_file() and p.suffix != ".enc" and p.name not in _HARMLESS]
    if not plain:
        raise InvalidInput(
            "there is no plain text to encrypt",
            where=Location(pattern),
            hint="write it to a file that git ignores, such as deploy/secrets/staging.secret.yml",
        )
    return sorted(plain)


def read_plain(path: Path, name: str) -> str:
    """Read a plain text.

    Raises:
        InvalidInput: it is not UTF-8.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput("not UTF-8 text", where=Location(name)) from error


def refuse_existing(names: Sequence[str]) -> None:
    """Refuse to write over encrypted files.

    Raises:
        InvalidInput: there are any.
    """
    if names:
        raise InvalidInput(
            "the encrypted file is there already"
            if len(names) == 1
            else f"{len(names)} encrypted files are there already",
            problems=[Problem("would be replaced", Location(name)) for name in names],
            hint="change one value with `orbyard secrets.edit`, or replace all of it with --force",
        )


def value_text(decrypted: Decrypted, key: str) -> str:
    """Return the value at a path such as ``stringData.DATABASE_URL``; text as it is, else as JSON.

    Raises:
        InvalidInput: no document has it.
    """
    known: dict[str, Any] = {}
    for value in decrypted.values:
        for path, found in _paths(value, ()):
            known.setdefault(format_key(path), found)
    if key not in known:
        raise InvalidInput(
            f"there is no value {key!r}",
            where=Location(decrypted.encrypted.name),
            hint=did_you_mean(key, known) or f"there is: {', '.join(known)}",
        )
    found = known[key]
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _paths(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if path:
        yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _paths(item, (*path, key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from _paths(item, (*path, i))
