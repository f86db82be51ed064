"""What a task of the deploy was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import InvalidInput

__all__ = ["DeployOptions"]


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """The flags of a task.

    Attributes:
        environment: the environment's name.
        image: the image's reference, or None: the step decides.
        rehearse: use the in-process API instead of a cluster.
        faults: names of what goes wrong in a rehearsal.
        force_conflicts: take over fields that other managers own.
        skip_migration: leave the migration Job out.

    Raises:
        InvalidInput: faults without a rehearsal.
    """

    environment: str
    image: str | None = None
    rehearse: bool = False
    faults: tuple[str, ...] = ()
    force_conflicts: bool = False
    skip_migration: bool = False

    def __post_init__(self) -> None:
        if self.faults and not self.rehearse:
            raise InvalidInput(
                "--fault is for rehearsals", hint="add --rehearse, or leave --fault out"
            )
