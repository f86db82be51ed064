"""What is said while an image is pulled: one line that is redrawn in a terminal, few lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["PullProgress", "format_size"]

_REDRAW_S = 0.2
_SAY_EVERY_S = 15.0
_DONE = frozenset({"Pull complete", "Already exists"})


def format_size(size_bytes: float) -> str:
    """Return ``12 kB``, ``3.4 MB`` or ``1.2 GB``, as docker counts."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}"
    return f"{size_bytes / 1e3:.0f} kB"


class PullProgress:
    """Adds up the layers of a pull.

    Args:
        image: its name.
        say: prints a line.
        redraw: shows a line in place of the one before, "" taking it away; None where there is no
            terminal.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        image: str,
        say: Callable[[str], None],
        redraw: Callable[[str], None] | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._image = image
        self._say = say
        self._redraw = redraw
        self._clock = clock
        self._began = self._shown = clock()
        self._sizes: dict[str, int] = {}
        self._loaded: dict[str, int] = {}
        self._layers: dict[str, bool] = {}
        if redraw is None:
            say(f"pulling {image}")
        else:
            redraw(f"pulling {image}")

    def take(self, line: Mapping[str, Any]) -> None:
        """Take an answer of the engine."""
        layer, status = str(line.get("id") or ""), str(line.get("status") or "")
        detail = line.get("progressDetail")
        if not layer or detail is None:
            return
        self._layers[layer] = self._layers.get(layer, False) or status in _DONE
        if status == "Downloading" and detail.get("total"):
            self._sizes[layer] = int(detail["total"])
            self._loaded[layer] = int(detail.get("current") or 0)
        elif layer in self._sizes:
            self._loaded[layer] = self._sizes[layer]
        self._show()

    def _show(self) -> None:
        now = self._clock()
        if now - self._shown < (_SAY_EVERY_S if self._redraw is None else _REDRAW_S):
            return
        self._shown = now
        (self._redraw or self._say)(self.text)

    @property
    def text(self) -> str:
        """How far it is."""
        loaded, size = sum(self._loaded.values()), sum(self._sizes.values())
        done = f"{sum(self._layers.values())} of {len(self._layers)} layers"
        if not size:
            return f"pulling {self._image}: {done}"
        if loaded == size:
            return f"pulling {self._image}: {format_size(size)} are here, unpacking, {done}"
        percent = 100 * loaded // size
        return f"pulling {self._image}: {percent}%, {format_size(loaded)} of {format_size(size)}, {done}"

    def finish(self) -> None:
        """Say that it is there."""
        if self._redraw is not None:
            self._redraw("")
        size = sum(self._sizes.values())
        loaded = f"{format_size(size)} in " if size else ""
        self._say(f"pulled {self._image} ({loaded}{self._clock() - self._began:.1f}s)")

    def give_up(self) -> None:
        """Take the line away."""
        if self._redraw is not None:
            self._redraw("")
