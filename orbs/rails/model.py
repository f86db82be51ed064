"""The values that go from one step of the build to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BuilderImage", "BuiltImage", "DependencyHome", "ImageReference", "Installer"]


@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image in a registry: ``registry.example.com/app:tag@sha256:…``.

    ``repository`` includes the registry's host; ``tag`` or ``digest`` may be empty.
    """

    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        if self.digest:
            return f"{self.repository}@{self.digest}"
        return f"{self.repository}:{self.tag}" if self.tag else self.repository


@dataclass(frozen=True, slots=True)
class BuilderImage:
    """The image that dependencies are installed in.

    Attributes:
        image_id: the engine's id, ``sha256:…``.
        identity: hexadecimal digest of everything the image is made from; a label of the image.
        platform: ``linux/amd64``.
        reused: nothing was built.
    """

    image_id: str
    identity: str
    platform: str
    reused: bool


@dataclass(frozen=True, slots=True)
class Installer:
    """A program that fills ``path`` from ``lockfile``; files are relative to the root.

    ``tidy`` is a shell command run after a good install: it removes what differs from one install to
    the next and nothing needs.
    """

    name: str
    lockfile: str
    path: str
    command: str
    manifest: tuple[str, ...] = ()
    environment: Mapping[str, str] | None = None
    tidy: str = ""


@dataclass(frozen=True, slots=True)
class DependencyHome:
    """Where an installer's files are: exactly one of ``volume`` (a Docker volume's name) and
    ``folder`` (a folder of the checkout).

    ``key`` is the digest of lockfile, builder identity, command and platform; ``reused`` says that
    nothing was installed.
    """

    installer: Installer
    key: str
    volume: str | None
    folder: Path | None
    reused: bool


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """An app image in the engine.

    Attributes:
        image_id: the engine's id, ``sha256:…``.
        identity: digest of all inputs, a label of the image; equal inputs are not built again.
        tags: the tags it goes by, without the repository.
        reused: nothing was built.
    """

    image_id: str
    identity: str
    tags: tuple[str, ...]
    reused: bool
