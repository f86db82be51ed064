"""Reading what the engine answers: its event streams, images and volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from orbs.rails.engine_types import EngineError, ImageInfo, VolumeInfo
from pipeline.errors import excerpt

__all__ = ["follow_build", "noticing_errors", "read_image", "read_volume", "split_reference"]


def noticing_errors(stream: Iterable[Any], what: str) -> Iterator[dict[str, Any]]:
    """Pass on the events; an error among them, which comes with HTTP status 200, is raised."""
    events = iter(stream)
    for event in events:
        if not isinstance(event, dict):
            continue
        if event.get("error") or event.get("errorDetail"):
            detail = event.get("errorDetail") or {}
            text = str(detail.get("message") or event.get("error"))
            for _ in events:  # To its end, which is near, so that the connection is free again.
                pass
            raise EngineError(f"{what}: {excerpt(text)}", text=text, status=detail.get("code") or 0)
        yield event


def follow_build(events: Iterable[dict[str, Any]], on_line: Callable[[str], None]) -> str:
    """Pass on a build's output by the line and return the id of the image."""
    built, rest = "", ""
    for event in events:
        *lines, rest = (rest + str(event.get("stream") or "")).split("\n")
        for line in lines:
            on_line(line)
        if event.get("status"):  # A base image that is being pulled.
            on_line(" ".join(filter(None, (str(event.get("id") or ""), str(event["status"])))))
        built = (event.get("aux") or {}).get("ID") or built
    if not built:
        raise EngineError("the build ended without an image")
    return built


def split_reference(reference: str) -> tuple[str, str]:
    """Return repository and tag or digest: ``host:5000/app:1`` is (``host:5000/app``, ``1``)."""
    name, at, digest = reference.partition("@")
    head, colon, tag = name.rpartition(":")
    if not colon or "/" in tag:
        head, tag = name, ""
    return head, digest if at else tag


def read_image(raw: Mapping[str, Any]) -> ImageInfo:
    """Return an image from the answer to an inspection; Podman leaves ``sha256:`` out of ids."""
    config = raw.get("Config") or {}
    pairs = (text.partition("=") for text in config.get("Env") or [])
    identifier = str(raw["Id"])
    return ImageInfo(
        id=identifier if ":" in identifier else f"sha256:{identifier}",
        tags=tuple(raw.get("RepoTags") or ()),
        digests=tuple(raw.get("RepoDigests") or ()),
        labels=dict(config.get("Labels") or {}),
        platform=f"{raw.get('Os', 'linux')}/{raw.get('Architecture', 'amd64')}",
        working_dir=config.get("WorkingDir") or "",
        user=config.get("User") or "",
        shell=tuple(config.get("Shell") or ()),
        environment={name: value for name, _, value in pairs},
        diff_ids=tuple((raw.get("RootFS") or {}).get("Layers") or ()),
        size_bytes=int(raw.get("Size") or 0),
    )


def read_volume(raw: Mapping[str, Any]) -> VolumeInfo:
    """Return a volume from an answer."""
    return VolumeInfo(raw["Name"], dict(raw.get("Labels") or {}), raw.get("CreatedAt") or "")
