"""A folder that both this machine and a container see, for archives on their way into the container."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pipeline.disk import writing

__all__ = ["Exchange", "pieces_of"]

_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Exchange:
    """The folder, by the names that it has.

    Attributes:
        here: on this machine.
        there: in the container.
    """

    here: Path
    there: str

    @contextmanager
    def holding(self, pieces: Iterable[bytes]) -> Iterator[tuple[Path, str]]:
        """Keep a file there as long as the block lasts; yields its two names.

        Raises:
            WorkFailed: it cannot be written, as where the disk is full.
        """
        name = f"archive-{uuid.uuid4().hex[:12]}"
        path = self.here / name
        try:
            with writing(f"{path} cannot be written", self.here), path.open("wb") as file:
                # The container's root may be another user on this machine.
                os.fchmod(file.fileno(), 0o644)
                for piece in pieces:
                    file.write(piece)
            yield path, f"{self.there}/{name}"
        finally:
            path.unlink(missing_ok=True)


def pieces_of(path: Path) -> Iterator[bytes]:
    """Yield a file's content."""
    with path.open("rb") as file:
        yield from iter(partial(file.read, _PIECE), b"")
