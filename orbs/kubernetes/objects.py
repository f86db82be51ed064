"""From the text of a file to the objects in it, with every mistake in their outer form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any

from orbs.kubernetes.manifest import RenderedManifest
from pipeline.errors import Problem
from pipeline.yamlfile import Document, KeyPath, parse_documents

__all__ = ["check_objects", "read_objects"]

_TEXT_VALUES = {"ConfigMap": ("data", "binaryData"), "Secret": ("data", "stringData")}


def read_objects(text: str, file: str, *, encrypted: bool) -> list[RenderedManifest]:
    """Return the objects of a file; a List is taken apart.

    Raises:
        InvalidInput: it is not YAML.
    """
    return [
        RenderedManifest(document, sensitive=encrypted or _kind(document) == "Secret")
        for whole in parse_documents(text, file)
        for document in _taken_apart(whole)
    ]


def _kind(document: Document) -> Any:
    return document.value.get("kind") if isinstance(document.value, dict) else None


def _taken_apart(document: Document) -> Iterator[Document]:
    items = document.value.get("items") if isinstance(document.value, dict) else None
    if not str(_kind(document) or "").endswith("List") or not isinstance(items, list):
        yield document
        return
    for index, item in enumerate(items):
        head: KeyPath = ("items", index)
        positions = {
            path[len(head) :]: place
            for path, place in document.positions.items()
            if path[: len(head)] == head
        }
        line = positions.get((), (document.line, 1))[0]
        yield Document(item, document.file, line, positions)


def check_objects(manifests: Sequence[RenderedManifest]) -> list[Problem]:
    """Return what is wrong with the objects, whatever their kind; values are never in a message."""
    problems: list[Problem] = []
    seen: dict[tuple[str, str, str | None], RenderedManifest] = {}
    for manifest in manifests:
        found = list(_identity_problems(manifest.document))
        problems += found
        if found:
            continue
        problems += _value_problems(manifest)
        group = manifest.api_version.rpartition("/")[0]
        key = (f"{group}/{manifest.kind}", manifest.name, manifest.namespace)
        first = seen.setdefault(key, manifest)
        if first is not manifest:
            problems.append(
                Problem(
                    f"{manifest.ref} is here a second time; the first is at {_line(first)}",
                    manifest.where(),
                    "give it another name, or delete one of the two",
                )
            )
    return problems


def _line(manifest: RenderedManifest) -> str:
    where = manifest.where()
    return f"{where.file}:{where.line}"


def _identity_problems(document: Document) -> Iterator[Problem]:
    value = document.value
    if not isinstance(value, dict):
        yield Problem("this is no Kubernetes object: not a mapping", document.where())
        return
    for key in ("apiVersion", "kind"):
        if not isinstance(value.get(key), str) or not value[key]:
            yield Problem(f"{key} is missing", document.where(), "every object names its own")
    metadata = value.get("metadata")
    if not isinstance(metadata, dict):
        yield Problem("metadata is missing", document.where(("metadata",)))
        return
    name = metadata.get("name")
    if name is None or name == "":
        yield Problem("metadata.name is missing", document.where(("metadata", "name")))
    elif not isinstance(name, str):
        yield Problem(
            "metadata.name must be text", document.where(("metadata", "name")), "quote it"
        )
    for key in ("labels", "annotations"):
        if not isinstance(metadata.get(key) or {}, dict):
            yield Problem(f"metadata.{key} must be a mapping", document.where(("metadata", key)))


def _value_problems(manifest: RenderedManifest) -> Iterator[Problem]:
    for part in _TEXT_VALUES.get(manifest.kind, ()):
        values = manifest.value.get(part)
        if values is None:
            continue
        if not isinstance(values, dict):
            yield Problem(f"{part} must be a mapping", manifest.where((part,)))
            continue
        for key, value in values.items():
            if not isinstance(value, str):
                yield Problem(
                    f"{manifest.ref}: the value of {key} must be text, not {_type_name(value)}",
                    manifest.where((part, key)),
                    "quote it" if value is not None else 'write "" for an empty value',
                )
            elif (manifest.kind, part) == ("Secret", "data") and not _is_base64(value):
                yield Problem(
                    f"{manifest.ref}: the value of {key} is not base64",
                    manifest.where((part, key)),
                    "plain text goes under stringData",
                )


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _type_name(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, int | float):
        return "a number"
    return "a list" if isinstance(value, list) else "a mapping"
