"""Runs something again whenever files change that a job would check out."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.errors import OrbyardError
from pipeline.output import Console
from pipeline.process import ProcessRunner, run_process

__all__ = ["Watcher", "run_again_on_changes"]

_OWN = (".git", ".orbyard")
_LOOK_FOR_INTERRUPTS_S = 0.5


class Watcher:
    """Collects the files of a folder that change, from the ``with`` on, ignored ones left out.

    Args:
        root: the project's folder.
        outputs: files that do not count, since what is run writes them.
        process: runs git.
    """

    def __init__(
        self, root: Path, outputs: Iterable[Path] = (), *, process: ProcessRunner = run_process
    ) -> None:
        self._root = root
        self._outputs = {self._relative(os.path.abspath(path)) for path in outputs}
        self._process = process
        self._changes: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watching files", daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        import watchfiles

        def wanted(_change: watchfiles.Change, path: str) -> bool:
            name = self._relative(path)
            return name.partition("/")[0] not in _OWN and _written_as(name) not in self._outputs

        # The generator gives an empty set after each timeout, first when it has begun to look.
        for changes in watchfiles.watch(
            self._root,
            watch_filter=wanted,
            stop_event=self._stop,
            rust_timeout=100,
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            self._ready.set()
            if changes:
                self._changes.put(sorted({self._relative(path) for _, path in changes}))
        self._ready.set()

    def _relative(self, path: str) -> str:
        return os.path.relpath(path, self._root).replace(os.sep, "/")

    def forget(self) -> None:
        """Pass over what has changed until now."""
        while not self._changes.empty():
            self._changes.get()

    def wait(self) -> list[str]:
        """Return what has changed since the last call, relative to the folder, as soon as there is any."""
        while True:
            try:
                changed = self._changes.get(timeout=_LOOK_FOR_INTERRUPTS_S)
            except queue.Empty:
                continue
            while not self._changes.empty():
                changed += self._changes.get()
            if kept := self._not_ignored(sorted(set(changed))):
                return kept

    def _not_ignored(self, paths: list[str]) -> list[str]:
        done = self._process(
            ["git", "-C", os.fspath(self._root), "check-ignore", "-z", "--stdin"],
            stdin="\0".join(paths).encode("utf-8", "surrogateescape"),
        )
        ignored = set(done.stdout.decode("utf-8", "surrogateescape").split("\0"))
        return [path for path in paths if path not in ignored]


def run_again_on_changes(
    root: Path,
    console: Console,
    once: Callable[[], object],
    *,
    outputs: Iterable[Path] = (),
    own_changes: bool = False,
) -> None:
    """Run something now and after each change, until Ctrl-C; what fails is told, and ends nothing.

    Args:
        root: the project's folder.
        console: where it is told what is waited for.
        once: what is run.
        outputs: files that it writes.
        own_changes: whether it changes files of the folder itself, which then do not count.

    Raises:
        KeyboardInterrupt: at Ctrl-C.
    """
    with Watcher(root, outputs) as watcher:
        while True:
            try:
                once()
            except OrbyardError as error:
                console.error(error)
            if own_changes:
                watcher.forget()
            console.line(console.style("==> waiting for changes; Ctrl-C ends", "bold"))
            console.line(console.style(f"==> changed: {_names(watcher.wait())}", "bold"))


def _written_as(name: str) -> str:
    """Return the file that a file in the making is for: ``reports/.report.html.x1y2`` is a report."""
    folder, slash, last = name.rpartition("/")
    if last.startswith(".") and last.count(".") > 2:
        last = last[1:].rpartition(".")[0]
    return folder + slash + last


def _names(paths: Iterable[str]) -> str:
    some = list(paths)
    return ", ".join(some[:5]) + (f" and {len(some) - 5} others" if len(some) > 5 else "")
