"""What a deploy would change, found by a dry run of every object on the cluster itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal

from orbs.kubernetes.adoption import LAST_APPLIED
from orbs.kubernetes.cluster import Cluster
from orbs.kubernetes.diff import diff_lines
from orbs.kubernetes.manifest import RenderedManifest
from pipeline.errors import InvalidInput, OrbyardError, Problem
from pipeline.output import Console

__all__ = ["Change", "Plan", "make_plan", "print_plan"]

_AT_ONCE = 8
"""Dry runs at the same time: the answers take longer than the work."""

DryRun = Callable[[RenderedManifest], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Change:
    """What would happen to one object.

    Attributes:
        ref: ``Deployment/hoge-app``.
        action: ``run`` is a migration Job: a new one each time.
        lines: the diff, as YAML; values of Secrets are hidden.
        note: what the dry run could not tell.
        where: file and line of the manifest.
    """

    ref: str
    action: Literal["create", "update", "run", "none"]
    lines: tuple[str, ...] = ()
    note: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes, in the order in which they would be made."""

    changes: tuple[Change, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many objects each action is for."""
        actions = [change.action for change in self.changes]
        return {name: actions.count(name) for name in ("create", "update", "run", "none")}


def make_plan(
    cluster: Cluster,
    manifests: Sequence[RenderedManifest],
    *,
    dry_run: DryRun,
    is_migration: Callable[[RenderedManifest], bool],
    namespace_missing: bool = False,
    unchecked: Callable[[RenderedManifest], bool] = lambda _: False,
) -> Plan:
    """Ask the cluster what each object would become.

    Args:
        cluster: where.
        manifests: what would be applied, in order.
        dry_run: applies one object without keeping it and returns it as it would be.
        is_migration: whether an object is a Job that each deploy runs anew.
        namespace_missing: the namespace will be made by the deploy; the server can't check what goes
            into it.
        unchecked: whether the deploy brings an object's kind itself, so that it can't be checked.

    Raises:
        InvalidInput: the cluster refuses objects; each with file, line and field.
        OrbyardError: the cluster does not answer.
    """

    def change_of(manifest: RenderedManifest) -> Change | OrbyardError:
        note = ""
        if namespace_missing and manifest.kind != "Namespace":
            note = "not checked: its namespace is not there yet"
        elif unchecked(manifest):
            note = "not checked: its kind is not there yet"
        try:
            return _change(cluster, manifest, dry_run, is_migration, note)
        except OrbyardError as error:
            return error

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(change_of, manifests))
    _raise_all([item for item in found if isinstance(item, OrbyardError)])
    return Plan(tuple(item for item in found if isinstance(item, Change)))


def _raise_all(errors: Sequence[OrbyardError]) -> None:
    for error in errors:
        if not isinstance(error, InvalidInput):
            raise error
    if len(errors) == 1:
        raise errors[0]
    if errors:
        problems = [
            problem
            for error in errors
            for problem in error.problems or (Problem(error.message, error.where, error.hint),)
        ]
        raise InvalidInput(
            f"the cluster refuses {len(errors)} objects; nothing was changed", problems=problems
        )


def _change(
    cluster: Cluster,
    manifest: RenderedManifest,
    dry_run: DryRun,
    is_migration: Callable[[RenderedManifest], bool],
    note: str,
) -> Change:
    place, hide = str(manifest.where()), manifest.sensitive
    if note:
        lines = tuple(diff_lines(None, manifest.value, sensitive=hide))
        return Change(manifest.ref, "create", lines, note, place)
    after = dry_run(manifest)
    if is_migration(manifest):
        return Change(manifest.ref, "run", where=place)
    kind = cluster.find_kind(manifest.api_version, manifest.kind)
    before = cluster.get(kind, manifest.name, manifest.namespace) if kind else None
    lines = tuple(diff_lines(before, after, sensitive=hide))
    if before is None:
        return Change(manifest.ref, "create", lines, where=place)
    adopted = LAST_APPLIED in (before["metadata"].get("annotations") or {})
    if adopted:
        note = "taken over from kubectl apply; fields that the manifest has no more go as well"
    return Change(manifest.ref, "update" if lines or adopted else "none", lines, note, place)


def print_plan(plan: Plan, console: Console, *, as_json: bool) -> None:
    """Print a plan to standard output, for people or as JSON."""
    if as_json:
        console.result(json.dumps(_as_json(plan), indent=2))
        return
    marks = {"create": ("+", "green"), "update": ("~", "yellow"), "run": ("▶", "cyan")}
    for change in plan.changes:
        if change.action == "none":
            continue
        mark, colour = marks[change.action]
        note = f" ({change.note})" if change.note else ""
        console.result(console.style(f"{mark} {change.action} {change.ref}{note}", colour, "bold"))
        for line in change.lines if change.action == "update" else ():
            shown = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
            console.result("    " + (console.style(line, shown) if shown else line))
    counts = plan.counts
    console.result(
        f"{counts['create']} to create, {counts['update']} to update, "
        f"{counts['run']} to run, {counts['none']} unchanged"
    )


def _as_json(plan: Plan) -> dict[str, Any]:
    return {
        "counts": plan.counts,
        "changes": [
            {
                "object": change.ref,
                "action": change.action,
                "where": change.where,
                "diff": list(change.lines),
                **({"note": change.note} if change.note else {}),
            }
            for change in plan.changes
        ],
    }
