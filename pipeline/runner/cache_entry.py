"""What the store knows of a cache, and how it is written down."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InvalidInput

__all__ = [
    "LONGEST_KEY",
    "AlreadyThere",
    "CacheEntry",
    "StoreStats",
    "check_key",
    "hash_name",
    "read_entry",
]

LONGEST_KEY = 900
"""Characters of a cache's key, CircleCI's limit."""


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A cache.

    Args:
        project: whose it is.
        key: under which it was saved.
        number: counts the project's caches: the highest is the newest.
        digest: SHA-256 of the stored archive.
        stored_bytes: size of the archive.
        tar_bytes: size before compression.
        created_at: seconds since 1970.
        created_by: who saved it, as the caller said: a run and a job.
    """

    project: str
    key: str
    number: int
    digest: str
    stored_bytes: int
    tar_bytes: int
    created_at: float
    created_by: str


@dataclass(frozen=True, slots=True)
class AlreadyThere:
    """There was a cache of that key, and nothing was saved."""

    entry: CacheEntry


@dataclass(frozen=True, slots=True)
class StoreStats:
    """How much is in the store; sizes in bytes."""

    caches: int
    layers: int
    blobs: int
    stored_bytes: int
    size_limit_bytes: int


def check_key(key: str) -> None:
    """Raise InvalidInput for a key that no cache can have."""
    if not key:
        raise InvalidInput("a cache's key is empty")
    if len(key) > LONGEST_KEY:
        raise InvalidInput(f"a cache's key has {len(key)} characters; {LONGEST_KEY} are allowed")


def hash_name(name: str) -> str:
    """Return the file name that stands for any name."""
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read_entry(path: Path, warn: Callable[[str], None]) -> CacheEntry | None:
    """Return the cache of a record; None where it is gone, or, with a warning, no record."""
    try:
        entry = CacheEntry(**json.loads(path.read_bytes()))
        if path.name != f"{hash_name(entry.key)}.json" or not _has_its_types(entry):
            raise ValueError("it says other things than a record does")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, AttributeError) as error:
        warn(f"the cache record {path} is passed over: {error}")
        return None
    return entry


def _has_its_types(entry: CacheEntry) -> bool:
    texts = (entry.project, entry.key, entry.digest, entry.created_by)
    counts = (entry.number, entry.stored_bytes, entry.tar_bytes)
    return (
        all(isinstance(text, str) for text in texts)
        and all(isinstance(count, int) for count in counts)
        and isinstance(entry.created_at, (int, float))
        and len(entry.digest) == 64
        and entry.digest.isalnum()
    )
