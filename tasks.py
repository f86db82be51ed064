"""This repository's tasks: the engine's, and those of every orb."""

from pipeline.program import namespace as ns  # noqa: F401
