"""What is remembered of a project from one run to the next: the numbers of jobs, the times of tests."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline.errors import WorkFailed
from pipeline.runner.test_results import CaseResult, Timings, timings_of
from pipeline.whole_file import write_whole

__all__ = ["ProjectMemory"]

_KINDS = ("filename", "classname", "testname")


class ProjectMemory:
    """A folder, that several runs may use at once.

    Args:
        folder: of this project alone; made when something is first remembered.

    Raises:
        WorkFailed: (by what remembers) the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def next_build(self, branch: str) -> tuple[int, int | None]:
        """Return a number that no job of the project has had, and that of the branch's last job."""
        with self._changing("builds.json") as known:
            number = int(known.get("last", 0)) + 1
            of_branch = known.setdefault("of_branch", {})
            previous = of_branch.get(branch)
            known["last"] = of_branch[branch] = number
        return number, previous

    def timings(self) -> Timings:
        """Return how long tests took when they last ran."""
        known = _read(self._folder / "timings.json")
        return Timings(*({**known.get(kind, {})} for kind in _KINDS))

    def note_tests(self, cases: Iterable[CaseResult]) -> None:
        """Remember how long tests took, in the place of what was known of them."""
        fresh = asdict(timings_of(cases))
        with self._changing("timings.json") as known:
            for kind in _KINDS:
                known[kind] = {**known.get(kind, {}), **fresh[kind]}

    @contextmanager
    def _changing(self, name: str) -> Iterator[dict[str, Any]]:
        path = self._folder / name
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self._folder / "lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                known = _read(path)
                yield known
                write_whole(path, json.dumps(known))
        except OSError as error:
            raise WorkFailed(f"{path} cannot be written: {error.strerror or error}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        known = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}  # not there yet, or half of it lost: both can be learnt anew
    return known if isinstance(known, dict) else {}
