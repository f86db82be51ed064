"""The tasks' frame: what a task gets, and how its errors become words and exit codes.

``@command`` makes an Invoke task of a function. The function's first argument is a :class:`Run`; it
raises :class:`~pipeline.errors.OrbyardError` and never exits by itself.
"""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from invoke.exceptions import Exit
from invoke.tasks import Task, task

from pipeline.disk import error_of_disk
from pipeline.errors import Interrupted, OrbyardError
from pipeline.output import Console

__all__ = ["CommandTask", "Run", "command"]

F = TypeVar("F", bound=Callable[..., Any])

_CHATTY = ("docker", "kubernetes", "urllib3", "asyncio", "aiohttp", "botocore", "boto3")
"""Loggers that print request and response bodies, and so secrets, when debugging is on."""


class Run:
    """One invocation of a task: where it works, what it prints to, its settings.

    Args:
        console: the way to the screen, with the masker of the run.
        cwd: the folder that the user stands in.
        environ: environment variables.
    """

    def __init__(
        self,
        *,
        console: Console | None = None,
        cwd: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.console = console or Console()
        self.environ = os.environ if environ is None else environ
        self.cwd = Path.cwd() if cwd is None else cwd
        self._flags: dict[str, Any] = {}

    @cached_property
    def root(self) -> Path:
        """The project's folder.

        Raises:
            InvalidInput: the user stands outside of any project.
        """
        from pipeline.project import find_root

        return find_root(self.cwd)

    def use_flags(self, **flags: Any) -> None:
        """Let command-line values win: ``use_flags(**{"image.repository": "…"})``; None is no value."""
        self._flags |= flags
        self.__dict__.pop("settings", None)

    @cached_property
    def settings(self) -> Any:
        """The typed :class:`~pipeline.settings.Settings` of file, environment and flags.

        Raises:
            InvalidInput: with every mistake in them.
        """
        from pipeline.orb import find_orbs, load_sections
        from pipeline.settings import load_settings

        sections = load_sections(find_orbs(self.root))
        return load_settings(self.root, sections, environ=self.environ, flags=self._flags)

    def capability(self, name: str) -> Callable[..., Any]:
        """Return what another orb provides; see :mod:`pipeline.orb`."""
        from pipeline.orb import capability, find_orbs

        return capability(name, find_orbs(self.root))


class CommandTask(Task[Any]):
    """A task of Invoke's with what Invoke has no words for.

    Attributes:
        variadic: an iterable option that takes the words behind the task as well; "" for none.
        short: letters of options, by the names of their arguments.
        groups: names of arguments by headings of the help page, in the order in which they are shown.
        values: what an option takes, as the help page shows it, by the names of the arguments.
    """

    variadic: str = ""
    short: Mapping[str, str] = {}
    groups: Mapping[str, Sequence[str]] = {}
    values: Mapping[str, str] = {}

    def arg_opts(self, name: str, default: Any, taken_names: Set[str]) -> dict[str, Any]:
        """Return what Invoke makes an argument of."""
        options: dict[str, Any] = super().arg_opts(name, default, set(taken_names))
        if letter := self.short.get(name):
            options["names"] = [*options["names"], letter]
        return options


def command(
    *,
    name: str | None = None,
    default: bool = False,
    variadic: str = "",
    short: Mapping[str, str] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    values: Mapping[str, str] | None = None,
    **options: Any,
) -> Callable[[F], F]:
    """Make an Invoke task; ``options`` are those of :func:`invoke.tasks.task` (help, iterable …).

    ``variadic`` names an iterable option that takes the words behind the task as well, as files do:
    ``orbyard ci.validate one.yml two.yml``. Invoke has no such thing; the ``orbyard`` program does it, and
    shows the help by ``groups`` and ``values``. For these and ``short`` see :class:`CommandTask`.

    Exit codes: 0 the function returned; else that of the error; 1 for a bug, with a short word and,
    under ``--debug``, the traceback.
    """

    def decorate(body: F) -> F:
        @functools.wraps(body)
        def frame(_context: Any, *args: Any, **kwargs: Any) -> Any:
            run = Run()
            with _signals(), _exit_codes(run.console):
                return body(run, *args, **kwargs)

        made: Any = task(name=name, default=default, klass=CommandTask, **options)(frame)
        made.variadic = variadic
        made.short, made.groups, made.values = short or {}, groups or {}, values or {}
        return made  # type: ignore[no-any-return]  # stands for the function

    return decorate


@contextmanager
def _exit_codes(console: Console) -> Iterator[None]:
    debug = _debugging()
    if debug:
        _quiet_loggers(console)
    try:
        yield
    except OrbyardError as error:
        _trace(console, debug)
        console.error(error)
        raise Exit(code=error.exit_code) from None
    except KeyboardInterrupt:
        console.error(Interrupted("interrupted"))
        raise Exit(code=Interrupted.exit_code) from None
    except BrokenPipeError:
        # The reader of our output went away, as `head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Exit(code=0) from None
    except Exit:
        raise
    except Exception as error:
        _trace(console, debug)
        told = error_of_disk(error) if isinstance(error, OSError) else None
        if told is not None:
            console.error(told)
            raise Exit(code=told.exit_code) from None
        console.error(
            OrbyardError(
                f"unexpected {type(error).__name__}: {error}",
                hint="this is a mistake in Orbyard; run again with --debug and report what it prints",
            )
        )
        raise Exit(code=1) from None


@contextmanager
def _signals() -> Iterator[None]:
    def stop(number: int, _: Any) -> None:
        if number == signal.SIGHUP:
            # Whoever closes a terminal sends it twice, the shell and the system: the second is no order
            # to break off what the first one has begun.
            signal.signal(number, lambda *_: None)
        raise Interrupted(f"stopped by {signal.Signals(number).name}")

    if threading.current_thread() is not threading.main_thread():
        yield  # Whoever runs us there handles signals.
        return
    # A lost connection (SIGHUP) ends a run as cleanly as SIGTERM does, unless nohup has us ignore it.
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _debugging() -> bool:
    return bool(os.environ.get("ORBYARD_DEBUG")) or logging.getLogger("invoke").isEnabledFor(
        logging.DEBUG
    )


def _trace(console: Console, debug: bool) -> None:
    if debug:
        for line in traceback.format_exc().splitlines():
            console.detail(line)


def _quiet_loggers(console: Console) -> None:
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.INFO)

    def mask(record: logging.LogRecord) -> bool:
        record.msg, record.args = console.masker.mask(record.getMessage()), ()
        return True

    for handler in logging.getLogger().handlers:
        handler.addFilter(mask)
