"""Requests for objects, taken apart: what they ask for, what they carry, how it is to be read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orbs.kubernetes.rehearsal import patches
from orbs.kubernetes.rehearsal.defaults import with_defaults
from orbs.kubernetes.rehearsal.errors import (
    ApiError,
    Cause,
    Json,
    bad_request,
    invalid,
    unsupported_media_type,
)
from orbs.kubernetes.rehearsal.resources import ResourceKind
from orbs.kubernetes.rehearsal.selectors import Match, parse_field_selector, parse_label_selector

__all__ = [
    "APPLY",
    "Call",
    "body_of",
    "check_options",
    "delete_options",
    "parse_body",
    "patched",
    "plain_secret",
    "selected",
    "shown",
]

APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Call:
    """A request for objects of a kind, taken apart."""

    method: str
    kind: ResourceKind
    version: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    body: bytes = b""
    agent: str = ""

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return self.params.get("dryRun") == "All"

    @property
    def manager(self) -> str:
        """Who owns the fields that this request writes."""
        return self.params.get("fieldManager") or self.agent.partition("/")[0] or "unknown"


def body_of(call: Call) -> Json:
    """Return the object that a request carries, checked against the path it was sent to.

    Raises:
        ApiError: it cannot be read, or is not what belongs there (400).
    """
    obj = parse_body(call.body)
    wanted = call.kind.api_version(call.version)
    given = obj.get("apiVersion", wanted)
    if given != wanted:
        raise bad_request(
            f"the API version in the data ({given}) does not match the expected API version "
            f"({wanted})"
        )
    if obj.get("kind", call.kind.kind) != call.kind.kind:
        raise bad_request(
            f"the kind in the data ({obj['kind']}) does not match the expected kind "
            f"({call.kind.kind})"
        )
    meta = obj.get("metadata") or {}
    name = meta.get("name", "")
    if call.name and name != call.name and (name or call.content_type != APPLY):
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL ({call.name})"
        )
    meta = dict(meta) | ({"name": call.name} if call.name else {})
    if call.kind.namespaced and meta.setdefault("namespace", call.namespace) != call.namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    head = {"apiVersion": call.kind.api_version(), "kind": call.kind.kind}
    return obj | head | {"metadata": meta}


def parse_body(body: bytes) -> Json:
    """Read an object from JSON, or from YAML where it is none.

    Raises:
        ApiError: it is neither, or no mapping (400).
    """
    try:
        obj = json.loads(body)
    except ValueError:
        obj = _parse_yaml(body)
    if not isinstance(obj, dict):
        raise bad_request("the object provided is unrecognized (must be of type object)")
    return obj


def _parse_yaml(body: bytes) -> Any:
    from pipeline.errors import InvalidInput
    from pipeline.yamlfile import parse_documents

    try:
        documents = parse_documents(body.decode(), "request body")
    except (InvalidInput, UnicodeDecodeError) as error:
        raise bad_request(f"error decoding YAML: {error}") from error
    return documents[0].value if len(documents) == 1 else None


def patched(call: Call, old: Json) -> Json:
    """Return ``old`` as a JSON, merge or strategic merge patch changes it.

    Raises:
        ApiError: the patch is of another kind (415) or cannot be read (400).
    """
    try:
        patch = json.loads(call.body)
    except ValueError as error:
        raise bad_request(f"error decoding patch: {error}") from error
    match call.content_type:
        case "application/merge-patch+json":
            return dict(patches.merge_patch(old, patch))
        case "application/strategic-merge-patch+json":
            return dict(patches.strategic_patch(old, patch))
        case "application/json-patch+json":
            return patches.json_patch(old, patch)
        case _:
            raise unsupported_media_type()


def plain_secret(applied: Json) -> Json:
    """Return a Secret's configuration with ``stringData``, which is write-only, turned to data."""
    if applied["kind"] != "Secret" or "stringData" not in applied:
        return applied
    obj = with_defaults("secrets", applied)
    return obj if "type" in applied else {k: v for k, v in obj.items() if k != "type"}


def shown(call: Call, obj: Json) -> Json:
    """Return an object under the ``apiVersion`` that it was asked for under."""
    head = {"kind": obj["kind"], "apiVersion": call.kind.api_version(call.version)}
    return head | {key: value for key, value in obj.items() if key not in head}


def selected(call: Call) -> Match:
    """Return the test that a request's selectors make.

    Raises:
        ApiError: one of them cannot be read (400).
    """
    by_label = parse_label_selector(call.params.get("labelSelector", ""))
    by_field = parse_field_selector(call.kind.key, call.params.get("fieldSelector", ""))
    return lambda obj: by_label(obj) and by_field(obj)


def check_options(call: Call, kind: str) -> None:
    """Refuse a ``dryRun`` other than ``All``.

    Raises:
        ApiError: it is another (422); ``kind`` is the name of the options in the message.
    """
    value = call.params.get("dryRun", "")
    if value not in ("", "All"):
        text = f'Unsupported value: []string{{"{value}"}}: supported values: "All"'
        cause = Cause("dryRun", text, "FieldValueNotSupported")
        raise invalid(kind, "meta.k8s.io", "", [cause])


def delete_options(call: Call) -> Json:
    """Return the ``DeleteOptions`` out of a request's body and parameters.

    Raises:
        ApiError: there is no such propagation policy (422).
    """
    options: Json = {}
    if call.body.strip():
        options = dict(parse_body(call.body))
    for name in ("propagationPolicy", "gracePeriodSeconds"):
        if name in call.params:
            options[name] = call.params[name]
    if options.get("gracePeriodSeconds") is not None:
        options["gracePeriodSeconds"] = int(options["gracePeriodSeconds"])
    if options.get("orphanDependents") is not None:
        options["propagationPolicy"] = "Orphan" if options["orphanDependents"] else "Background"
    if options.get("propagationPolicy") not in (None, "Background", "Foreground", "Orphan"):
        raise ApiError(422, "Invalid", "DeleteOptions is invalid: propagationPolicy", {})
    return options
