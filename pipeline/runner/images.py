"""The images of a job, pulled where they are missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pipeline.config.model import DockerImage
from pipeline.runner.engine import ContainerEngine
from pipeline.runner.registry_login import registry_login

__all__ = ["ensure_images"]


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
        InvalidInput: a variable of a login is not given, or the login works on CircleCI alone.
        Unavailable: AWS gives no login.
    """
    for image in images:
        if pull or not engine.has_image(image.image):
            on_progress(f"pulling {image.image}")
            engine.pull(image.image, registry_login(image, variables), on_progress)
