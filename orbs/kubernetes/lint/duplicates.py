"""duplicate-env, duplicate-port, duplicate-name: the second one would win, or nothing would."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any

from orbs.kubernetes.lint.podspec import containers, dig, entries, pod_template
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.manifest import RenderedManifest
from pipeline.yamlfile import KeyPath

__all__ = ["RULES"]

Keyed = tuple[KeyPath, Mapping[str, Any]]


def _repeated(
    found: Iterable[Keyed], key: Callable[[Mapping[str, Any]], Hashable]
) -> Iterator[tuple[KeyPath, KeyPath, Hashable]]:
    """Yield the second, third … entry of each key: its path, the first one's path, the key."""
    first: dict[Hashable, KeyPath] = {}
    for path, value in found:
        name = key(value)
        if name is None:
            continue
        if name in first:
            yield path, first[name], name
        else:
            first[name] = path


def _line(manifest: RenderedManifest, path: KeyPath) -> str:
    return f"the first one is on line {manifest.where(path).line}"


def _check_env(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    template = pod_template(manifest.value)
    for container in containers(template) if template else ():
        found = [((*container.path, "env", i), v) for i, v in entries(container.value, "env")]
        for path, first, name in _repeated(found, lambda variable: _text(variable, "name")):
            yield Said(
                path,
                f"{manifest.ref}: the container {container.name} has the variable {name} twice",
                f"{_line(manifest, first)}; keep one",
            )


def _text(value: Mapping[str, Any], key: str) -> str | None:
    return str(value[key]) if value.get(key) is not None else None


def _check_ports(manifest: RenderedManifest, _: Context) -> Iterator[Said]:
    if manifest.kind == "Service":
        found: list[Keyed] = [
            (("spec", "ports", i), v) for i, v in entries(dig(manifest.value, "spec"), "ports")
        ]
        yield from _same_ports(manifest, found, "port", "the Service")
    template = pod_template(manifest.value)
    every: list[Keyed] = []
    for container in containers(template) if template else ():
        found = [((*container.path, "ports", i), v) for i, v in entries(container.value, "ports")]
        yield from _same_ports(manifest, found, "containerPort", f"the container {container.name}")
        every += [] if container.init and not container.sidecar else found
    for path, first, name in _repeated(every, lambda port: _text(port, "name")):
        yield Said(
            (*path, "name"),
            f"{manifest.ref}: two ports of the Pod are named {name}",
            f"{_line(manifest, first)}; a Service or probe that names it would mean either",
        )


def _same_ports(
    manifest: RenderedManifest, found: list[Keyed], field: str, owner: str
) -> Iterator[Said]:
    def key(port: Mapping[str, Any]) -> Hashable:
        number = _text(port, field)
        return None if number is None else f"{number}/{port.get('protocol', 'TCP')}"

    for path, first, name in _repeated(found, key):
        yield Said(
            path,
            f"{manifest.ref}: {owner} has the port {name} twice",
            f"{_line(manifest, first)}; keep one",
        )


def _check_names(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    yield from _same_object(manifest, context)
    template = pod_template(manifest.value)
    if template is None:
        return
    found = [(container.path, container.value) for container in containers(template)]
    for path, first, name in _repeated(found, lambda container: _text(container, "name")):
        yield Said(
            path,
            f"{manifest.ref}: two containers are named {name}",
            f"{_line(manifest, first)}; give one another name",
        )


def _same_object(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    for earlier in context.manifests:
        if earlier is manifest:
            return
        if (
            manifest.name
            and earlier.ref == manifest.ref
            and earlier.namespace == manifest.namespace
            and _group(earlier) == _group(manifest)
        ):
            place = earlier.where()
            yield Said(
                ("metadata", "name"),
                f"{manifest.ref} is in the set twice",
                f"the first one is {place.file}:{place.line}; the later would overwrite it",
            )
            return


def _group(manifest: RenderedManifest) -> str:
    return manifest.api_version.rpartition("/")[0]


RULES = (
    Rule(
        name="duplicate-env",
        severity="error",
        summary="A container has an environment variable twice.",
        reason="Server-side apply refuses the list, since it cannot tell which one is meant.",
        example="""\
env:
  - name: POD_IP
    valueFrom:
      fieldRef:
        fieldPath: status.podIP
""",
        check=_check_env,
    ),
    Rule(
        name="duplicate-port",
        severity="error",
        summary="A container or a Service has a port twice, or two ports of a Pod share a name.",
        reason="Server-side apply refuses a list with the same port and protocol twice; a name that "
        "two ports have means either of them to a Service or a probe.",
        example="""\
ports:
  - name: http
    containerPort: 3000
  - name: metrics
    containerPort: 9394
""",
        check=_check_ports,
    ),
    Rule(
        name="duplicate-name",
        severity="error",
        summary="Two containers of a Pod, or two objects of the set, have the same name.",
        reason="Of two objects with one name the later would overwrite the earlier, and nobody would "
        "see that in the result.",
        example="""\
containers:
  - name: hoge-app
  - name: nginx
""",
        check=_check_names,
    ),
)
