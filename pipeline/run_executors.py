"""What ``ci.run`` needs of this machine: the executors as the settings have them, the Docker engine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ci_options import ci_settings
from pipeline.errors import InvalidInput
from pipeline.runner.container_spec import HostMount
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.host_processes import end_left_over_processes
from pipeline.runner.image_names import check_image_rules
from pipeline.runner.owner import Owner, this_process
from pipeline.runner.run_folder import runs_folder
from pipeline.runner.short_folders import clear_short_folders

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["clear_left_over", "executor_options", "make_scratch", "place_options"]

_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?\Z")
_OWNER_FILE = "owner"


def executor_options(
    run: Run,
    executor: str,
    platform: str,
    images: Iterable[str] = (),
    *,
    ssh_agent: bool,
    volumes: Iterable[str] = (),
) -> ExecutorOptions:
    """Return what the options and the settings say about executors.

    Raises:
        InvalidInput: a platform, a rule for images or a volume that is none, a file that is not there.
    """
    settings = ci_settings(run)
    platform = platform or settings.platform
    if platform and not _PLATFORM.match(platform):
        raise InvalidInput(f"--platform is written as linux/amd64 or linux/arm64, not {platform!r}")
    keys = {
        fingerprint: os.fspath(run.root / Path(file).expanduser())
        for fingerprint, file in settings.ssh_keys.items()
    }
    for fingerprint, file in keys.items():
        if not os.access(file, os.R_OK):
            raise InvalidInput(
                f"`ci.ssh_keys` names {file} for {fingerprint}, which cannot be read"
            )
    return replace(
        place_options(run, executor, images),
        platform=platform,
        remote_docker=settings.remote_docker,
        dind_image=settings.dind_image,
        ssh_agent=ssh_agent,
        ssh_auth_sock=run.environ.get("SSH_AUTH_SOCK", ""),
        ssh_keys=keys,
        mounts=tuple(_mount(run.cwd, text) for text in volumes),
    )


def place_options(run: Run, executor: str, images: Iterable[str] = ()) -> ExecutorOptions:
    """Return as much of them as says where jobs run, and in which images.

    Raises:
        InvalidInput: a rule for images that is none.
    """
    settings = ci_settings(run)
    return ExecutorOptions(
        executor=executor,
        images={**settings.images, **_image_rules(images)},
        machine=settings.machine,
        machine_image=settings.machine_image,
    )


def _image_rules(written: Iterable[str]) -> dict[str, str]:
    rules = {}
    for text in written:
        image, _, taken = text.partition("=")
        try:
            check_image_rules({image: taken})
        except ValueError as error:
            raise InvalidInput(f"--image is written as IMAGE=OTHER: {error}") from error
        rules[image] = taken
    return rules


def _mount(cwd: Path, text: str) -> HostMount:
    """Return what ``--volume`` says, written as for ``docker run --volume``."""
    source, _, rest = text.partition(":")
    target, _, mode = rest.partition(":")
    if not target.startswith("/") or mode not in ("", "ro", "rw"):
        raise InvalidInput(
            f"--volume is written as HERE:THERE or HERE:THERE:ro, not {text!r}",
            hint="HERE is a file or folder of this machine, THERE its absolute path in the container",
        )
    path = cwd / Path(source).expanduser()
    if not source or not path.exists():
        raise InvalidInput(
            f"--volume {text}: there is no {source or 'file'} on this machine",
            hint="name a file or folder that is there; what jobs are to keep goes into caches",
        )
    return HostMount(os.fspath(path.resolve()), target, mode == "ro")


def make_scratch(folder: Path) -> Path:
    """Make a run's folder for what it shares with its jobs, and return it."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    scratch.chmod(0o711)
    (scratch / _OWNER_FILE).write_text(str(this_process()), encoding="ascii")
    return scratch


def clear_left_over(root: Path) -> None:
    """Remove what runs that were killed left on this machine: processes, and files shared with jobs."""
    end_left_over_processes()
    clear_short_folders()
    for file in runs_folder(root).glob(f"*/scratch/{_OWNER_FILE}"):
        owner = Owner.parse(file.read_text(encoding="ascii", errors="replace"))
        if owner is not None and owner.is_gone():
            shutil.rmtree(file.parent, ignore_errors=True)
