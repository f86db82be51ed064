"""Server-side apply of manifests, one after the other, with a journal of what was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from orbs.kubernetes.adoption import ADOPTED_MANAGERS, adoption_patch, without_forsaken
from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.cluster import NAMESPACE, Cluster
from orbs.kubernetes.diff import diff_lines
from orbs.kubernetes.kinds import ResourceKind
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.names import MANAGED_BY_LABEL, MANAGER
from orbs.kubernetes.ordering import is_job
from orbs.kubernetes.refusals import conflicting_managers, explain_refusal
from orbs.kubernetes.sending import autoscaled_refs, body_to_send
from pipeline.errors import InvalidInput, Unavailable
from pipeline.output import Console
from pipeline.retry import Clock, wait_for

__all__ = ["Applied", "Applier", "apply_manifests", "ensure_namespace", "make_applier"]

_ESTABLISHED_TIMEOUT_S = 30.0
"""Seconds until a new custom kind is served."""
_ADOPTION_TRIES = 3


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one manifest.

    Attributes:
        manifest: what was applied.
        kind: how it is addressed.
        action: whether it was made, changed, or already so (but for who deployed it when).
        live: the object as the server returned it.
        adopted: whether it was taken over from ``kubectl apply``.
    """

    manifest: RenderedManifest
    kind: ResourceKind
    action: Literal["created", "configured", "unchanged"]
    live: dict[str, Any]
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class Applier:
    """How manifests are applied to one cluster.

    Attributes:
        cluster: where.
        manager: the field manager.
        force_owned: take over other managers' fields in objects that Orbyard deployed before.
        force_all: take them over in any object.
        autoscaled: refs of workloads whose replicas an autoscaler chooses.
        coming: kinds that custom resource definitions of the same set bring.
    """

    cluster: Cluster
    manager: str = MANAGER
    force_owned: bool = True
    force_all: bool = False
    autoscaled: frozenset[str] = frozenset()
    coming: frozenset[tuple[str, str]] = frozenset()

    def dry_run(self, manifest: RenderedManifest) -> dict[str, Any]:
        """Return the object as it would be; a Job as a new one, as each run makes one.

        Raises:
            OrbyardError: the server refuses it; see :func:`~orbs.kubernetes.refusals.explain_refusal`.
        """
        kind = self._kind(manifest)
        try:
            if is_job(manifest):
                return self.cluster.create(kind, _unnamed(manifest), dry_run=True)
            live = self.cluster.get(kind, manifest.name, manifest.namespace)
            after = self._apply(kind, manifest, live, dry_run=True)
            return without_forsaken(after, live, self._body(manifest, live))
        except ApiError as error:
            raise explain_refusal(error, manifest) from error

    def apply(self, manifest: RenderedManifest) -> Applied:
        """Apply one manifest.

        Raises:
            OrbyardError: the server refuses it.
        """
        kind = self._kind(manifest)
        try:
            live = self.cluster.get(kind, manifest.name, manifest.namespace)
            before, adopted = self._adopt(kind, manifest, live)
            after = self._apply(kind, manifest, before, dry_run=False)
        except ApiError as error:
            raise explain_refusal(error, manifest) from error
        if live is None:
            return Applied(manifest, kind, "created", after)
        same = not diff_lines(live, after)
        return Applied(manifest, kind, "unchanged" if same else "configured", after, adopted)

    def unchecked(self, manifest: RenderedManifest) -> bool:
        """Whether a dry run is impossible: the kind is brought by the same set."""
        return (manifest.api_version, manifest.kind) in self.coming and (
            self.cluster.find_kind(manifest.api_version, manifest.kind) is None
        )

    def _apply(
        self,
        kind: ResourceKind,
        manifest: RenderedManifest,
        live: dict[str, Any] | None,
        *,
        dry_run: bool,
    ) -> dict[str, Any]:
        body = self._body(manifest, live)
        force = self.force_all or (self.force_owned and _is_ours(live))
        try:
            return self.cluster.apply(
                kind, body, manager=self.manager, force=force, dry_run=dry_run
            )
        except ApiError as error:
            managers = conflicting_managers(error)
            if not managers or not managers <= ADOPTED_MANAGERS:
                raise
        return self.cluster.apply(kind, body, manager=self.manager, force=True, dry_run=dry_run)

    def _body(self, manifest: RenderedManifest, live: dict[str, Any] | None) -> dict[str, Any]:
        return body_to_send(manifest, live, autoscaled=manifest.ref in self.autoscaled)

    def _adopt(
        self, kind: ResourceKind, manifest: RenderedManifest, live: dict[str, Any] | None
    ) -> tuple[dict[str, Any] | None, bool]:
        for attempt in range(_ADOPTION_TRIES):
            patch = adoption_patch(live, self.manager) if live is not None else None
            if patch is None:
                return live, attempt > 0
            try:
                patched = self.cluster.patch(
                    kind,
                    manifest.name,
                    patch,
                    namespace=manifest.namespace,
                    content_type="application/json-patch+json",
                )
            except ApiError as error:
                # Somebody has changed the object since; a failed test has status 422 or 409.
                if error.status not in {409, 422} or attempt == _ADOPTION_TRIES - 1:
                    raise
                live = self.cluster.get(kind, manifest.name, manifest.namespace)
            else:
                return patched, True
        return live, False

    def _kind(self, manifest: RenderedManifest) -> ResourceKind:
        found = self.cluster.find_kind(manifest.api_version, manifest.kind)
        if found is None and (manifest.api_version, manifest.kind) in self.coming:
            found = self._wait_for_kind(manifest)
        if found is None:
            raise InvalidInput(
                f"this cluster serves no {manifest.kind} of {manifest.api_version}",
                where=manifest.where(("apiVersion",)),
                hint=f"the cluster is {self.cluster.server}; "
                "`kubectl api-resources` shows what it serves",
            )
        return found

    def _wait_for_kind(self, manifest: RenderedManifest) -> ResourceKind | None:
        found, _ = wait_for(
            lambda: self.cluster.find_kind(manifest.api_version, manifest.kind, again=True),
            decided=lambda seen: seen is not None,
            timeout_s=_ESTABLISHED_TIMEOUT_S,
            poll_s=0.5,
            clock=Clock(),
        )
        return found


def make_applier(
    cluster: Cluster,
    manifests: Sequence[RenderedManifest],
    *,
    manager: str = MANAGER,
    force_owned: bool = True,
    force_all: bool = False,
) -> Applier:
    """Return how a whole set is applied; asks the cluster for its autoscalers."""
    return Applier(
        cluster,
        manager,
        force_owned,
        force_all,
        autoscaled_refs(cluster, manifests),
        frozenset(kind for manifest in manifests for kind in _defined_kinds(manifest)),
    )


def apply_manifests(
    applier: Applier, manifests: Sequence[RenderedManifest], *, console: Console
) -> list[Applied]:
    """Apply manifests in the order given, and say of each what became of it.

    Raises:
        OrbyardError: the server refuses one; what was changed before, and what was not tried, has
            been printed then.
    """
    done: list[Applied] = []
    for index, manifest in enumerate(manifests):
        try:
            applied = applier.apply(manifest)
        except BaseException:
            _print_stop(console, manifest, done, manifests[index + 1 :])
            raise
        done.append(applied)
        if applied.adopted:
            console.info(f"{manifest.ref}: taken over from kubectl apply")
        if applied.action == "unchanged":
            console.detail(f"{manifest.ref} unchanged")
        else:
            console.success(f"{manifest.ref} {applied.action}")
    return done


def _print_stop(
    console: Console,
    failed: RenderedManifest,
    done: Sequence[Applied],
    left: Sequence[RenderedManifest],
) -> None:
    console.failure(f"{failed.ref} could not be applied")
    changed = [item.manifest.ref for item in done if item.action != "unchanged"]
    if changed:
        console.info(f"changed before: {', '.join(changed)}")
    if left:
        console.info(f"not tried: {', '.join(manifest.ref for manifest in left)}")


def ensure_namespace(cluster: Cluster, *, console: Console) -> bool:
    """Create the cluster's namespace where it is missing; return whether it was.

    Raises:
        ApiError: it may not be created.
    """
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": cluster.namespace, "labels": {MANAGED_BY_LABEL: MANAGER}},
    }
    try:
        if cluster.get(NAMESPACE, cluster.namespace) is not None:
            return False
        cluster.create(NAMESPACE, body)
    except ApiError as error:
        if error.status == 409:
            return False  # Somebody was faster.
        if error.status == 403:
            raise Unavailable(error.message, hint=error.hint) from error
        raise
    console.success(f"Namespace/{cluster.namespace} created")
    return True


def _is_ours(live: dict[str, Any] | None) -> bool:
    labels = ((live or {}).get("metadata") or {}).get("labels") or {}
    return bool(labels.get(MANAGED_BY_LABEL) == MANAGER)


def _unnamed(manifest: RenderedManifest) -> dict[str, Any]:
    metadata = {**manifest.metadata, "generateName": f"{manifest.name}-"}
    del metadata["name"]
    return {**manifest.value, "metadata": metadata}


def _defined_kinds(manifest: RenderedManifest) -> list[tuple[str, str]]:
    if manifest.kind != "CustomResourceDefinition":
        return []
    spec = manifest.value.get("spec") or {}
    versions = [str(item.get("name")) for item in spec.get("versions") or ()]
    kind = str((spec.get("names") or {}).get("kind"))
    return [(f"{spec.get('group')}/{version}", kind) for version in versions]
