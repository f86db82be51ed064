"""A build's result as others read it: JSON, a file with the reference, CircleCI's ``$BASH_ENV``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orbs.rails.build import BuildResult
from orbs.rails.model import BuilderImage, DependencyHome
from pipeline.errors import InvalidInput, Location
from pipeline.whole_file import write_whole

__all__ = [
    "append_bash_env",
    "bash_env_file",
    "builder_value",
    "home_place",
    "homes_value",
    "result_value",
    "to_json",
    "write_reference",
]

IMAGE_VARIABLE = "ORBYARD_IMAGE"
"""The variable that later steps, such as a deploy, take the image from."""


def to_json(value: Any) -> str:
    """Return a value as JSON, keys in the order given."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def builder_value(builder: BuilderImage) -> dict[str, Any]:
    """Return the builder image as a JSON-like value."""
    return {
        "image_id": builder.image_id,
        "identity": builder.identity,
        "platform": builder.platform,
        "reused": builder.reused,
    }


def home_place(home: DependencyHome) -> str:
    """Return the volume's name, or the folder."""
    return home.volume or str(home.folder)


def homes_value(homes: Sequence[DependencyHome]) -> list[dict[str, Any]]:
    """Return the homes as JSON-like values."""
    return [
        {
            "installer": home.installer.name,
            "key": home.key,
            "volume": home.volume,
            "folder": str(home.folder) if home.folder else None,
            "reused": home.reused,
        }
        for home in homes
    ]


def result_value(result: BuildResult) -> dict[str, Any]:
    """Return a build's result as a JSON-like value."""
    return {
        "reference": str(result.reference) if result.reference else None,
        "image_id": result.image.image_id,
        "identity": result.image.identity,
        "tags": list(result.image.tags),
        "reused": result.image.reused,
        "dependencies": homes_value(result.homes),
        "builder": builder_value(result.builder) if result.builder else None,
        "seconds": round(result.seconds, 3),
    }


def write_reference(path: Path, reference: str) -> None:
    """Write the reference and a line end; the file is never there in part.

    Raises:
        InvalidInput: the file cannot be written.
    """
    try:
        write_whole(path, reference + "\n")
    except OSError as error:
        raise InvalidInput(
            f"cannot be written: {error.strerror}", where=Location(str(path))
        ) from error


def bash_env_file(environ: Mapping[str, str]) -> Path:
    """Return the file that ``$BASH_ENV`` names.

    Raises:
        InvalidInput: it names none.
    """
    name = environ.get("BASH_ENV", "")
    if not name:
        raise InvalidInput(
            "--bash-env was given, but BASH_ENV is not set",
            hint="CircleCI sets it in every step; elsewhere use --output FILE",
        )
    return Path(name)


def append_bash_env(environ: Mapping[str, str], reference: str) -> None:
    """Append ``export ORBYARD_IMAGE=…``, which later steps of a CircleCI job then see.

    Raises:
        InvalidInput: there is no such file to append to.
    """
    path = bash_env_file(environ)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"export {IMAGE_VARIABLE}={shlex.quote(reference)}\n")
    except OSError as error:
        raise InvalidInput(
            f"cannot be written: {error.strerror}", where=Location(str(path))
        ) from error
