"""What goes into the engine and comes out of it: plain values, without the library behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pipeline.errors import WorkFailed

__all__ = [
    "IDENTITY_LABEL",
    "LABEL_PREFIX",
    "ContainerSpec",
    "EngineError",
    "ImageInfo",
    "ListedImage",
    "Mount",
    "VolumeInfo",
]

LABEL_PREFIX = "orbyard.dev/"
"""Everything Orbyard makes in an engine carries labels that begin so."""

IDENTITY_LABEL = f"{LABEL_PREFIX}identity"
"""The digest of all that an image is made from; equal ones are not built again."""


class EngineError(WorkFailed):
    """The engine refused or failed at a piece of work.

    Attributes:
        status: the HTTP status of its answer; 0 where the error came in the middle of a stream.
        text: its own words.
    """

    def __init__(self, message: str, *, status: int = 0, text: str = "", **more: object) -> None:
        super().__init__(message, **more)  # type: ignore[arg-type]  # hint, details: checked there
        self.status = status
        self.text = text


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image in the engine.

    Attributes:
        id: ``sha256:…`` of its configuration.
        digests: ``repository@sha256:…`` of the manifests it was pulled or pushed as.
        platform: ``linux/amd64``.
        user: what ``USER`` says, or "" for root.
        shell: what ``SHELL`` says, else empty.
        environment: its ``ENV``.
        diff_ids: digests of its layers' uncompressed contents, the lowest first.
        size_bytes: all its layers, uncompressed.
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""
    working_dir: str = ""
    user: str = ""
    shell: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    diff_ids: tuple[str, ...] = ()
    size_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ListedImage:
    """An image as a list shows it; ``created_s`` is in seconds since 1970."""

    id: str
    tags: tuple[str, ...]
    created_s: int


@dataclass(frozen=True, slots=True)
class VolumeInfo:
    """A named volume; ``created_at`` is ISO 8601 text as the engine gives it, or ""."""

    name: str
    labels: Mapping[str, str]
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume (by name; "" makes a nameless one that goes with the container) or a folder of the
    engine's machine (by absolute path), in a container.
    """

    source: str
    target: str
    kind: Literal["volume", "bind"] = "volume"
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    """A container that runs one command and is then removed.

    Attributes:
        image: id or name.
        command: words; the image's own entry point is not used.
        user: ``uid:gid`` or a name; "" is the image's.
        network: Docker's network mode; "" is the engine's default.
        host_user: outside of the engine's user-namespace remapping, where it has one.
        takes_input: whether standard input is piped to it.
    """

    image: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    working_dir: str = ""
    user: str = ""
    network: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    host_user: bool = False
    takes_input: bool = False
