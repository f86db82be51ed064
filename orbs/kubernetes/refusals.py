"""What the API server's no to a manifest means, and where the cause is written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.fieldpath import find_field, schema_errors
from orbs.kubernetes.manifest import RenderedManifest
from pipeline.errors import InvalidInput, OrbyardError, Problem, Unavailable, WorkFailed, excerpt

__all__ = ["conflicting_managers", "explain_refusal"]

_MANAGER = re.compile(r'conflict with "(?P<manager>(?:[^"\\]|\\.)*)"')
_CONFLICT = "FieldManagerConflict"
_NO_PERMISSION = re.compile(r"\bcannot \w+ resource\b")
_IMMUTABLE = re.compile(
    r"field is immutable|may not change once set|updates to statefulset spec|cannot change roleRef|"
    r"is immutable after creation|can ?not be unset|when `immutable` is set"
)
"""Words of the API server's validation (k8s.io/kubernetes pkg/apis/*/validation) for a field that
can't be changed in an object that is there; it has no reason of its own for them."""
_UNCHANGEABLE = "this cannot be changed in an object that is there"

_ADVICE = {
    "selector": "the selector of a workload stays: give the workload another name, deploy, and delete "
    "the old one when the new one runs",
    "StatefulSet": "of a StatefulSet only replicas, template and updateStrategy can be changed: delete "
    "it with `kubectl delete statefulset NAME --cascade=orphan`, which leaves its Pods, and deploy again",
    "PersistentVolumeClaim": "of a claim only the size can be changed, upward: make a new claim",
    "Service": "leave clusterIP out of the manifest, or delete the Service and deploy again "
    "(it does not answer meanwhile)",
    "Secret": "the type of a Secret stays: give it another name, or delete it and deploy again",
    "ConfigMap": "this ConfigMap is marked immutable: give it another name",
    "RoleBinding": "a binding's role stays: delete the binding and deploy again",
    "ClusterRoleBinding": "a binding's role stays: delete the binding and deploy again",
    "Job": "a Job's template stays: delete the Job, or give it another name",
}


def conflicting_managers(error: ApiError) -> frozenset[str]:
    """Return who owns the fields that a server-side apply was refused for; none for other errors."""
    found = set()
    for (_, message), reason in zip(error.causes, error.cause_reasons, strict=False):
        match = _MANAGER.search(message)
        if reason == _CONFLICT and match:
            found.add(match["manager"])
    return frozenset(found)


def explain_refusal(error: ApiError, manifest: RenderedManifest) -> OrbyardError:
    """Return the error to raise for a manifest that the API server did not take.

    Of a sensitive manifest the server's own words are left out: they may quote values.
    """
    if conflicting_managers(error):
        return _conflict(error, manifest)
    if error.status in {400, 422} or error.against_schema:
        return _invalid(error, manifest)
    if error.status == 403 and not _NO_PERMISSION.search(error.server_message):
        return WorkFailed(
            f"the cluster's own rules refuse {manifest.ref}{_said(error, manifest)}",
            where=manifest.where(),
            hint="a quota, a Pod security rule or an admission webhook; ask who runs the cluster",
        )
    if error.status == 404:
        return Unavailable(
            f"{manifest.ref} has no place to go: its namespace is not there", where=manifest.where()
        )
    if manifest.sensitive and error.status:
        return ApiError(
            f"apply {manifest.ref}: the API server answered {error.status} {error.reason}".rstrip(),
            status=error.status,
            reason=error.reason,
            hint=error.hint,
        )
    return error


def _said(error: ApiError, manifest: RenderedManifest) -> str:
    return "" if manifest.sensitive else f": {excerpt(error.server_message)}"


def _conflict(error: ApiError, manifest: RenderedManifest) -> InvalidInput:
    problems = []
    for field, message in error.causes:
        match = _MANAGER.search(message)
        owner = match["manager"] if match else "something else"
        problems.append(
            Problem(
                f"{field.lstrip('.')} of {manifest.ref} is owned by {owner!r}, "
                "which has set another value",
                manifest.where(find_field(field, manifest.value)[0]),
            )
        )
    return InvalidInput(
        f"{manifest.ref} was deployed by something else, and would be changed under its hands",
        problems=problems,
        hint="leave these fields out of the manifest, or take them over with --force-conflicts",
    )


def _invalid(error: ApiError, manifest: RenderedManifest) -> InvalidInput:
    problems = list(_problems(error, manifest))
    if not problems:
        problems = [Problem(f"the cluster refuses it{_said(error, manifest)}", manifest.where())]
    return InvalidInput(f"the cluster refuses {manifest.ref}", problems=problems)


def _problems(error: ApiError, manifest: RenderedManifest) -> Iterator[Problem]:
    causes = error.causes
    if not causes:
        causes = tuple(schema_errors(error.server_message, hide_values=manifest.sensitive))
    else:
        causes = tuple((field, _cleaned(message, manifest)) for field, message in causes)
    seen: set[tuple[str, str]] = set()
    for field, message in causes:
        if (field, message) in seen:
            continue
        seen.add((field, message))
        path, whole = find_field(field, manifest.value)
        # The place names the field already, where the manifest has it.
        told = "" if whole and field else f"{field.lstrip('.') or manifest.ref}: "
        yield Problem(
            told + excerpt(message), manifest.where(path), _advice(field, message, manifest)
        )


def _cleaned(message: str, manifest: RenderedManifest) -> str:
    """Return a cause's words; of a sensitive manifest just their beginning, before any value."""
    if _IMMUTABLE.search(message):
        return _UNCHANGEABLE
    return message.partition(":")[0] if manifest.sensitive else message


def _advice(field: str, message: str, manifest: RenderedManifest) -> str | None:
    if message != _UNCHANGEABLE:
        return None
    return _ADVICE["selector"] if field.endswith("selector") else _ADVICE.get(manifest.kind)
