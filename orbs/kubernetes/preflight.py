"""Everything that is found out before anything is changed: the manifests, the cluster, the plan."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from orbs.kubernetes.options import DeployOptions
from orbs.kubernetes.ordering import Phases, is_job, phases
from orbs.kubernetes.settings import DeploySettings
from pipeline.project import read_revision

if TYPE_CHECKING:
    from orbs.kubernetes.apply import Applier
    from orbs.kubernetes.client_source import ClientSource
    from orbs.kubernetes.cluster import Cluster
    from orbs.kubernetes.plan import Plan
    from orbs.kubernetes.render import RenderedSet
    from pipeline.command import Run

__all__ = ["Ready", "opened", "prepared", "rendered_for"]


@dataclass(frozen=True, slots=True)
class Ready:
    """A set of manifests that was checked against the cluster it goes to.

    Attributes:
        cluster: open, and the right one.
        rendered: what will be applied.
        applier: how.
        plan: what will change, by the cluster's own dry run.
        creates_namespace: the namespace is not there and is to be made.
        said: what was checked, for the summary.
        took_s: how long that took.
    """

    cluster: Cluster
    rendered: RenderedSet
    applier: Applier
    plan: Plan
    creates_namespace: bool
    said: str
    took_s: float

    @property
    def phases(self) -> Phases:
        """The manifests in the order in which they are applied."""
        return phases(self.rendered.manifests)

    def with_manifests(self, rendered: RenderedSet) -> Ready:
        """Return the same with the manifests rendered anew: for the image that was built."""
        return replace(self, rendered=rendered)


def rendered_for(run: Run, options: DeployOptions, image: str | None) -> RenderedSet:
    """Return the environment's manifests; see :func:`orbs.kubernetes.render.render`."""
    from orbs.kubernetes.render import render

    return render(run, options.environment, image=image, revision=read_revision(run.root))


@contextmanager
def opened(
    run: Run, options: DeployOptions, rendered: RenderedSet | None = None
) -> Iterator[Cluster]:
    """Open the environment's cluster, or a rehearsal's."""
    from orbs.kubernetes.opening import open_for

    with ExitStack() as stack:
        source = _rehearsal(run, options, stack) if options.rehearse else None
        manifests = rendered.manifests if rendered else ()
        yield stack.enter_context(
            open_for(run, options.environment, manifests=manifests, source=source)
        )


def _rehearsal(run: Run, options: DeployOptions, stack: ExitStack) -> ClientSource:
    from orbs.kubernetes.kubeconfig import read_config, select_source
    from orbs.kubernetes.opening import environment_settings
    from orbs.kubernetes.rehearsal import Rehearsal, parse_fault

    faults = [parse_fault(name) for name in options.faults]
    namespace = environment_settings(run, options.environment).namespace or "default"
    stand_in = stack.enter_context(Rehearsal(faults=faults, namespaces=(namespace,)))
    config = read_config(
        json.dumps(stand_in.kubeconfig), origin="the rehearsal", file="rehearsal", folder=run.root
    )
    return select_source(config, environ={})


@contextmanager
def prepared(run: Run, options: DeployOptions, image: str | None) -> Iterator[Ready]:
    """Render, open, check; everything that is wrong is said before anything is changed.

    Raises:
        InvalidInput: the manifests, by file and line.
        Unavailable: the cluster, its namespace or a permission is missing.
    """
    from orbs.kubernetes.cluster import preload_client

    console, clock = run.console, time.monotonic
    console.line(console.style("==> Checks", "bold"))
    started = clock()
    preload_client()
    rendered = rendered_for(run, options, image)
    with opened(run, options, rendered) as cluster:
        console.info(f"{cluster.server}, context {cluster.context}, namespace {cluster.namespace}")
        yield _check(run, options, cluster, rendered, lambda: clock() - started)


def _check(
    run: Run,
    options: DeployOptions,
    cluster: Cluster,
    rendered: RenderedSet,
    elapsed_s: Callable[[], float],
) -> Ready:
    from orbs.kubernetes.access import check_access
    from orbs.kubernetes.apply import make_applier
    from orbs.kubernetes.opening import environment_settings, namespace_exists
    from orbs.kubernetes.plan import make_plan

    settings: DeploySettings = run.settings.get(DeploySettings)
    own = environment_settings(run, options.environment)
    creates = own.create_namespace and not namespace_exists(cluster, cluster.namespace)
    manifests = phases(rendered.manifests).all
    check_access(cluster, manifests, create_namespace=own.create_namespace)
    warnings = _lint(run, cluster, rendered)
    applier = make_applier(
        cluster,
        manifests,
        manager=settings.field_manager,
        force_owned=settings.force_conflicts,
        force_all=options.force_conflicts,
    )
    plan = make_plan(
        cluster,
        manifests,
        dry_run=applier.dry_run,
        is_migration=is_job,
        unchecked=applier.unchecked,
        namespace_missing=creates,
    )
    counts = plan.counts
    said = (
        f"{len(manifests)} manifests: {counts['create']} to create, {counts['update']} to update, "
        f"{counts['none']} unchanged, {counts['run']} to run"
    )
    if warnings:
        said += f"; {warnings} lint warning{'s'[: warnings > 1]}"
    run.console.success(said)
    return Ready(cluster, rendered, applier, plan, creates, said, elapsed_s())


def _lint(run: Run, cluster: Cluster, rendered: RenderedSet) -> int:
    from orbs.kubernetes.api_error import ApiError
    from orbs.kubernetes.lint import lint, report

    settings: DeploySettings = run.settings.get(DeploySettings)
    # Before the build there is no image yet to have an opinion on.
    off = {*settings.lint_disable, *(("image-placeholder",) if rendered.image is None else ())}

    def exists(kind: str, name: str) -> bool:
        found = cluster.find_kind("v1", kind)
        try:
            return found is None or cluster.get(found, name) is not None
        except ApiError as error:
            if error.status != 403:
                raise
            return True  # We may not look: nothing is known to be missing.

    findings = lint(
        rendered.manifests,
        served=cluster.served(),
        openapi=cluster.openapi(),
        disabled=sorted(off),
        namespace=cluster.namespace,
        exists=exists,
    )
    report(findings, run.console, warnings_are_errors=settings.lint_warnings_are_errors)
    return len(findings)
