"""What the keys of a job's caches are made of."""

from __future__ import annotations

import io
import platform
import tarfile
import time
from pathlib import Path

from pipeline.runner.cache_keys import KeyContext, architecture
from pipeline.runner.job_run import JobRun

__all__ = ["key_context"]


def key_context(run: JobRun) -> KeyContext:
    """Return branch, revision, variables and the job's files for :func:`render_key`."""
    values = run.values
    return KeyContext(
        branch=str(values.get("pipeline.git.branch") or ""),
        build_num=run.builtin.get("CIRCLE_BUILD_NUM", "1"),
        revision=str(values.get("pipeline.git.revision") or ""),
        checkout_key="",
        environment={**run.variables, **run.spec.contexts, **run.builtin},
        working_directory=run.working_directory,
        home=run.sandbox.home,
        read_file=lambda path: _read_file(run, path),
        epoch_s=int(time.time()),
        arch=architecture(platform.machine(), _cpuinfo()),
    )


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _read_file(run: JobRun, path: str) -> bytes:
    data = b"".join(run.sandbox.read_archive(path))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            if file is not None:
                return file.read()
    raise IsADirectoryError(path)
