"""Containers that cannot be started, or end again and again."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orbs.kubernetes.verdict.containers import (
    Container,
    could_not_start,
    describe_ending,
    signal_name,
    state_line,
)
from orbs.kubernetes.verdict.events import last_message
from orbs.kubernetes.verdict.fields import Json, name_of, number, text, uid_of
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.model import Cause
from orbs.kubernetes.verdict.probes import probe_of
from orbs.kubernetes.verdict.suspicion import NEVER, Suspicion
from pipeline.errors import excerpt

CERTAIN_ENDINGS = 3
"""A container that has ended so often, and waits for the next start, is in a crash loop."""

_EXEC = re.compile(r'exec: \\?"(?P<command>[^"\\]+)\\?": (?P<why>[^\n]+)')
_NO_FILE = re.compile(r"no such file|executable file not found|not found")
_STOPPED_BY_KUBELET = frozenset({0, 137, 143})
"""How a process ends that the kubelet has told to: SIGTERM obeyed or not handled, else SIGKILL."""

_HINTS = {
    126: "a command that the container runs is not executable",
    127: "a command that the container runs is not in the image: check PATH, binstubs and the "
    "Dockerfile",
    139: "the process crashed in native code; check gems with native extensions and the base image",
}


def start_suspicion(container: Container, grace: Grace) -> Suspicion | None:
    """Return why the container's command cannot be executed, or None."""
    message = _start_error(container)
    if message is None:
        return None
    code, summary, hint = _start_meaning(message, container)
    evidence = (state_line(container), f"the node says: {excerpt(message)}")
    cause = Cause(code, summary, evidence, hint, container.name, name_of(container.pod))
    certain = code != "cannot-start"
    return Suspicion(
        container.key("start"), cause, grace.cannot_start_s if certain else grace.crash_s
    )


def _start_error(container: Container) -> str | None:
    if container.running:
        return None
    if could_not_start(container.ending):
        return text(container.ending, "message")
    reason = container.waiting_reason
    return container.waiting_message if reason in {"RunContainerError", "StartError"} else None


def _start_meaning(message: str, container: Container) -> tuple[str, str, str]:
    found = _EXEC.search(message)
    if not found:
        return (
            "cannot-start",
            f"the node cannot start the {container.called}",
            "look at the node's message above: command, working directory and mounts",
        )
    command, why = found["command"], found["why"]
    called = f"the command {command!r} of the {container.called} cannot be executed"
    if _NO_FILE.search(why):
        return (
            "command-not-found",
            f"{called}: it is not in the image",
            "correct `command:` in the manifest or CMD in the Dockerfile; a path without a leading "
            "slash counts from the working directory",
        )
    if "permission denied" in why:
        return (
            "command-not-executable",
            f"{called}: permission denied",
            "make the file executable (chmod +x, kept by git), and check the user of the container",
        )
    if "exec format error" in why:
        return (
            "command-wrong-format",
            f"{called}: it is built for another processor, or a script without a `#!` line",
            "build the image for the platform of the nodes; check the first line of the script",
        )
    return "cannot-start", f"{called}: {excerpt(why, 120)}", "look at the node's message above"


def crash_suspicion(container: Container, events: Iterable[Json], grace: Grace) -> Suspicion | None:
    """Return why the container does not stay up, or None where it never ended or is well again."""
    ended = container.ending
    over = container.init and number(ended, "exitCode", default=1) == 0
    if not ended or over or could_not_start(ended) or (container.running and container.ready):
        return None
    code, summary, hint = _crash_meaning(container, events)
    looping = container.waiting_reason == "CrashLoopBackOff"
    cause = Cause(
        code, summary, (state_line(container),), hint, container.name, name_of(container.pod)
    )
    if code == "out-of-memory":
        seconds = grace.out_of_memory_s if looping and container.endings >= 2 else NEVER
        return Suspicion(container.key("crash"), cause, seconds)
    seconds = grace.crash_s if looping and container.endings >= CERTAIN_ENDINGS else NEVER
    return Suspicion(
        container.key("crash"), cause, seconds, lone_grace_s=max(seconds, grace.lone_crash_s)
    )


def _crash_meaning(container: Container, events: Iterable[Json]) -> tuple[str, str, str]:
    ended, called = container.ending, container.called
    code = number(ended, "exitCode", default=-1)
    if text(ended, "reason") == "OOMKilled":
        limit = text(container.spec, "resources", "limits", "memory") or "that of the node"
        return (
            "out-of-memory",
            f"the {called} used more memory than its limit ({limit}) and was killed",
            "raise resources.limits.memory, or make the app need less (fewer workers or threads)",
        )
    killed = _killed_by_probe(container, events, code) or _hook_failed(container, events)
    if killed:
        return killed
    if container.init:
        return (
            "init-crash-loop",
            f"the {called}, which has to end well before the app is started, fails with "
            f"{describe_ending(ended)}",
            "its last log lines say why",
        )
    if code == 0:
        return (
            "ends-by-itself",
            f"the {called} ends by itself with exit code 0, where it should keep running",
            "its command has to be the server in the foreground: not a one-time task, and not a "
            "server that goes to the background",
        )
    hint = _HINTS.get(code, "its last log lines say why it ends")
    if signal_name(code) == "SIGKILL":
        hint = (
            "something killed it: memory use of a child process, or a probe; see its last log lines"
        )
    summary = f"the {called} ends again and again: {describe_ending(ended)}"
    if container.endings < 2:
        summary = f"the {called} ended with {describe_ending(ended)}"
    return "crash-loop", summary, hint


def _hook_failed(container: Container, events: Iterable[Json]) -> tuple[str, str, str] | None:
    said = last_message(
        events, uid_of(container.pod), reasons=("FailedPostStartHook",), container=container.name
    )
    if not said:
        return None
    return (
        "post-start-hook",
        f"the {container.called} is killed because its postStart hook fails: {excerpt(said, 200)}",
        "correct lifecycle.postStart in the manifest",
    )


def _killed_by_probe(
    container: Container, events: Iterable[Json], code: int
) -> tuple[str, str, str] | None:
    if code not in _STOPPED_BY_KUBELET:
        return None
    for kind in ("Startup", "Liveness"):
        said = last_message(
            events,
            uid_of(container.pod),
            reasons=("Unhealthy",),
            container=container.name,
            containing=f"{kind} probe",
        )
        probe = probe_of(container, f"{kind.lower()}Probe")
        if said and probe:
            return (
                f"{kind.lower()}-probe",
                f"the {container.called} is killed again and again because its {kind.lower()} probe "
                f"fails ({probe.target}): {excerpt(said, 200)}",
                probe.hint(said),
            )
    return None
