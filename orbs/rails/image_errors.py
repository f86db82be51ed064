"""What a failed build of the app image means: which instruction, why, what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orbs.rails.dockerfile_syntax import Dockerfile, Instruction
from orbs.rails.engine_types import EngineError
from pipeline.errors import Location, OrbyardError, Unavailable, WorkFailed, excerpt

__all__ = ["BuildFailed", "explain_failure"]

_HINTS = (
    (
        r"(ADD|COPY) failed|failed to (compute cache key|calculate checksum)|: not found",
        "that file is not in the build context: is it there, or left out by .dockerignore?",
    ),
    (
        r"pull access denied|manifest unknown|manifest for .* not found|failed to resolve",
        "the base image cannot be pulled: is its name right, and are you logged in to its registry?",
    ),
    (r"no space left on device", "the engine's disk is full: `docker system df` says by what"),
    (
        r"returned a non-zero code|did not complete successfully",
        "the instruction's own output stands above; try it in a container of the image before it",
    ),
)
"""Words of the classic builder (moby, builder/dockerfile) and of BuildKit; they give no codes."""
_UNREACHABLE = re.compile(r"no such host|i/o timeout|connection refused|TLS handshake timeout")
_STEP = re.compile(r"^Step \d+/\d+ : (?P<text>.+)$|^#\d+ \[[^\]]*\d+/\d+\] (?P<kit>.+)$")
_FAILED_STEP = re.compile(r"^\s*>\s+\[[^\]]*\d+/\d+\] (?P<kit>.+?):?\s*$")


class BuildFailed(WorkFailed):
    """The app image could not be built."""


def explain_failure(
    error: EngineError, parsed: Dockerfile, dockerfile: str, tail: Sequence[str]
) -> OrbyardError:
    """Return the error to raise, with the place of the instruction and the output's last lines."""
    text = error.text or error.message
    step = _failed_instruction(parsed, tail)
    where = Location(dockerfile, step.line) if step else Location(dockerfile)
    hint = next(
        (advice for words, advice in _HINTS if re.search(words, text + "\n".join(tail[-5:]))),
        "the lines above are the build's own",
    )
    what = f"`{excerpt(step.text, 80)}` failed" if step else "the app image could not be built"
    if _UNREACHABLE.search(text) and step and step.keyword == "FROM":
        return Unavailable(f"{what}: {excerpt(text)}", where=where, hint=hint)
    return BuildFailed(
        f"{what}: {excerpt(text)}", where=where, details=tuple(tail[-10:]), hint=hint
    )


def _failed_instruction(parsed: Dockerfile, tail: Sequence[str]) -> Instruction | None:
    for pattern in (_FAILED_STEP, _STEP):
        for line in reversed(tail):
            match = pattern.match(line)
            if match:
                shown = next(text for text in match.groups() if text)
                found = _find(parsed, shown)
                if found:
                    return found
    return None


def _find(parsed: Dockerfile, shown: str) -> Instruction | None:
    wanted = _folded(shown)
    for instruction in reversed(parsed.instructions):
        text = _folded(instruction.text)
        if text.startswith(wanted) or wanted.startswith(text):
            return instruction
    return None


def _folded(text: str) -> str:
    return re.sub(r"[\s\\]+", " ", text).strip().lower()[:60]
