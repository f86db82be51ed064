"""The last lines of a run: what happened, how long it took, what was reused, where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.output import Console, format_duration

__all__ = ["Summary"]


class Summary:
    """Collects the steps of a run and prints them when it ends, whichever way.

    Args:
        console: where it is printed.
        environment: the environment's name.
        revision: the revision's label.
        rehearsed: nothing real was changed; the summary says so.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        console: Console,
        environment: str,
        revision: str,
        *,
        rehearsed: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._title = f"{environment} at {revision}"
        self._rehearsed = rehearsed
        self._clock = clock
        self._rows: list[tuple[str, str, str]] = []
        self._changed: list[str] = []

    def note(self, what: str, text: str) -> None:
        """Add a line that is no step: which image, which cluster."""
        self._rows.append(("", what, text))

    def changed(self, refs: list[str]) -> None:
        """Remember what was changed in the cluster; told when a later step fails."""
        self._changed += refs

    def step_done(self, title: str, said: str, took_s: float) -> None:
        """Add a step that was timed elsewhere."""
        self._rows.append(("✓", title, f"{said}, {format_duration(took_s)}"))

    @contextmanager
    def step(self, title: str) -> Iterator[list[str]]:
        """Time a step, under a heading; texts put into the list it yields stand in its line."""
        started, said = self._clock(), list[str]()
        self._console.line(self._console.style(f"==> {title}", "bold"))
        try:
            yield said
        except BaseException:
            took = format_duration(self._clock() - started)
            self._rows.append(("✗", title, f"failed after {took}"))
            raise
        took = format_duration(self._clock() - started)
        self._rows.append(("✓", title, ", ".join([*said, took])))

    @contextmanager
    def printed(self) -> Iterator[Summary]:
        """Print the summary when the block is left."""
        started = self._clock()
        if self._rehearsed:
            self._rehearsal("a rehearsal: a stand-in on this machine, no cluster is touched")
        try:
            yield self
        except BaseException:
            self._print("failed", "red", self._clock() - started)
            if self._changed and not self._rehearsed:
                self._console.info(f"changed before it failed: {', '.join(self._changed)}")
            raise
        self._print("done", "green", self._clock() - started)
        if self._rehearsed:
            self._rehearsal("that was a rehearsal: nothing was built, pushed or deployed")

    def _rehearsal(self, text: str) -> None:
        self._console.line(self._console.style(f"--- {text} ---", "yellow", "bold"))

    def _print(self, verdict: str, colour: str, took_s: float) -> None:
        style = self._console.style
        self._console.line(style("==> Summary", "bold"))
        width = max((len(what) for _, what, _ in self._rows), default=0)
        for mark, what, text in self._rows:
            colours = {"✓": "green", "✗": "red"}
            shown = style(mark, colours[mark]) if mark else " "
            self._console.info(f"{shown} {what.ljust(width)}  {text}")
        line = f"{self._title}: {verdict} in {format_duration(took_s)}"
        self._console.info(style(line, colour, "bold"))
