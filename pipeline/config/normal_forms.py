"""The normal forms of what may be written in several ways: environments, machines, images."""

from __future__ import annotations

from pipeline.config.nodes import Mapping, Mark, Node, Scalar, Sequence
from pipeline.config.spec import is_null

__all__ = ["environment_map", "hoist", "merged", "normalised", "with_plain_images"]

_OF_THE_JOB = ("resource_class", "shell")


def environment_map(node: Node) -> Node:
    """Return an environment as a mapping, from any of the shapes that it may be written in."""
    if type(node) is Mapping:
        return node
    items = node.items if type(node) is Sequence else [node]
    entries: dict[str, Node] = {}
    keys: dict[str, Mark] = {}
    for item in items:
        if type(item) is Mapping:
            entries |= item.entries
            keys |= item.keys
        elif type(item) is Scalar:
            name, equals, value = str(item.value).partition("=")
            entries[name] = Scalar(value if equals else None, item.mark, item.style)
            keys[name] = item.mark
    return Mapping(entries, keys, node.mark, size=1 + len(entries), depth=1)


def merged(one: Node, other: Node) -> Node:
    """Return two environments as one; what the second says wins."""
    if type(one) is not Mapping or type(other) is not Mapping:
        return other if type(other) is Mapping else one
    entries = {**one.entries, **other.entries}
    keys = {**one.keys, **other.keys}
    return Mapping(entries, keys, other.mark, size=1 + len(entries), depth=1)


def normalised(node: Mapping) -> Mapping:
    """Return a mapping whose ``environment``, if it has one, is a mapping."""
    environment = node.entries.get("environment")
    if environment is None or type(environment) is Mapping:
        return node
    entries = dict(node.entries)
    if is_null(environment):
        del entries["environment"]
    else:
        entries["environment"] = environment_map(environment)
    return Mapping(entries, node.keys, node.mark, node.dynamic, node.size, node.depth)


def hoist(fields: dict[str, Node]) -> None:
    """Move what a machine says of shell and resource class to the job, as CircleCI does."""
    machine = fields.get("machine")
    if type(machine) is not Mapping:
        return
    moved = {key: machine.entries[key] for key in _OF_THE_JOB if key in machine.entries}
    if not moved:
        return
    kept = {key: node for key, node in machine.entries.items() if key not in moved}
    fields["machine"] = (
        Mapping(kept, machine.keys, machine.mark) if kept else Scalar(True, machine.mark)
    )
    for key, node in moved.items():
        fields.setdefault(key, node)


def with_plain_images(node: Node) -> Node:
    """Return a list of images whose environments are mappings."""
    if type(node) is not Sequence:
        return node
    items: list[Node] = [normalised(item) if type(item) is Mapping else item for item in node.items]
    if all(one is other for one, other in zip(items, node.items, strict=True)):
        return node
    return Sequence(items, node.mark, node.dynamic, node.size, node.depth)
