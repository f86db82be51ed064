"""Where the user's own folders may be seen in a job: not where the runner itself puts files.

``checkout`` writes into the working directory, and the runner gives it to the job's user. If that were a
folder of this machine, or in one, both would happen to the user's files.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Sequence

from pipeline.config.model import Docker, Job
from pipeline.errors import InvalidInput, Problem
from pipeline.runner.container_spec import HostMount
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.job_run import DEFAULT_FOLDER
from pipeline.runner.places import place_of

__all__ = ["check_mounts", "refuse_covered", "refuse_overwritten"]

_HINT = (
    "name another path in the container; `--in-place` lets jobs work on your files themselves, and"
    " `checkout` brings a copy of them without any option"
)
_ROOT = ("root", "0")


def check_mounts(jobs: Iterable[Job], options: ExecutorOptions) -> None:
    """Refuse volumes over the working directories of jobs, before anything is run.

    Where ``~`` is in a container is known when it runs: here it is taken for /root, or a folder of /home.

    Raises:
        InvalidInput: with a problem for each job and volume.
    """
    problems = [
        Problem(f"{_said(mount)} is where {job.name} has its working directory, {folder}")
        for job in jobs
        if options.mounts and place_of(job, options).kind in ("containers", "machine")
        for folder in [job.working_directory or DEFAULT_FOLDER]
        for mount in options.mounts
        if any(_covers(mount.target, place) for place in _places(job, folder, mount.target))
    ]
    if problems:
        raise InvalidInput(
            "jobs would write into folders of this machine", problems=problems, hint=_HINT
        )


def refuse_covered(mounts: Sequence[HostMount], folder: str) -> None:
    """Refuse volumes over a job's working directory, which is known by now.

    Raises:
        InvalidInput: one is.
    """
    for mount in mounts:
        if _covers(mount.target, folder):
            raise InvalidInput(
                f"{_said(mount)} is where the job has its working directory, {folder}", hint=_HINT
            )


def refuse_overwritten(mounts: Sequence[HostMount], folder: str, names: Collection[str]) -> None:
    """Refuse to check files out where they would land in a folder of this machine.

    Raises:
        InvalidInput: some would.
    """
    refuse_covered(mounts, folder)
    for mount in mounts:
        below = posixpath.relpath(posixpath.normpath(mount.target), folder)
        if below.startswith("../"):
            continue
        found = next((name for name in names if f"{name}/".startswith(f"{below}/")), None)
        if found is not None:
            raise InvalidInput(
                f"{_said(mount)} is where `checkout` puts {found}, which would land in {mount.source}",
                hint="name a path that the repository has no files at",
            )


def _said(mount: HostMount) -> str:
    return f"--volume {mount.source}:{mount.target}"


def _covers(target: str, folder: str) -> bool:
    """Return whether a folder is, or is in, what is mounted."""
    top = posixpath.normpath(target)
    return f"{posixpath.normpath(folder)}/".startswith("/" if top == "/" else f"{top}/")


def _places(job: Job, folder: str, target: str) -> Iterator[str]:
    """Yield where the working directory may be, as far as it matters for a volume."""
    if not folder.startswith("~"):
        yield folder
        return
    executor = job.executor
    user = executor.images[0].user if isinstance(executor, Docker) else None
    if user in (None, *_ROOT):
        yield f"/root{folder[1:]}"
    if user not in _ROOT:
        parts = posixpath.normpath(target).split("/")
        name = parts[2] if len(parts) > 2 and parts[1] == "home" else "user"
        yield f"/home/{name}{folder[1:]}"
