"""Where a job runs on this machine: in containers, on the machine itself, or not at all."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Literal

from pipeline.config.model import Docker, Job, Macos, Step
from pipeline.errors import InvalidInput
from pipeline.runner.executor_options import ExecutorOptions

__all__ = ["Place", "place_of"]

_WINDOWS_SHELLS = ("powershell.exe", "powershell", "cmd.exe", "cmd")
_NAMES = {"Darwin": "macOS"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a job runs.

    Attributes:
        kind: ``machine`` is a container that stands for a virtual machine.
        reason: why it is nowhere.
    """

    kind: Literal["containers", "machine", "host", "nowhere"]
    reason: str = ""


def place_of(job: Job, options: ExecutorOptions, *, system: str | None = None) -> Place:
    """Return where a job runs.

    Args:
        job: the job.
        options: what the settings say.
        system: this machine's, as :func:`platform.system` names it; default: asked.

    Raises:
        InvalidInput: machine jobs are to run in containers, and the settings name no image.
    """
    here = system or platform.system()
    executor = job.executor
    if isinstance(executor, Docker):
        return Place("host" if options.executor == "host" else "containers")
    wanted = "Darwin" if isinstance(executor, Macos) else "Windows" if _is_windows(job) else None
    if wanted is not None:
        if wanted == here:
            return Place("host")
        name, own = _NAMES.get(wanted, wanted), _NAMES.get(here, here)
        return Place("nowhere", f"a {name} job, and this machine has {own}")
    if options.machine == "host" or options.executor == "host":
        return Place("host")
    if not options.machine_image:
        raise InvalidInput(
            "machine jobs are to run in containers (`ci.machine: container`), and no image is named",
            hint="name one that has dockerd, bash and git under `ci.machine_image`;"
            " docs/executors.md has one to build",
        )
    return Place("machine")


def _is_windows(job: Job) -> bool:
    image = getattr(job.executor, "image", None) or ""
    shells = [job.shell, *(step.options.get("shell") for step in job.steps if _has_shell(step))]
    return (
        image.startswith("windows")
        or (job.resource_class or "").startswith("windows")
        or any(str(shell).split()[0].lower() in _WINDOWS_SHELLS for shell in shells if shell)
    )


def _has_shell(step: Step) -> bool:
    return bool(str(step.options.get("shell") or "").strip())
