"""The engine's own tasks."""

from __future__ import annotations

from invoke.collection import Collection

from pipeline.command import Run, command

__all__ = ["namespace"]


@command()
def settings(run: Run) -> None:
    """Print every key of orbyard.yml with its meaning and default."""
    from pipeline.orb import find_orbs, load_sections
    from pipeline.settings_reference import reference

    run.console.result(reference(load_sections(find_orbs(run.root))))


namespace = Collection(settings)
