"""The rules an object must keep, in the words of the real server.

Not all of Kubernetes' rules: those that a deploy meets. Required fields, names, selectors that fit
their template, mounts of volumes that exist, fields that cannot be changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orbs.kubernetes.rehearsal.errors import ApiError, Cause, Json
from orbs.kubernetes.rehearsal.selectors import matches_selector

__all__ = ["check_types", "find_causes"]

_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_DATA_KEY = re.compile(r"^[-._a-zA-Z0-9]+$")
_DATA_RULE = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. "
    "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)

_WITH_TEMPLATE = frozenset(
    {"deployments.apps", "replicasets.apps", "statefulsets.apps", "daemonsets.apps"}
)
_FREE_NAMES = frozenset(
    f"{plural}.rbac.authorization.k8s.io"
    for plural in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
)
"""Kinds whose names may be any path segment (``system:node``)."""

_IMMUTABLE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "deployments.apps": (("spec", "selector"),),
    "replicasets.apps": (("spec", "selector"),),
    "daemonsets.apps": (("spec", "selector"),),
    "jobs.batch": (("spec", "selector"), ("spec", "template"), ("spec", "completions")),
    "rolebindings.rbac.authorization.k8s.io": (("roleRef",),),
    "clusterrolebindings.rbac.authorization.k8s.io": (("roleRef",),),
    "secrets": (("type",),),
    "storageclasses.storage.k8s.io": (("provisioner",), ("parameters",)),
}


def check_types(obj: Json) -> None:
    """Refuse numbers and booleans where only text is allowed.

    Raises:
        ApiError: naming the first such field (500, as server-side apply answers it).
    """
    for path, value in _texts(obj):
        if not isinstance(value, str) and value is not None:
            got = f"&value.valueUnstructured{{Value:{json.dumps(value)}}}"
            message = f"failed to create typed patch object: {path}: expected string, got {got}"
            raise ApiError(500, "", message)


def _texts(obj: Json) -> Iterator[tuple[str, Any]]:
    meta = obj.get("metadata") or {}
    for field in ("labels", "annotations"):
        for name, value in (meta.get(field) or {}).items():
            yield f".metadata.{field}.{name}", value
    if obj.get("kind") in ("ConfigMap", "Secret"):
        for field in ("data", "stringData"):
            for name, value in (obj.get(field) or {}).items():
                yield f".{field}.{name}", value
    spec = (obj.get("spec") or {}).get("template", obj).get("spec") or {}
    prefix = ".spec.template.spec" if "template" in (obj.get("spec") or {}) else ".spec"
    for container in spec.get("containers") or ():
        for item in container.get("env") or ():
            where = f'containers[name="{container.get("name")}"].env[name="{item.get("name")}"]'
            yield f"{prefix}.{where}.value", item.get("value")


def find_causes(resource: str, new: Json, old: Json | None) -> list[Cause]:
    """Return everything that is wrong with ``new``, given what it replaces."""
    causes = [] if old else list(_name(resource, new))
    causes += _data(resource, new)
    if resource in _WITH_TEMPLATE:
        causes += _selected_template(new)
    elif resource == "jobs.batch":
        causes += _job(new)
    elif resource == "pods":
        causes += _pod_spec(new.get("spec") or {}, "spec")
    elif resource == "services":
        causes += _service(new)
    if old is not None:
        causes += _changes(resource, new, old)
    return causes


def _name(resource: str, obj: Json) -> Iterator[Cause]:
    name = obj["metadata"].get("name")
    if not name:
        text = "Required value: name or generateName is required"
        yield Cause("metadata.name", text, "FieldValueRequired")
        return
    label = resource in ("namespaces", "services")
    rule = _LABEL_RULE if label else _SUBDOMAIN_RULE
    limit = 63 if label else 253
    if resource in _FREE_NAMES:
        return
    if not (_LABEL if label else _SUBDOMAIN).match(name):
        yield Cause("metadata.name", f"Invalid value: {json.dumps(name)}: {rule}")
    if len(name) > limit:
        text = f"Invalid value: {json.dumps(name)}: must be no more than {limit} characters"
        yield Cause("metadata.name", text)


def _data(resource: str, obj: Json) -> Iterator[Cause]:
    if resource not in ("configmaps", "secrets"):
        return
    for key in obj.get("data") or {}:
        if not _DATA_KEY.match(key):
            yield Cause(f"data[{key}]", f"Invalid value: {json.dumps(key)}: {_DATA_RULE}")


def _selected_template(obj: Json) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels")
    if not spec.get("selector"):
        yield _required("spec.selector")
    if not matches_selector(spec.get("selector"), labels or {}):
        shown = _go_map(labels)
        text = f"Invalid value: {shown}: `selector` does not match template `labels`"
        yield Cause("spec.template.metadata.labels", text)
    pod = template.get("spec") or {}
    yield from _pod_spec(pod, "spec.template.spec")
    if pod.get("restartPolicy", "Always") != "Always":
        policy = json.dumps(pod["restartPolicy"])
        text = f'Unsupported value: {policy}: supported values: "Always"'
        yield Cause("spec.template.spec.restartPolicy", text, "FieldValueNotSupported")


def _job(obj: Json) -> Iterator[Cause]:
    pod = ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}
    yield from _pod_spec(pod, "spec.template.spec")
    if pod.get("restartPolicy") not in ("OnFailure", "Never"):
        text = 'Required value: valid values: "OnFailure", "Never"'
        yield Cause("spec.template.spec.restartPolicy", text, "FieldValueRequired")


def _pod_spec(spec: Json, path: str) -> Iterator[Cause]:
    if not spec.get("containers"):
        yield _required(f"{path}.containers")
    volumes = {volume.get("name") for volume in spec.get("volumes") or ()}
    for field in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(field) or ()):
            here = f"{path}.{field}[{number}]"
            for wanted in ("name", "image"):
                if not container.get(wanted):
                    yield _required(f"{here}.{wanted}")
            for place, mount in enumerate(container.get("volumeMounts") or ()):
                if mount.get("name") not in volumes:
                    text = f"Not found: {json.dumps(mount.get('name'))}"
                    yield Cause(f"{here}.volumeMounts[{place}].name", text, "FieldValueNotFound")


def _service(obj: Json) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    headless = spec.get("clusterIP") == "None" or spec.get("type") == "ExternalName"
    if not spec.get("ports") and not headless:
        yield _required("spec.ports")


def _changes(resource: str, new: Json, old: Json) -> Iterator[Cause]:
    if old.get("immutable") and resource in ("configmaps", "secrets"):
        for field in ("data", "binaryData", "immutable"):
            if new.get(field) != old.get(field):
                text = "Forbidden: field is immutable when `immutable` is set"
                yield Cause(field, text, "FieldValueForbidden")
    if resource == "pods" and _frozen_pod(new) != _frozen_pod(old):
        text = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`"
        yield Cause("spec", text, "FieldValueForbidden")
    for path in _IMMUTABLE.get(resource, ()):
        value = _at(new, path)
        if value != _at(old, path):
            text = f"Invalid value: {json.dumps(value)}: field is immutable"
            yield Cause(".".join(path), text)


def _frozen_pod(pod: Json) -> Json:
    spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    for field in ("containers", "initContainers"):
        spec[field] = [dict(container, image="") for container in spec.get(field) or ()]
    return spec


def _at(obj: Json, path: tuple[str, ...]) -> Any:
    value: Any = obj
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _required(path: str) -> Cause:
    return Cause(path, "Required value", "FieldValueRequired")


def _go_map(labels: Mapping[str, str] | None) -> str:
    if labels is None:
        return "map[string]string(nil)"
    inner = ", ".join(f"{json.dumps(key)}:{json.dumps(labels[key])}" for key in sorted(labels))
    return f"map[string]string{{{inner}}}"
