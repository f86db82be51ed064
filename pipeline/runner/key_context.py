"""What the keys of a job's caches are made of."""

from __future__ import annotations

import hashlib
import io
import platform
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from pipeline.runner.cache_keys import KeyContext, architecture
from pipeline.runner.job_run import JobRun
from pipeline.secret import is_masked

__all__ = ["key_context", "this_architecture"]

_HASH_LENGTH = 16


def key_context(run: JobRun) -> KeyContext:
    """Return branch, revision, variables and the job's files for :func:`render_key`."""
    values = run.values
    return KeyContext(
        branch=str(values.get("pipeline.git.branch") or ""),
        build_num=run.builtin.get("CIRCLE_BUILD_NUM", "1"),
        revision=str(values.get("pipeline.git.revision") or ""),
        checkout_key="",
        environment={**_without_secrets({**run.variables, **run.spec.contexts}), **run.builtin},
        working_directory=run.working_directory,
        home=run.sandbox.home,
        read_file=lambda path: _read_file(run, path),
        epoch_s=int(time.time()),
        arch=this_architecture(),
    )


def _without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Return hashes in place of secret values: keys stand in the store, in logs and in ``run.json``."""
    return {
        name: hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()[:_HASH_LENGTH]
        if is_masked(value)
        else value
        for name, value in variables.items()
    }


def this_architecture() -> str:
    """Return what ``{{ arch }}`` is on this machine."""
    return architecture(platform.machine(), _cpuinfo())


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
