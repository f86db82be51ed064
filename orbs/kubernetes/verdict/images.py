"""Images that cannot be pulled."""

from __future__ import annotations

from collections.abc import Iterable

from orbs.kubernetes.verdict.containers import Container, state_line
from orbs.kubernetes.verdict.events import last_message
from orbs.kubernetes.verdict.fields import Json, items, text, uid_of
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.model import Cause
from orbs.kubernetes.verdict.pull_messages import classify_pull
from orbs.kubernetes.verdict.suspicion import Suspicion
from pipeline.errors import excerpt

_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)


def image_suspicion(container: Container, events: Iterable[Json], grace: Grace) -> Suspicion | None:
    """Return why the container's image is not there, or None where it is or is on its way."""
    reason = container.waiting_reason
    if reason not in _REASONS:
        return None
    message = _told(container, events)
    problem = classify_pull(f"{reason} {message}", container.image)
    evidence = [state_line(container)]
    if message:
        evidence.append(f"the node says: {excerpt(message)}")
    if problem.code == "image-access-denied":
        evidence.append(_pull_secrets(container.pod))
    cause = Cause(
        problem.code,
        f"the image {container.image} cannot be pulled: {problem.says}",
        tuple(evidence),
        problem.hint,
        container.name,
        text(container.pod, "metadata", "name"),
    )
    return Suspicion(container.key("image"), cause, problem.grace_s(grace))


def _told(container: Container, events: Iterable[Json]) -> str:
    """The registry's words. While the kubelet backs off, its state has them no more, the event has."""
    if container.waiting_reason != "ImagePullBackOff":
        return container.waiting_message
    event = last_message(
        events,
        uid_of(container.pod),
        reasons=("Failed",),
        container=container.name,
        containing="pull",
    )
    return event or container.waiting_message


def _pull_secrets(pod: Json) -> str:
    names = [text(one, "name") for one in items(pod, "spec", "imagePullSecrets")]
    used = ", ".join(name for name in names if name)
    return f"imagePullSecrets of the Pod: {used or 'none'}"
