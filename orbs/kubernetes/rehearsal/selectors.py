"""Label and field selectors, as list, watch and delete take them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from orbs.kubernetes.rehearsal.errors import Json, bad_request

__all__ = ["Match", "matches_selector", "parse_field_selector", "parse_label_selector"]

Match = Callable[[Json], bool]

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "secrets": ("type",),
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "jobs.batch": ("status.successful",),
    "replicasets.apps": ("status.replicas",),
}
"""Field labels beside ``metadata.name`` and ``metadata.namespace``, which every kind knows."""

_SET = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^)]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^\s=!]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s=!]*)$")
_EXISTS = re.compile(r"^(?P<not>!?)\s*(?P<key>[^\s=!(),]+)$")
_COMMA = re.compile(r",(?![^(]*\))")


def parse_label_selector(text: str) -> Match:
    """Read ``app=web,tier in (a, b),!old`` into a test of objects.

    Raises:
        ApiError: it cannot be read (400).
    """
    terms = [_label_term(part.strip()) for part in _COMMA.split(text) if part.strip()]

    def match(obj: Json) -> bool:
        labels = obj.get("metadata", {}).get("labels") or {}
        return all(term(labels) for term in terms)

    return match


def _label_term(part: str) -> Callable[[Mapping[str, str]], bool]:
    if found := _SET.match(part):
        key, wanted = found["key"], {value.strip() for value in found["values"].split(",")}
        if found["op"] == "in":
            return lambda labels: labels.get(key) in wanted
        return lambda labels: labels.get(key) not in wanted
    if found := _EQUAL.match(part):
        key, value = found["key"], found["value"]
        if found["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if found := _EXISTS.match(part):
        key, absent = found["key"], bool(found["not"])
        return lambda labels: (key in labels) is not absent
    raise bad_request(f"unable to parse requirement: {part!r}")


def matches_selector(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Say whether a ``LabelSelector`` object takes these labels; an absent one takes none."""
    if selector is None:
        return False
    equal = all(
        labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()
    )
    return equal and all(
        _expression(term, labels) for term in selector.get("matchExpressions") or ()
    )


def _expression(term: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = term["key"], term.get("values") or ()
    match term["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def parse_field_selector(resource: str, text: str) -> Match:
    """Read ``metadata.name=web,type!=Normal`` into a test of objects of a resource.

    Raises:
        ApiError: it cannot be read, or this kind has no such field label (400).
    """
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get(resource, ()))
    terms: list[tuple[str, bool, str]] = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        found = _EQUAL.match(part)
        if found is None:
            raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
        if found["key"] not in known:
            raise bad_request(f"field label not supported: {found['key']}")
        terms.append((found["key"], found["op"] != "!=", found["value"]))

    def match(obj: Json) -> bool:
        return all((_field(obj, key) == value) is wanted for key, wanted, value in terms)

    return match


def _field(obj: Json, path: str) -> str:
    if path == "source":
        path = "source.component"
    value: Any = obj
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return "" if value is None else str(value)
