"""How a cache stands in a bucket: one object, whose name has the key and whose metadata the rest.

    caches/<project>/<key>.tar.zst      metadata: sha256, tar-bytes, created-by

One object, so that it is there as a whole or not at all, and a lifecycle rule removes it as a whole.
In a name everything but letters, digits, dots, hyphens and underscores is written as ``!2F``, byte by
byte: what a key begins with its name begins with, so that the bucket itself looks for prefixes.

Whoever may write to the bucket may have written anything. What is read here is checked, and text that
could play tricks with a terminal is not passed on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from pipeline.errors import WorkFailed
from pipeline.runner.cache_entry import LONGEST_KEY, CacheEntry

__all__ = ["Stamp", "StampError", "key_in", "metadata_of", "name_of", "name_prefix", "read_stamp"]

_SUFFIX = ".tar.zst"
_ESCAPED = re.compile(r"[^A-Za-z0-9._-]")
_PLAIN = re.compile(r"(?:[A-Za-z0-9._-]|![0-9A-F]{2})*")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_COUNT = re.compile(r"[0-9]{1,15}")
_LONGEST_NAME = 800
"""Bytes of a name below the bucket's prefix; S3 takes 1024 with it."""
_LONGEST_CREATOR = 150


class StampError(WorkFailed):
    """An object's metadata is not that of a cache."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an object's metadata say: the archive's SHA-256, the tar's size, who saved it."""

    digest: str
    tar_bytes: int
    created_by: str


def name_prefix(project: str, key_prefix: str = "") -> str:
    """Return what the names of a project's caches begin with whose keys begin with ``key_prefix``."""
    return f"caches/{_escape(project)}/{_escape(key_prefix)}"


def name_of(project: str, key: str) -> str | None:
    """Return the name of a cache's object; None where the key can be in no bucket."""
    name = name_prefix(project, key) + _SUFFIX
    return name if key.isprintable() and len(name) <= _LONGEST_NAME else None


def key_in(project: str, name: str) -> str | None:
    """Return the key of the cache that an object is named after, or None for a foreign object."""
    written = name.removeprefix(name_prefix(project)).removesuffix(_SUFFIX)
    if not _PLAIN.fullmatch(written):
        return None
    key = unquote(written.replace("!", "%"), errors="replace")
    is_key = key and len(key) <= LONGEST_KEY and name_of(project, key) == name
    return key if is_key else None


def metadata_of(entry: CacheEntry, user: str) -> dict[str, str]:
    """Return what is written beside a cache's archive; HTTP takes ASCII there."""
    who = f"{entry.created_by} by {user}" if user else entry.created_by
    return {
        "sha256": entry.digest,
        "tar-bytes": str(entry.tar_bytes),
        "created-by": quote(who[:_LONGEST_CREATOR], safe="/ :@,", errors="replace"),
    }


def read_stamp(metadata: Mapping[str, str]) -> Stamp:
    """Return what an object's metadata say.

    Raises:
        StampError: they are not those of a cache.
    """
    digest, tar_bytes = metadata.get("sha256", ""), metadata.get("tar-bytes", "")
    if not _DIGEST.fullmatch(digest):
        raise StampError("its metadata have no SHA-256")
    if not _COUNT.fullmatch(tar_bytes):
        raise StampError("its metadata have no size")
    who = unquote(metadata.get("created-by", ""))
    if not who or not who.isprintable() or len(who) > _LONGEST_CREATOR:
        who = "somebody"
    return Stamp(digest, int(tar_bytes), who)


def _escape(text: str) -> str:
    return _ESCAPED.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return "".join(f"!{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))
