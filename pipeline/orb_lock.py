"""The lock file of the vendored orbs: which file belongs to which orb and version, by its SHA-256."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import InvalidInput, Location
from pipeline.whole_file import write_whole

__all__ = ["LOCK_NAME", "Lock", "read_lock", "write_lock"]

LOCK_NAME = "orbs.lock"
"""Its name in the store."""

Lock = dict[tuple[str, str], str]
"""SHA-256 in hexadecimal by ``namespace/name`` and version; by URL and "" for an orb that has one."""

_HEAD = "The orbs that stand here, written by `orbyard orb.fetch` and `orbyard orb.vendor`."
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def read_lock(store: Path) -> Lock:
    """Read the lock file of a store; empty where there is none.

    Raises:
        InvalidInput: it is malformed.
    """
    from pipeline.yamlfile import parse_documents

    path = store / LOCK_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from error
    documents = parse_documents(text, str(path))
    content = documents[0].value if len(documents) == 1 else {}
    entries = content.get("orbs") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise _malformed(path, "expected a list below `orbs:`")
    return dict(_entry(entry, path) for entry in entries)


def _entry(entry: Any, path: Path) -> tuple[tuple[str, str], str]:
    if not isinstance(entry, dict) or not {"name", "sha256"} <= entry.keys():
        raise _malformed(path, f"an orb has a name, a version and a sha256, found: {entry!r}")
    digest = str(entry["sha256"]).zfill(64)
    if not _DIGEST.match(digest):
        raise _malformed(path, f"the sha256 of {entry['name']} is not 64 hexadecimal digits")
    return (str(entry["name"]), str(entry.get("version") or "")), digest


def _malformed(path: Path, message: str) -> InvalidInput:
    return InvalidInput(
        message,
        where=Location(str(path)),
        hint="restore it, or remove it and vendor the orbs again",
    )


def write_lock(store: Path, lock: Lock) -> None:
    """Write the lock file, sorted by name and version."""
    from pipeline.config.printer import to_yaml

    def order(key: tuple[str, str]) -> tuple[str, list[tuple[int, str]], str]:
        return key[0], [(len(part), part) for part in re.findall("[0-9]+", key[1])], key[1]

    orbs: list[Mapping[str, str]] = []
    for name, version in sorted(lock, key=order):
        numbered = {"version": version} if version else {}
        orbs.append({"name": name, **numbered, "sha256": lock[name, version]})
    text = to_yaml({"orbs": orbs}, comments=[_HEAD])
    write_whole(store / LOCK_NAME, text)
