"""Building with BuildKit through the docker program, for what the engine's own builder cannot do."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orbs.rails.engine_types import EngineError
from pipeline.errors import Unavailable
from pipeline.process import ProcessRunner, run_process

__all__ = ["BuildRequest", "buildx_argv", "find_buildx", "run_buildx"]


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What is built, whichever builder does it.

    Attributes:
        dockerfile: its path in the context.
        secrets: name of an environment variable by the secret's id; BuildKit only.
    """

    dockerfile: str
    tags: tuple[str, ...] = ()
    args: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    network: str = ""
    platform: str = ""
    target: str = ""
    no_cache: bool = False


def find_buildx(environ: Mapping[str, str], *, process: ProcessRunner = run_process) -> str | None:
    """Return the version of the docker program's buildx plugin, or None where either is missing."""
    try:
        done = process(["docker", "buildx", "version"], env=environ, timeout_s=20)
    except Unavailable:
        return None
    words = done.text.split()
    return words[1] if done.exit_code == 0 and len(words) > 1 else None


def buildx_argv(request: BuildRequest, id_file: str) -> list[str]:
    """Return the command of a build whose context comes by standard input.

    The builder ``default`` is the engine itself, so that the image lands there without a transfer.
    Secrets are named by their environment variables; their values are no arguments.
    """
    argv = ["docker", "buildx", "build", "--builder", "default", "--progress", "plain"]
    argv += ["--iidfile", id_file, "--file", request.dockerfile]
    for option, pairs in (("--build-arg", request.args), ("--label", request.labels)):
        for name, value in sorted(pairs.items()):
            argv += [option, f"{name}={value}"]
    for name, variable in sorted(request.secrets.items()):
        argv += ["--secret", f"id={name},env={variable}"]
    for tag in request.tags:
        argv += ["--tag", tag]
    for option, value in (
        ("--network", request.network),
        ("--platform", request.platform),
        ("--target", request.target),
    ):
        argv += [option, value] if value else []
    argv += ["--no-cache"] if request.no_cache else []
    return [*argv, "-"]


def run_buildx(
    request: BuildRequest,
    context: Iterable[bytes],
    *,
    environ: Mapping[str, str],
    on_line: Callable[[str], None],
    process: ProcessRunner = run_process,
) -> str:
    """Build, and return the image's id.

    Raises:
        EngineError: the build failed; ``text`` has its last words.
    """
    tail: list[str] = []

    def listen(line: str) -> None:
        if line.strip():
            tail.append(line)
            del tail[:-40]
        on_line(line)

    with tempfile.TemporaryDirectory(prefix="orbyard-") as folder:
        id_file = os.path.join(folder, "image-id")
        done = process(
            buildx_argv(request, id_file),
            stdin=context,
            env={**environ, "DOCKER_BUILDKIT": "1"},
            on_line=listen,
        )
        if done.exit_code != 0:
            words = [line for line in tail if "ERROR" in line or "error:" in line.lower()]
            text = "\n".join(words[-2:] or tail[-3:])
            raise EngineError("the build failed", text=text)
        return Path(id_file).read_text(encoding="utf-8").strip()
