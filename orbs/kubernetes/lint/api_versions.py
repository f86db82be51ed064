"""api-version-not-served, api-version-deprecated."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from orbs.kubernetes.lint.podspec import dig, entries
from orbs.kubernetes.lint.removed_versions import REMOVED, Removal
from orbs.kubernetes.lint.rule import Context, Rule, Said
from orbs.kubernetes.manifest import RenderedManifest
from pipeline.errors import did_you_mean

__all__ = ["RULES"]

Served = Mapping[str, frozenset[str]]
_VERSION = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?\Z")


def _check_served(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    api_version, kind = manifest.api_version, manifest.kind
    if not api_version or not kind:
        missing = "kind" if api_version else "apiVersion"
        yield Said((missing,), f"{kind or 'the object'} has no {missing}", "every object needs one")
        return
    removal = REMOVED.get((api_version, kind))
    if context.served is None:
        if removal:
            yield Said(
                ("apiVersion",),
                f"{manifest.ref}: Kubernetes {removal.since} and later do not know {api_version}",
                _advice(removal),
                "warning",
            )
        return
    if kind in context.served.get(api_version, ()) or _defined_in_set(manifest, context):
        return
    yield Said(
        ("apiVersion",),
        f"{manifest.ref}: this cluster does not serve {kind} as {api_version}",
        _advice_here(kind, api_version, removal, context.served),
    )


def _advice(removal: Removal) -> str:
    text = f"write apiVersion: {removal.replacement}" if removal.replacement else ""
    return "; ".join(part for part in (text, removal.changes) if part)


def _advice_here(kind: str, api_version: str, removal: Removal | None, served: Served) -> str:
    candidates = sorted((name for name in served if kind in served[name]), key=_preference)
    if removal and (not removal.replacement or removal.replacement in candidates):
        return _advice(removal)
    group = api_version.rpartition("/")[0]
    same_group = [name for name in candidates if name.rpartition("/")[0] == group]
    if candidates:
        best, *others = same_group or candidates
        text = f"write apiVersion: {best}"
        listed = ", ".join(others)
        return f"{text} (it serves {listed} too)" if listed else text
    if api_version in served:
        near = did_you_mean(kind, served[api_version])
        return near or f"it knows {api_version}, but no kind of that name there"
    near = did_you_mean(api_version, served)
    if near and "." not in group:
        return near
    kinds = {name for names in served.values() for name in names}
    return did_you_mean(kind, kinds) or (
        "it is a custom resource: install its CustomResourceDefinition first, or deploy that with it"
    )


def _preference(api_version: str) -> tuple[int, int, int, str]:
    """Sort stable versions first, then beta, then alpha, newer before older, as Kubernetes does."""
    found = _VERSION.match(api_version.rpartition("/")[2])
    if not found:
        return (3, 0, 0, api_version)
    stage = {None: 0, "beta": 1, "alpha": 2}[found[2]]
    return (stage, -int(found[1]), -int(found[3] or 0), api_version)


def _defined_in_set(manifest: RenderedManifest, context: Context) -> bool:
    group, _, version = manifest.api_version.rpartition("/")
    for definition in context.of_kind("CustomResourceDefinition"):
        spec = dig(definition.value, "spec")
        versions = [item.get("name") for _, item in entries(spec, "versions")]
        named = spec.get("group"), dig(spec, "names").get("kind")
        if named == (group, manifest.kind) and version in [*versions, spec.get("version")]:
            return True
    return False


def _check_deprecated(manifest: RenderedManifest, context: Context) -> Iterator[Said]:
    if context.served is None:
        return
    removal = REMOVED.get((manifest.api_version, manifest.kind))
    served = manifest.kind in context.served.get(manifest.api_version, ())
    if not removal or not served:
        return
    if not removal.replacement:
        yield Said(
            ("apiVersion",),
            f"{manifest.ref}: Kubernetes {removal.since} removes {manifest.kind}",
            _advice(removal),
        )
    elif manifest.kind in context.served.get(removal.replacement, ()):
        yield Said(
            ("apiVersion",),
            f"{manifest.ref}: Kubernetes {removal.since} removes {manifest.api_version}, and this "
            f"cluster serves {removal.replacement} already",
            _advice(removal),
        )


RULES = (
    Rule(
        name="api-version-not-served",
        severity="error",
        summary="The cluster does not serve the kind in that API version.",
        reason="Kubernetes removes old API versions, and an older cluster does not know new ones. "
        "The hint says what this cluster takes, and what else has to be changed: "
        "`extensions/v1beta1` Deployments, for example, became `apps/v1` in Kubernetes 1.16. "
        "Without a cluster to ask, a version that was removed is a warning.",
        example="""\
apiVersion: apps/v1   # not extensions/v1beta1
kind: Deployment
spec:
  selector:           # required there
    matchLabels:
      app: hoge-app
""",
        check=_check_served,
    ),
    Rule(
        name="api-version-deprecated",
        severity="warning",
        summary="The cluster still serves that API version, and a later Kubernetes does not.",
        reason="The manifest would be refused after the cluster's next upgrades. It is said only "
        "where the cluster serves the new version already, so that there is something to do.",
        example="""\
apiVersion: networking.k8s.io/v1   # not networking.k8s.io/v1beta1
kind: Ingress
""",
        check=_check_deprecated,
    ),
)
