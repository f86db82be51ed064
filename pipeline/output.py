"""What a person sees: phases, prefixed streams, tables, colours; plain where there is no terminal.

Results (a reference, JSON, a diff) go to standard output, everything else to standard error, so that
``orbyard render > out.yml`` and ``$(orbyard build)`` work. Every line passes the masker.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TextIO

from pipeline.errors import OrbyardError
from pipeline.secret import Masker

__all__ = ["Console", "format_duration"]

_STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}
_PREFIX_COLOURS = ("cyan", "magenta", "blue", "yellow", "green")
_STYLED = re.compile(r"\x1b\[[0-9;]*m")
_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[A-Za-ln-z]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links, and whatever goes to the terminal
    r"|\x1b(?!\[[0-9;]*m)"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f]"
)
"""What moves the cursor or talks to the terminal; colours stay."""


def format_duration(seconds: float) -> str:
    """Return ``0.4s``, ``12s``, ``3m 05s`` or ``1h 02m``."""
    if seconds < 10:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    return f"{minutes // 60}h {minutes % 60:02d}m"


def wants_colour(stream: TextIO) -> bool:
    """Return whether to colour: a terminal, and not ``NO_COLOR`` (no-color.org) or ``TERM=dumb``."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


class Console:
    """The one way to the user's screen; thread-safe, line by line.

    Args:
        out: where results go (default: standard output at the time of the call).
        err: where progress goes (default: standard error).
        masker: hides secret values; shared with everything that learns a secret.
        colour: True or False; None asks the stream.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        *,
        out: TextIO | None = None,
        err: TextIO | None = None,
        masker: Masker | None = None,
        colour: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self.masker = masker or Masker()
        self._colour = wants_colour(self._err) if colour is None else colour
        self._plain_results = not (wants_colour(self._out) if colour is None else colour)
        self._clock = clock
        self._lock = threading.RLock()
        self._prefixes: dict[str, str] = {}
        self._diverted: Callable[[str], None] | None = None

    @property
    def live(self) -> bool:
        """Whether progress goes to a terminal, where lines may be redrawn."""
        return self._err.isatty()

    @property
    def colours_results(self) -> bool:
        """Whether results are shown in colours."""
        return not self._plain_results

    @property
    def colours_progress(self) -> bool:
        """Whether progress is shown in colours."""
        return self._colour

    def style(self, text: str, *styles: str) -> str:
        """Return ``text`` in the named styles (bold, dim, red …), or as it is without colours."""
        if not self._colour or not styles:
            return text
        return f"\x1b[{';'.join(_STYLES[name] for name in styles)}m{text}\x1b[0m"

    def style_result(self, text: str, *styles: str) -> str:
        """Return ``text`` in the named styles as results show them, or as it is without colours."""
        if self._plain_results or not styles:
            return text
        return f"\x1b[{';'.join(_STYLES[name] for name in styles)}m{text}\x1b[0m"

    def result(self, text: str) -> None:
        """Print what the task was asked for to standard output, in colours only where it shows them."""
        self._write(self._out, _STYLED.sub("", text) if self._plain_results else text)

    def line(self, text: str = "") -> None:
        """Print a line of progress."""
        if self._diverted is not None:
            self._diverted(self.masker.mask(text))
        else:
            self._write(self._err, text)

    def divert(self, to: Callable[[str], None] | None) -> None:
        """Hand lines of progress, masked, to something that has the screen; None ends that."""
        self._diverted = to

    def write_progress(self, text: str) -> None:
        """Write text that is masked already to where progress goes, as it is."""
        self._write_masked(self._err, text)

    def write_result(self, text: str) -> None:
        """Write text that is masked already to where results go, as it is."""
        self._write_masked(self._out, text)

    def info(self, text: str) -> None:
        """Print a step that went by, indented below its phase."""
        self.line(f"  {text}")

    def detail(self, text: str) -> None:
        """Print something that is good to know but not to be read first."""
        self.line(self.style(f"  {text}", "dim"))

    def success(self, text: str) -> None:
        """Print a thing that is done: ``✓ text``."""
        self.line(f"  {self.style('✓', 'green')} {text}")

    def warning(self, text: str, *, hint: str | None = None) -> None:
        """Print something that will not stop the run."""
        self._say(f"  {self.style('! warning:', 'yellow', 'bold')} {text}")
        if hint:
            self._say(f"    {hint}")

    def failure(self, text: str) -> None:
        """Print a thing that failed: ``✗ text``."""
        self.line(f"  {self.style('✗', 'red', 'bold')} {text}")

    def error(self, error: OrbyardError) -> None:
        """Print an error as the last word of a run: message, place, evidence, what to do."""
        place = f"{error.where}: " if error.where else ""
        self._say(f"{self.style('error:', 'red', 'bold')} {place}{error.message}")
        for problem in error.problems:
            where = self.style(f"{problem.where}: ", "bold") if problem.where else ""
            self._say(f"  - {where}{problem.message}")
            if problem.hint:
                self._say(f"      {problem.hint}")
        for detail in error.details:
            self._say(f"  {detail}")
        if error.hint:
            self._say(f"{self.style('what to do:', 'cyan', 'bold')} {error.hint}")

    def _say(self, text: str) -> None:
        """Print a line with words of others: of a configuration, a program, a server."""
        self.line(_harmless(text))

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """Print a heading, and how long it took when the block is left without an error."""
        self.line(self.style(f"==> {title}", "bold"))
        started = self._clock()
        yield
        self.detail(f"{title}: done in {format_duration(self._clock() - started)}")

    def stream(self, prefix: str) -> Callable[[str], None]:
        """Return a function that prints the lines of one of several concurrent sources."""
        with self._lock:
            colour = self._prefixes.setdefault(
                prefix, _PREFIX_COLOURS[len(self._prefixes) % len(_PREFIX_COLOURS)]
            )
        head = self.style(f"  {prefix} |", colour)

        def write(text: str) -> None:
            for part in text.rstrip("\r\n").split("\n"):
                self.line(f"{head} {_harmless(part.rpartition(chr(13))[2])}")

        return write

    def table(self, rows: Sequence[Sequence[str]], *, heading: Sequence[str] = ()) -> None:
        """Print aligned columns to standard output."""
        for text in table_lines(rows, heading=heading):
            self.result(text)

    def _write(self, stream: TextIO, text: str) -> None:
        self._write_masked(stream, self.masker.mask(text) + "\n")

    def _write_masked(self, stream: TextIO, text: str) -> None:
        with self._lock:
            try:
                try:
                    stream.write(text)
                except UnicodeEncodeError:
                    encoding = stream.encoding or "ascii"
                    stream.write(text.encode(encoding, "replace").decode(encoding))
                stream.flush()
            except OSError as error:
                gone = (errno.EIO, errno.EPIPE) if stream is self._err else (errno.EIO,)
                if error.errno not in gone:
                    raise
                _leave(stream)


def _leave(stream: TextIO) -> None:
    """Let a stream lead nowhere, since its terminal was closed or its reader went away.

    The exit code has to tell how the work ended: Python would end with one of its own where it cannot write
    what is left in the stream.
    """
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def _harmless(text: str) -> str:
    return _CONTROL.sub("", text)


def table_lines(rows: Sequence[Sequence[str]], *, heading: Sequence[str] = ()) -> list[str]:
    """Return the rows as lines with aligned columns, two spaces apart."""
    everything = [list(heading), *map(list, rows)] if heading else [list(row) for row in rows]
    if not everything:
        return []
    widths = [max(len(row[i]) for row in everything) for i in range(len(everything[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in everything
    ]
