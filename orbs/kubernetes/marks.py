"""What Orbyard writes on the objects it deploys: who, what revision, which run; and for Pods a digest
of their configuration, so that they restart when it changes.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import secrets
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.names import (
    CONFIG_ANNOTATION,
    DEPLOYED_AT_ANNOTATION,
    DEPLOYED_BY_ANNOTATION,
    MANAGED_BY_LABEL,
    MANAGER,
    REVISION_ANNOTATION,
    RUN_ANNOTATION,
)

__all__ = ["Provenance", "mark", "read_provenance"]

_RESTARTED = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"})
"""Kinds whose Pods stay: those of Jobs and CronJobs are new each time anyway."""

_JOB_URLS = ("CIRCLE_BUILD_URL", "BUILD_URL", "CI_JOB_URL")
_CI_USERS = ("CIRCLE_USERNAME", "GITHUB_ACTOR", "GITLAB_USER_LOGIN")


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who deploys what: the values of the annotations.

    Attributes:
        revision: the source revision's label.
        by: ``user@host``, or the CI system's user.
        run: the CI job's URL, or ``user@host`` and a random id.
        at: UTC, ``2024-05-01T12:00:00Z``.
    """

    revision: str
    by: str
    run: str
    at: str

    def annotations(self) -> dict[str, str]:
        """The annotations, by name."""
        return {
            REVISION_ANNOTATION: self.revision,
            DEPLOYED_BY_ANNOTATION: self.by,
            RUN_ANNOTATION: self.run,
            DEPLOYED_AT_ANNOTATION: self.at,
        }


def read_provenance(revision: str, environ: Mapping[str, str]) -> Provenance:
    """Return who runs this, and where, as the CI system's variables or the machine say it."""
    person = f"{_user()}@{socket.gethostname()}"
    return Provenance(
        revision=revision,
        by=next((environ[name] for name in _CI_USERS if environ.get(name)), person),
        run=next(
            (environ[name] for name in _JOB_URLS if environ.get(name)),
            f"{person}/{secrets.token_hex(4)}",
        ),
        at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user need not have a name.
        return "unknown"


def mark(
    manifests: Sequence[RenderedManifest], provenance: Provenance, seeds: Mapping[str, str]
) -> list[RenderedManifest]:
    """Return the manifests with labels, annotations and digests on them.

    Args:
        manifests: the whole set.
        provenance: who deploys what.
        seeds: by file, a text that changes when what the file says may have changed, and that gives
            nothing away: the encrypted text. A digest of plain text would let a weak secret be
            guessed.
    """
    digests = {
        (manifest.kind, manifest.name): _content_digest(manifest, seeds)
        for manifest in manifests
        if manifest.kind in {"ConfigMap", "Secret"}
    }
    return [_marked(manifest, provenance, digests) for manifest in manifests]


def _content_digest(manifest: RenderedManifest, seeds: Mapping[str, str]) -> str:
    if manifest.sensitive:
        text = seeds.get(manifest.document.file, "")
    else:
        parts = {key: manifest.value.get(key) for key in ("data", "binaryData")}
        text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _marked(
    manifest: RenderedManifest,
    provenance: Provenance,
    digests: Mapping[tuple[str, str], str],
) -> RenderedManifest:
    metadata = dict(manifest.metadata)
    metadata["labels"] = {**(metadata.get("labels") or {}), MANAGED_BY_LABEL: MANAGER}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), **provenance.annotations()}
    value = {**manifest.value, "metadata": metadata}
    template = (value.get("spec") or {}).get("template") if manifest.kind in _RESTARTED else None
    if isinstance(template, dict):
        used = sorted(set(_references(template.get("spec"))) & set(digests))
        if used:
            value["spec"] = {**value["spec"], "template": _with_digest(template, used, digests)}
    return manifest.with_value(value)


def _with_digest(
    template: Mapping[str, Any],
    used: Sequence[tuple[str, str]],
    digests: Mapping[tuple[str, str], str],
) -> dict[str, Any]:
    listed = "\n".join(f"{kind}/{name} {digests[kind, name]}" for kind, name in used)
    digest = hashlib.sha256(listed.encode()).hexdigest()[:16]
    metadata = dict(template.get("metadata") or {})
    metadata["annotations"] = {**(metadata.get("annotations") or {}), CONFIG_ANNOTATION: digest}
    return {**template, "metadata": metadata}


_NAMED = {
    "configMapRef": ("ConfigMap", "name"),
    "configMapKeyRef": ("ConfigMap", "name"),
    "configMap": ("ConfigMap", "name"),
    "secretRef": ("Secret", "name"),
    "secretKeyRef": ("Secret", "name"),
    "secret": ("Secret", "secretName"),
}


def _references(value: Any) -> Iterator[tuple[str, str]]:
    """Yield the ConfigMaps and Secrets that a PodSpec takes variables and files from."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in _NAMED and isinstance(inner, dict):
                kind, field = _NAMED[key]
                # A projected volume's secret has `name`, a plain one's `secretName`.
                name = inner.get(field) or inner.get("name")
                if isinstance(name, str):
                    yield kind, name
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)
