"""Giving encrypted files a new data key, and the recipients that ``.sops.yaml`` names today."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

from orbs.sops.decrypt import decryption_error, load_encrypted
from orbs.sops.encrypt import write_encrypted
from orbs.sops.program import Sops
from orbs.sops.sniff import Recipient, read_encrypted, recipients

__all__ = ["Rotation", "belongs_to", "encrypted_files", "expand_folders", "rotate_file"]


@dataclass(frozen=True, slots=True)
class Rotation:
    """A file that was rotated: its name, and who can read it now and could not before, or reversed."""

    name: str
    added: tuple[Recipient, ...]
    removed: tuple[Recipient, ...]


def expand_folders(root: Path, folders: Iterable[str]) -> list[str]:
    """Return the folders that names and globs (``apps/*/deploy/secrets``) stand for, from the root."""
    found: dict[str, None] = {}
    for folder in (name.strip("/") for name in folders):
        if any(mark in folder for mark in "*?["):
            matches = [path for path in sorted(root.glob(folder)) if path.is_dir()]
        else:
            matches = [root / folder]  # Even where it is gone: git may still have its files.
        found |= {path.relative_to(root).as_posix(): None for path in matches}
    return list(found)


def encrypted_files(root: Path, folders: Iterable[str], env: str = "") -> list[Path]:
    """Return every ``.enc`` file of the folders, by name; of one environment where ``env`` is given."""
    expanded = expand_folders(root, folders)
    found = {path for folder in expanded for path in (root / folder).rglob("*.enc")}
    return [path for path in sorted(found) if not env or belongs_to(path.relative_to(root), env)]


def belongs_to(path: PurePath, env: str) -> bool:
    """Return whether a file is an environment's: ``staging.secret.yml.enc``, ``staging/app.yml.enc``."""
    return path.name.partition(".")[0] == env or env in path.parent.parts


def rotate_file(sops: Sops, path: Path, name: str) -> Rotation:
    """Bring the recipients up to ``.sops.yaml`` and encrypt every value with a new data key.

    The file is as it was where any of this fails.

    Raises:
        OrbyardError: sops failed; see :mod:`orbs.sops.messages`.
    """
    before = load_encrypted(path, name)
    original = path.read_bytes()
    try:
        done = sops.run(
            ["updatekeys", "--yes", "--input-type", before.format, str(path)], name=name
        )
        if done.exit_code != 0:
            raise decryption_error(done, before)
        updated = load_encrypted(path, name)
        words = ["rotate", "--input-type", updated.format, "--output-type", updated.format]
        done = sops.run([*words, "/dev/stdin"], stdin=updated.text.encode(), name=name)
        if done.exit_code != 0:
            raise decryption_error(done, updated)
        after = read_encrypted(done.text, name)
        write_encrypted(path, after.text)
    except BaseException:
        if path.read_bytes() != original:
            write_encrypted(path, original.decode())
        raise
    old, new = recipients(before), recipients(after)
    return Rotation(
        name,
        added=tuple(found for found in new if found not in old),
        removed=tuple(found for found in old if found not in new),
    )
