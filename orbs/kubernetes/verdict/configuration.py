"""ConfigMaps, Secrets and keys that are missing, and settings that the node refuses."""

from __future__ import annotations

import re
from collections.abc import Iterable

from orbs.kubernetes.verdict.containers import Container, state_line, template_of
from orbs.kubernetes.verdict.events import events_of, lines_of, message_of
from orbs.kubernetes.verdict.fields import Json, name_of, text, uid_of
from orbs.kubernetes.verdict.grace import Grace
from orbs.kubernetes.verdict.model import Cause
from orbs.kubernetes.verdict.suspicion import Suspicion
from pipeline.errors import excerpt

_OBJECT = re.compile(r'(?P<kind>configmap|secret)s? "(?P<name>[^"]+)" not found', re.IGNORECASE)
_KEY = re.compile(
    r"couldn't find key (?P<key>\S+) in (?P<kind>ConfigMap|Secret) (?:[^/\s]+/)?(?P<name>\S+)"
)
_VOLUME_KEY = re.compile(r"references non-existent (?:secret|config) key: (?P<key>\S+)")
_KINDS = {"configmap": "ConfigMap", "secret": "Secret"}
_NOT_SYNCED = "failed to sync"
"""The kubelet's own cache is behind (after it was restarted); nothing is missing."""

_CREATE = frozenset({"CreateContainerConfigError", "CreateContainerError"})
_BEFORE_START = frozenset({"ContainerCreating", "PodInitializing", ""})
_MOUNT = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")


def configuration_suspicion(container: Container, grace: Grace) -> Suspicion | None:
    """Return what the container's settings lack, or None."""
    if container.waiting_reason not in _CREATE:
        return None
    message = container.waiting_message
    code, summary, hint, seconds = _meaning(message, container, grace)
    evidence = (state_line(container), f"the node says: {excerpt(message)}")
    cause = Cause(code, summary, evidence, hint, container.name, name_of(container.pod))
    return Suspicion(container.key("configuration"), cause, seconds)


def _meaning(message: str, container: Container, grace: Grace) -> tuple[str, str, str, float]:
    missing = _missing(message)
    if missing:
        return (*missing, grace.config_s)
    if "non-root" in message or "runAsNonRoot" in message or "run as root" in message:
        return (
            "must-not-be-root",
            f"the {container.called} must not run as root (runAsNonRoot), but its image does",
            "give the image a USER with a number, or set securityContext.runAsUser",
            0.0,
        )
    if "no command specified" in message:
        return (
            "no-command",
            f"the {container.called} has no command: neither the manifest nor the image names one",
            "set `command:` in the manifest, or CMD in the Dockerfile",
            0.0,
        )
    return (
        "container-not-created",
        f"the node could not make the {container.called}",
        "look at the node's message above",
        grace.webhook_s,
    )


def _missing(message: str) -> tuple[str, str, str] | None:
    """Code, summary and hint for a ConfigMap, Secret or key that is not there."""
    if _NOT_SYNCED in message:
        return None
    found = _OBJECT.search(message)
    if found:
        kind, name = _KINDS[found["kind"].lower()], found["name"]
        return (
            f"{kind.lower()}-missing",
            f"the {kind} {name!r}, which the Pod refers to, does not exist",
            f"add the {kind} to the manifests of this environment, or correct its name in the Pod",
        )
    found = _KEY.search(message)
    if found:
        kind, name, key = found["kind"], found["name"], found["key"]
        return (
            f"{kind.lower()}-key-missing",
            f"the {kind} {name!r} has no key {key!r}, which the Pod refers to",
            f"add the key to the {kind} of this environment, or correct its name in the Pod",
        )
    found = _VOLUME_KEY.search(message)
    if found:
        return (
            "volume-key-missing",
            f"a volume of the Pod names the key {found['key']!r}, which is not there",
            "add the key to the ConfigMap or Secret, or correct `items:` of the volume",
        )
    return None


def volume_suspicion(
    pod: Json, containers: list[Container], events: Iterable[Json], grace: Grace
) -> Suspicion | None:
    """Return why the Pod's volumes or its network are not there, or None.

    Events are history, so they count only while the Pod's containers wait for their start.
    """
    waiting = [one for one in containers if one.waiting_reason in _BEFORE_START and not one.ending]
    if not waiting or len(waiting) != len(containers) or any(one.running for one in containers):
        return None
    told = events_of(events, uid_of(pod), reasons=(*_MOUNT, "FailedCreatePodSandBox"))
    if not told:
        return None
    code, summary, hint, seconds = _volume_meaning(told[-1], grace)
    evidence = (f"Pod {name_of(pod)}: its containers wait to be created", *lines_of(told))
    cause = Cause(code, summary, evidence, hint, pod=name_of(pod))
    return Suspicion((template_of(pod), "", "volume"), cause, seconds)


def _volume_meaning(event: Json, grace: Grace) -> tuple[str, str, str, float]:
    if text(event, "reason") == "FailedCreatePodSandBox":
        return (
            "network-not-set-up",
            "the node could not set up the Pod's network",
            "look at the cluster's network plugin; the subnet may be out of addresses",
            grace.network_setup_s,
        )
    missing = _missing(message_of(event))
    if missing:
        return (*missing, grace.account_s)
    return (
        "volume-not-mounted",
        "a volume of the Pod cannot be mounted",
        "look at the event above; a disk may still be attached to another node",
        grace.volume_s,
    )
