"""missing-reference: what an object refers to by name, and whether it is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orbs.kubernetes.lint.podspec import PodTemplate, containers, dig, entries, pod_template
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.lint.selecting import same_namespace
from orbs.kubernetes.manifest import RenderedManifest
from pipeline.errors import did_you_mean
from pipeline.yamlfile import KeyPath

__all__ = ["RULES", "Reference", "references"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A name in a manifest that stands for another object; ``key`` for an entry of its data."""

    path: KeyPath
    kind: str
    name: str
    key: str = ""


def references(manifest: RenderedManifest) -> Iterator[Reference]:
    """Yield what an object needs to exist; what is marked ``optional`` is left out."""
    template = pod_template(manifest.value)
    if template:
        yield from _of_pod(template)
    if manifest.kind == "HorizontalPodAutoscaler":
        target = dig(manifest.value, "spec", "scaleTargetRef")
        path = ("spec", "scaleTargetRef", "name")
        if target.get("name"):
            yield Reference(path, str(target.get("kind")), str(target["name"]))
    elif manifest.kind == "Ingress":
        yield from _of_ingress(manifest.value)


def _of_pod(template: PodTemplate) -> Iterator[Reference]:
    spec, path = template.spec, template.spec_path
    for container in containers(template):
        for index, source in entries(container.value, "envFrom"):
            here = (*container.path, "envFrom", index)
            yield from _named(source, "configMapRef", "ConfigMap", here)
            yield from _named(source, "secretRef", "Secret", here)
        for index, variable in entries(container.value, "env"):
            here = (*container.path, "env", index, "valueFrom")
            source = dig(variable, "valueFrom")
            yield from _named(source, "configMapKeyRef", "ConfigMap", here)
            yield from _named(source, "secretKeyRef", "Secret", here)
    for index, volume in entries(spec, "volumes"):
        yield from _of_volume(volume, (*path, "volumes", index))
    for index, secret in entries(spec, "imagePullSecrets"):
        if secret.get("name"):
            here = (*path, "imagePullSecrets", index, "name")
            yield Reference(here, "Secret", str(secret["name"]))
    account = spec.get("serviceAccountName")
    if isinstance(account, str) and account != "default":
        yield Reference((*path, "serviceAccountName"), "ServiceAccount", account)


def _of_volume(volume: Mapping[str, Any], path: KeyPath) -> Iterator[Reference]:
    yield from _named(volume, "configMap", "ConfigMap", path)
    yield from _named(volume, "secret", "Secret", path, "secretName")
    yield from _named(volume, "persistentVolumeClaim", "PersistentVolumeClaim", path, "claimName")
    for index, source in entries(dig(volume, "projected"), "sources"):
        here = (*path, "projected", "sources", index)
        yield from _named(source, "configMap", "ConfigMap", here)
        yield from _named(source, "secret", "Secret", here)


def _named(
    value: Mapping[str, Any], key: str, kind: str, path: KeyPath, field: str = "name"
) -> Iterator[Reference]:
    source = dig(value, key)
    if not source.get(field) or source.get("optional") is True:
        return
    name = str(source[field])
    yield Reference((*path, key, field), kind, name)
    if key.endswith("KeyRef") and source.get("key"):
        yield Reference((*path, key, "key"), kind, name, str(source["key"]))
    for index, item in entries(source, "items"):
        if item.get("key"):
            yield Reference((*path, key, "items", index, "key"), kind, name, str(item["key"]))


def _of_ingress(value: Mapping[str, Any]) -> Iterator[Reference]:
    spec = dig(value, "spec")
    yield from _backend(dig(spec, "defaultBackend"), ("spec", "defaultBackend"))
    for number, rule in entries(spec, "rules"):
        for index, path in entries(dig(rule, "http"), "paths"):
            here = ("spec", "rules", number, "http", "paths", index, "backend")
            yield from _backend(dig(path, "backend"), here)
    for index, item in entries(spec, "tls"):
        if item.get("secretName"):
            yield Reference(("spec", "tls", index, "secretName"), "Secret", str(item["secretName"]))


def _backend(backend: Mapping[str, Any], path: KeyPath) -> Iterator[Reference]:
    service = dig(backend, "service")
    if service.get("name"):
        yield Reference((*path, "service", "name"), "Service", str(service["name"]))


def _check(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    for reference in references(manifest):
        target = _find(reference, manifest, context)
        if target is None:
            # A key of an object that is nowhere has been spoken of with the object.
            if not reference.key and not (
                context.exists and context.exists(reference.kind, reference.name)
            ):
                yield _absent(reference, manifest, context)
        elif reference.key:
            keys = _keys(target)
            if reference.key not in keys:
                yield Said(
                    reference.path,
                    f"{manifest.ref} takes the key {reference.key} of {target.ref}, which has no "
                    f"such key ({target.where().file})",
                    did_you_mean(reference.key, keys) or "its keys: " + ", ".join(sorted(keys)),
                    "error",
                )


def _find(
    reference: Reference, manifest: RenderedManifest, context: Context
) -> RenderedManifest | None:
    for found in context.of_kind(reference.kind):
        if found.name == reference.name and same_namespace(found, manifest):
            return found
    return None


def _absent(reference: Reference, manifest: RenderedManifest, context: Context) -> Said:
    names = [found.name for found in context.of_kind(reference.kind)]
    where = "neither in this set nor in the cluster" if context.exists else "not in this set"
    return Said(
        reference.path,
        f"{manifest.ref} refers to {reference.kind}/{reference.name}, which is {where}",
        did_you_mean(reference.name, names)
        or f"add it, or see that the cluster has it: `kubectl get {reference.kind.lower()} "
        f"{reference.name}`",
    )


def _keys(manifest: RenderedManifest) -> set[str]:
    parts = ("data", "binaryData", "stringData")
    return {str(key) for part in parts for key in dig(manifest.value, part)}


RULES = (
    Rule(
        name="missing-reference",
        severity="warning",
        summary="A name refers to an object that is neither in the set nor known to be in the "
        "cluster.",
        reason="A Pod whose ConfigMap or Secret is missing does not start. Looked at are ConfigMaps, "
        "Secrets, ServiceAccounts and PersistentVolumeClaims of Pods, what a "
        "HorizontalPodAutoscaler scales, and the Services and TLS Secrets of an Ingress. It is a "
        "warning, because the cluster may have it from elsewhere; a key that is missing in a "
        "ConfigMap or Secret of the set is an error. What is `optional: true` is left out.",
        example="""\
env:
  - name: DATABASE_URL
    valueFrom:
      secretKeyRef:
        name: hoge-app       # a Secret of the set
        key: DATABASE_URL    # one of its keys
""",
        check=_check,
    ),
)
