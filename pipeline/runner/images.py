"""The images of a job, pulled where they are missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pipeline.config.model import DockerImage
from pipeline.errors import InvalidInput
from pipeline.runner.engine import ContainerEngine

__all__ = ["ensure_images", "registry_login"]

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


def ensure_images(
    engine: ContainerEngine,
    images: Sequence[DockerImage],
    variables: Mapping[str, str],
    on_progress: Callable[[str], None],
    *,
    pull: bool = False,
) -> None:
    """Pull the images that are not there, or all of them.

    Raises:
        WorkFailed: a registry does not give one.
        InvalidInput: a variable of ``auth`` is not given.
    """
    for image in images:
        if pull or not engine.has_image(image.image):
            on_progress(f"pulling {image.image}")
            engine.pull(image.image, registry_login(image, variables), on_progress)


def registry_login(image: DockerImage, variables: Mapping[str, str]) -> dict[str, str] | None:
    """Return the login of ``auth``, the only place where ``$NAME`` is replaced (R17)."""
    if not image.auth:
        return None
    return {key: _filled(str(value), variables, image) for key, value in image.auth.items()}


def _filled(text: str, variables: Mapping[str, str], image: DockerImage) -> str:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in variables:
            raise InvalidInput(
                f"the login for {image.image} needs the variable {name}, which is not given",
                hint=f"give it with `--env {name}` or in a context's file",
            )
        return variables[name]

    return _VARIABLE.sub(value, text)
