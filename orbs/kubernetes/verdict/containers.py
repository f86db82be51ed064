"""One container of a Pod: what was asked for and how it is, side by side."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from orbs.kubernetes.verdict.fields import Json, items, mapping, name_of, number, seconds_of, text
from orbs.kubernetes.verdict.model import Key

_TEMPLATE_LABELS = ("pod-template-hash", "controller-revision-hash", "job-name")


@dataclass(frozen=True, slots=True)
class Container:
    """A container as the Pod's spec and status tell it.

    Attributes:
        pod: the Pod it is in.
        spec: its entry in the Pod's spec.
        status: its entry in the Pod's status; empty before the kubelet wrote one.
        init: whether it runs before the others (or beside them, with restartPolicy Always).
    """

    pod: Json
    spec: Json
    status: Json
    init: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return text(self.spec, "name") or text(self.status, "name")

    @property
    def image(self) -> str:
        """The image as the manifest names it."""
        return text(self.spec, "image") or text(self.status, "image")

    @property
    def kind(self) -> str:
        """``container``, ``init container`` or ``sidecar container``."""
        if not self.init:
            return "container"
        always = text(self.spec, "restartPolicy") == "Always"
        return "sidecar container" if always else "init container"

    @property
    def called(self) -> str:
        """``container app``."""
        return f"{self.kind} {self.name}".strip()

    @property
    def waiting_reason(self) -> str:
        """Why it does not run, in the kubelet's word; empty where it runs or has ended."""
        return text(self.status, "state", "waiting", "reason")

    @property
    def waiting_message(self) -> str:
        """The kubelet's words to :attr:`waiting_reason`."""
        return text(self.status, "state", "waiting", "message")

    @property
    def running(self) -> bool:
        """Whether its process runs now."""
        return bool(mapping(self.status, "state").get("running") is not None)

    @property
    def ready(self) -> bool:
        """Whether it is ready for work, as its probes say."""
        return self.status.get("ready") is True

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return number(self.status, "restartCount")

    @property
    def ending(self) -> Json:
        """How it ended the last time; empty where it never did."""
        return mapping(self.status, "state", "terminated") or mapping(
            self.status, "lastState", "terminated"
        )

    @property
    def endings(self) -> int:
        """How often it has ended."""
        if self.running or not self.ending:
            return self.restarts
        return self.restarts + 1

    def key(self, code: str) -> Key:
        """Return what a suspicion about it is filed under."""
        return (template_of(self.pod), self.name, code)


def containers_of(pod: Json) -> list[Container]:
    """Return the containers of a Pod, those first that start first."""
    return [
        *_joined(pod, "initContainers", "initContainerStatuses", init=True),
        *_joined(pod, "containers", "containerStatuses", init=False),
    ]


def _joined(pod: Json, specs: str, statuses: str, *, init: bool) -> list[Container]:
    by_name = {text(one, "name"): one for one in items(pod, "spec", specs)}
    told = {text(one, "name"): one for one in items(pod, "status", statuses)}
    names = [*by_name, *(name for name in told if name not in by_name)]
    return [Container(pod, by_name.get(n, {}), told.get(n, {}), init) for n in names]


def template_of(pod: Json) -> str:
    """Return what tells the Pods of one template from those of another."""
    labels = mapping(pod, "metadata", "labels")
    for label in _TEMPLATE_LABELS:
        if text(labels, label):
            return text(labels, label)
    return ""


def was_started(container: Container) -> bool:
    """Return whether a process of it ever ran; one that could not be started never did."""
    if container.running:
        return True
    for state in ("state", "lastState"):
        ended = mapping(container.status, state, "terminated")
        if ended and not could_not_start(ended):
            return True
    return container.restarts > 0 and not could_not_start(container.ending)


def could_not_start(ended: Json) -> bool:
    """Return whether an ending is that of a command that the runtime could not execute.

    containerd says ``StartError``, Docker ``ContainerCannotRun``; neither has a time of start.
    """
    return text(ended, "reason") in {"StartError", "ContainerCannotRun"}


def describe_ending(ended: Json) -> str:
    """Return ``exit code 137 (SIGKILL) after 12 s``."""
    code = ended.get("exitCode")
    if not isinstance(code, int):
        return "an unknown exit code"
    words = f"exit code {code}"
    name = signal_name(code) or signal_name(128 + number(ended, "signal"))
    if name:
        words += f" ({name})"
    lived = run_time_s(ended)
    return words if lived is None else f"{words} after {lived:.0f} s"


def signal_name(exit_code: int) -> str:
    """Return the signal that an exit code above 128 stands for, or an empty string."""
    try:
        return signal.Signals(exit_code - 128).name if exit_code > 128 else ""
    except ValueError:
        return ""


def run_time_s(ended: Json) -> float | None:
    """Return for how long a container ran that has ended."""
    start, end = seconds_of(text(ended, "startedAt")), seconds_of(text(ended, "finishedAt"))
    return end - start if start and end and end >= start else None


def state_line(container: Container) -> str:
    """Return one line of evidence: the Pod, the container and its state."""
    head = f"Pod {name_of(container.pod)}, {container.called}:"
    if container.restarts == 1:
        again = ", restarted once"
    else:
        again = f", restarted {container.restarts} times" if container.restarts else ""
    ended = describe_ending(container.ending) if container.ending else ""
    if container.running:
        state = "running" if container.ready else "running, not ready"
    elif container.waiting_reason:
        state = f"waiting ({container.waiting_reason})"
    elif ended:
        return f"{head} ended with {ended}{again}"
    else:
        state = "not started"
    return f"{head} {state}{again}" + (f", last ended with {ended}" if ended else "")
