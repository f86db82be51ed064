"""The rails orb: builder image, dependencies, app image and push."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = [
    "BuildResult",
    "BuilderImage",
    "BuiltImage",
    "DependencyHome",
    "ImageReference",
    "Installer",
    "open_build",
    "provide_image",
]

PROVIDES = {
    "image": "orbs.rails.build:provide_image",
    "image-name": "orbs.rails.build:name_image",
    "scaffold": "orbs.rails.scaffold:scaffold",
    "extras": "orbs.rails.scaffold:extras",
}
"""Capabilities for other orbs; see :mod:`pipeline.orb`."""

_HOMES = {
    "BuildResult": "orbs.rails.build",
    "open_build": "orbs.rails.build",
    "provide_image": "orbs.rails.build",
}


def __getattr__(name: str) -> Any:
    # Loaded when asked for: importing the package to list tasks costs nothing.
    if name not in __all__:
        raise AttributeError(name)
    return getattr(importlib.import_module(_HOMES.get(name, "orbs.rails.model")), name)
