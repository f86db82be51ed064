"""Where the steps of a job run: a container, or a folder of this machine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

__all__ = ["Sandbox"]


class Sandbox(Protocol):
    """A place with a file system and a shell."""

    @property
    def home(self) -> str:
        """The home folder of the user that steps run as."""

    @property
    def path(self) -> str:
        """The ``PATH`` that programs have where a job sets none."""

    @property
    def has_bash(self) -> bool:
        """Whether ``/bin/bash`` is there."""

    def run(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str,
        on_output: Callable[[bytes], None],
        cancel: threading.Event | None = None,
        tty: bool = False,
    ) -> int:
        """Run a program and return its exit code; 130 where ``cancel`` was set and it was stopped.

        Raises:
            Unavailable: it cannot be started: the program, or the sandbox itself, is not there.
        """

    def capture(self, argv: Sequence[str], *, cwd: str = "/") -> tuple[int, bytes]:
        """Run a program and return its exit code and what it printed."""

    def interact(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: str) -> int:
        """Hand the user's terminal to a program, and return its exit code.

        Raises:
            Unavailable: it cannot be started.
        """

    def write_file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file that belongs to the user that steps run as."""

    def read_archive(self, path: str) -> Iterator[bytes]:
        """Yield an uncompressed tar of a file or folder; names begin with its base name.

        Raises:
            FileNotFoundError: it is not there.
        """

    def end_reading(self) -> None:
        """Give up archives that were not read to their end."""

    def put_archive(self, path: str, tar: Iterable[bytes], *, outward_links: bool = False) -> None:
        """Unpack an uncompressed tar into a folder that is there; files become the job user's.

        Args:
            path: the folder.
            tar: the archive.
            outward_links: whether it may have symbolic links that lead out of the folder.
        """

    def put_cache(self, tar: Iterable[bytes]) -> None:
        """Unpack a cache, whose names begin with ``~/`` or ``_/`` (see :mod:`.relocation`)."""

    def close(self) -> None:
        """Remove the sandbox and all that it made."""
