"""Running other programs: input by pipe, streamed output, time limits, cancellation.

The only module that imports ``subprocess``. A program gets a process group of its own, so that a time
limit or an interruption ends it with all its children and never leaves one behind.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Protocol

from pipeline.errors import Interrupted, Unavailable, WorkFailed
from pipeline.terminal import OutputTerminal, OwnTerminal, hand_over

__all__ = [
    "Completed",
    "InteractiveRunner",
    "ProcessRunner",
    "TimeLimitExceeded",
    "find_program",
    "run_in_terminal",
    "run_interactive",
    "run_process",
]

_GRACE_S = 5.0
"""Seconds between SIGTERM and SIGKILL for a program that has to stop."""
_DRAIN_S = 0.5
"""Seconds without output after which no more is waited for of a program that has ended: what it left
running in the background may keep its output open for ever."""


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended. ``stdout`` is empty where the lines were streamed."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def error_text(self) -> str:
        """Standard error as text; bytes that are not UTF-8 are replaced."""
        return self.stderr.decode("utf-8", "replace")


class TimeLimitExceeded(WorkFailed):
    """A program did not end in the time it was given, and was stopped."""


class ProcessRunner(Protocol):
    """The seam: what runs a program. :func:`run_process` is the real one."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Iterable[bytes] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        timeout_s: float | None = None,
        on_line: Callable[[str], None] | None = None,
        cancel: threading.Event | None = None,
    ) -> Completed:
        """Run ``argv`` and return how it ended."""
        ...  # pragma: no cover


class InteractiveRunner(Protocol):
    """The seam: what runs a program that has the terminal. :func:`run_interactive` is the real one."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
    ) -> int:
        """Run ``argv`` and return its exit code."""
        ...  # pragma: no cover


def find_program(name: str) -> str | None:
    """Return the path of a program on ``PATH``, or None."""
    return shutil.which(name)


def run_process(
    argv: Sequence[str],
    *,
    stdin: bytes | Iterable[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    timeout_s: float | None = None,
    on_line: Callable[[str], None] | None = None,
    on_output: Callable[[bytes], None] | None = None,
    cancel: threading.Event | None = None,
    tty: bool = False,
) -> Completed:
    """Run a program to its end; a non-zero exit code is a result, not an error.

    Args:
        argv: program and arguments; never a shell line.
        stdin: bytes piped to it, whole or in pieces; None gives it no input at all.
        env: its whole environment; None passes on this process's.
        cwd: the folder it runs in.
        timeout_s: seconds it may take.
        on_line: called with each line of standard output and standard error, as they come, without
            the line end; ``stdout`` and ``stderr`` are then empty.
        on_output: called with each piece of both as it comes and in its order, in place of
            ``on_line``.
        cancel: stops the program when set.
        tty: with ``on_output``: whether its output goes to a terminal. It has none to read from, so a
            program that asks its user something does not wait for ever.

    Raises:
        Unavailable: there is no such program.
        TimeLimitExceeded: it took longer than ``timeout_s``.
        Interrupted: ``cancel`` was set.
    """
    terminal = OutputTerminal() if tty and on_output is not None else None
    try:
        child = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE if terminal is None else terminal.inner,
            stderr=subprocess.PIPE if on_output is None else subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise Unavailable(
            f"the program {argv[0]!r} was not found", hint="is it on PATH?"
        ) from error
    except PermissionError as error:
        raise Unavailable(f"the program {argv[0]!r} may not be run: permission denied") from error
    finally:
        if terminal is not None:
            os.close(terminal.inner)
    if terminal is not None:
        child.stdout = terminal.outer
    try:
        return _supervise(child, tuple(argv), stdin, timeout_s, on_line, on_output, cancel)
    except BaseException:
        _stop(child)
        raise


def run_interactive(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> int:
    """Run a program that has the terminal to itself, such as an editor, and return its exit code.

    It stays in our process group, since another could not read the keyboard; Ctrl-C is its own.

    Raises:
        Unavailable: there is no such program.
    """
    try:
        with _ignored_interrupts(), subprocess.Popen(list(argv), env=env, cwd=cwd) as child:
            try:
                return child.wait()
            except BaseException:
                child.terminate()
                raise
    except FileNotFoundError as error:
        raise Unavailable(
            f"the program {argv[0]!r} was not found", hint="is it on PATH?"
        ) from error


@contextmanager
def _ignored_interrupts() -> Iterator[None]:
    def ignore(_number: int, _frame: object) -> None:
        # A handler of ours, not SIG_IGN: the program would inherit that one.
        return

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, ignore)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "os.execvpe(sys.argv[1], sys.argv[1:], os.environ)"
)
"""Makes its input its controlling terminal, and becomes the program: without it a shell has no jobs."""


def run_in_terminal(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str | os.PathLike[str],
    cancel: threading.Event | None = None,
) -> int:
    """Run a program with a terminal of its own, to which the user's is connected meanwhile.

    Unlike :func:`run_interactive` it may be called in any thread: Ctrl-C is a key like any other. Where the
    user's terminal goes away, or ``cancel`` is set, the program is stopped.

    Raises:
        Unavailable: there is no such program.
    """
    if find_program(argv[0]) is None:
        raise Unavailable(f"the program {argv[0]!r} was not found", hint="is it on PATH?")
    ours, theirs = os.openpty()
    terminal = OwnTerminal(ours)
    try:
        child = subprocess.Popen(
            [sys.executable, "-c", _TAKE_TERMINAL, *argv],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={"TERM": os.environ.get("TERM", "xterm"), **env},
            cwd=cwd,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            if not hand_over(terminal, terminal.resize, cancel):
                # A shell that has a terminal passes SIGTERM over.
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGHUP)
                _stop(child)
            return child.wait()
        except BaseException:
            _stop(child)
            raise
    finally:
        os.close(ours)


def _supervise(
    child: subprocess.Popen[bytes],
    argv: tuple[str, ...],
    stdin: bytes | Iterable[bytes] | None,
    timeout_s: float | None,
    on_line: Callable[[str], None] | None,
    on_output: Callable[[bytes], None] | None,
    cancel: threading.Event | None,
) -> Completed:
    out, err = bytearray(), bytearray()
    failures: list[BaseException] = []
    assert child.stdout is not None
    pipes = [(child.stdout, out)]
    if child.stderr is not None:
        pipes.append((child.stderr, err))
    taken = _Counted(on_output, failures) if on_output is not None else None
    workers = [
        threading.Thread(target=_read, args=(*pipe, on_line, taken), daemon=True) for pipe in pipes
    ]
    if stdin is not None:
        assert child.stdin is not None
        feeding = (child.stdin, stdin, failures)
        workers.append(threading.Thread(target=_feed, args=feeding, daemon=True))
    for worker in workers:
        worker.start()
    _wait(child, argv, timeout_s, cancel, failures)
    for worker in workers:
        if taken is None:
            worker.join(timeout=_GRACE_S)
        else:
            taken.drain(worker)
    if failures:
        raise failures[0]
    return Completed(argv, child.returncode, bytes(out), bytes(err))


class _Counted:
    """Hands output on, and knows whether any came; what cannot be taken ends the program."""

    def __init__(self, take: Callable[[bytes], None], failures: list[BaseException]) -> None:
        self._take = take
        self._failures = failures
        self._pieces = 0
        self._busy = False

    def __call__(self, piece: bytes) -> None:
        self._busy = True
        try:
            if not self._failures:
                self._take(piece)
        except BaseException as error:
            self._failures.append(error)  # raised by whoever waits for the program
        finally:
            self._pieces += 1
            self._busy = False

    def drain(self, worker: threading.Thread) -> None:
        """Wait for a reader's end, or until nothing comes any more."""
        before = -1
        while worker.is_alive() and (self._busy or before != self._pieces):
            before = self._pieces
            worker.join(timeout=_DRAIN_S)


def _wait(
    child: subprocess.Popen[bytes],
    argv: tuple[str, ...],
    timeout_s: float | None,
    cancel: threading.Event | None,
    failures: Sequence[BaseException],
) -> None:
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        slice_s = left if cancel is None else min(0.1, left) if left is not None else 0.1
        try:
            child.wait(timeout=None if slice_s is None else max(slice_s, 0))
            return
        except subprocess.TimeoutExpired:
            if failures:
                raise failures[0] from None
            if cancel is not None and cancel.is_set():
                raise Interrupted(f"{argv[0]} was stopped: the run was interrupted") from None
            if deadline is not None and time.monotonic() >= deadline:
                raise TimeLimitExceeded(
                    f"{argv[0]} did not end within {timeout_s:g} s and was stopped"
                ) from None


def _read(
    pipe: IO[bytes],
    sink: bytearray,
    on_line: Callable[[str], None] | None,
    on_output: Callable[[bytes], None] | None,
) -> None:
    with pipe:
        if on_line is None or on_output is not None:
            take = sink.extend if on_output is None else on_output
            # A terminal whose other end is closed is an error to Linux, not an end.
            with suppress(OSError):
                while chunk := pipe.read1(65536):  # type: ignore[attr-defined]  # BufferedReader
                    take(chunk)
            return
        for raw in pipe:
            on_line(raw.decode("utf-8", "replace").rstrip("\r\n"))


def _feed(pipe: IO[bytes], data: bytes | Iterable[bytes], failures: list[BaseException]) -> None:
    try:
        with pipe:
            for piece in (data,) if isinstance(data, bytes) else data:
                pipe.write(piece)
    except BrokenPipeError:
        pass  # The program ended without reading everything; its exit code tells.
    except BaseException as error:
        failures.append(error)  # Raised by whoever waits for the program.


def _stop(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        try:
            child.wait(timeout=_GRACE_S)
            break
        except subprocess.TimeoutExpired:
            continue
