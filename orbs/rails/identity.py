"""Digests that stand for inputs: equal digest, equal result, nothing to be done.

All pure. Nothing that differs between two checkouts of one commit goes in: no times, owners,
absolute paths or orders of a directory.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orbs.rails.engine_answers import split_reference
from orbs.rails.engine_types import ImageInfo
from orbs.rails.model import Installer
from orbs.rails.small_files import SmallFile

__all__ = ["BuilderInputs", "base_digest", "digest_of", "install_key"]

_FORMAT = 1
"""Goes into every digest; raised when the meaning of an equal digest changes."""


def digest_of(kind: str, value: Any) -> str:
    """Return the hexadecimal SHA-256 of a JSON-like value; ``kind`` keeps uses apart."""
    text = json.dumps([_FORMAT, kind, value], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _files_value(files: Iterable[SmallFile]) -> dict[str, list[Any]]:
    return {file.path: [hashlib.sha256(file.data).hexdigest(), file.executable] for file in files}


@dataclass(frozen=True, slots=True)
class BuilderInputs:
    """Everything that a builder image is made from.

    Attributes:
        dockerfile: its text.
        files: the build context.
        args: build arguments.
        bases: digest of each image it begins with, by the name written in the Dockerfile.
        platform: ``linux/amd64``.
        network: network mode of the build; it decides who answers, not what is made, and is no part
            of the identity.
    """

    dockerfile: str
    files: tuple[SmallFile, ...]
    args: Mapping[str, str]
    bases: Mapping[str, str]
    platform: str
    network: str = ""

    @property
    def identity(self) -> str:
        """The digest of all of it: the image's label."""
        return self._digest("builder", self.files)

    def toolchain(self, without: Iterable[str]) -> str:
        """The digest of what an install in the image depends on besides its own files.

        The builder image contains the lockfiles, and so has a new identity with each of their
        changes. What Ruby, compiler and libraries the installs see does not change with them; with
        ``without``, the installers' own files, a new gem leaves the packages of yarn alone.
        """
        own = frozenset(without)
        return self._digest("toolchain", [file for file in self.files if file.path not in own])

    def _digest(self, kind: str, files: Iterable[SmallFile]) -> str:
        return digest_of(
            kind,
            {
                "dockerfile": self.dockerfile,
                "files": _files_value(files),
                "args": dict(self.args),
                "bases": dict(self.bases),
                "platform": self.platform,
            },
        )


def install_key(
    installer: Installer,
    files: Iterable[SmallFile],
    *,
    toolchain: str,
    environment: Mapping[str, str],
) -> str:
    """Return the key of an install's result.

    Args:
        installer: what runs.
        files: its lockfile and manifests.
        toolchain: see :meth:`BuilderInputs.toolchain`; the platform is in it.
        environment: variables of every install; the installer's own win.
    """
    return digest_of(
        "install",
        {
            "path": installer.path,
            "command": installer.command,
            "tidy": installer.tidy,
            "environment": {**environment, **(installer.environment or {})},
            "files": _files_value(files),
            "toolchain": toolchain,
        },
    )


def base_digest(reference: str, image: ImageInfo) -> str:
    """Return what stands for a base image that the engine has: the digest of the manifest it was
    pulled by, which another machine can learn from the registry; else its id.
    """
    repository = _familiar(split_reference(reference)[0])
    for known in image.digests:
        name, _, digest = known.partition("@")
        if _familiar(name) == repository:
            return digest
    return image.id


def _familiar(repository: str) -> str:
    """Docker Hub's images go by several names: ``ruby``, ``docker.io/library/ruby``."""
    for prefix in ("docker.io/", "index.docker.io/", "library/"):
        repository = repository.removeprefix(prefix)
    return repository
