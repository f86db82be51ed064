"""The main job: from a checkout to workloads that run, and the single steps of it.

    render ── check (cluster, permissions, lint, dry run) ── image ── configuration ── migration ── rollout

The checks come before the image is built, so that a mistake in a manifest or a missing permission is
told in seconds and not after the build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orbs.kubernetes.options import DeployOptions
from orbs.kubernetes.ordering import is_migration, phases
from orbs.kubernetes.preflight import Ready, opened, prepared, rendered_for
from orbs.kubernetes.settings import DeploySettings
from orbs.kubernetes.summary import Summary
from pipeline.errors import InvalidInput
from pipeline.project import read_revision

if TYPE_CHECKING:
    from orbs.kubernetes.manifest import RenderedManifest
    from orbs.kubernetes.verdict import Grace
    from pipeline.command import Run

__all__ = [
    "run_deploy",
    "run_logs",
    "run_migrate",
    "run_plan",
    "run_render",
    "run_rollout",
    "run_status",
]

IMAGE_VARIABLE = "ORBYARD_IMAGE"
"""Where the image's reference is looked for when no flag names it; ``build.push`` writes it."""


def run_deploy(run: Run, options: DeployOptions) -> None:
    """Build, push, migrate and roll out; prints a summary, also of a deploy that failed.

    Raises:
        OrbyardError: with the cause; see the exit codes of :mod:`pipeline.errors`.
    """
    with _summarised(run, options) as summary, prepared(run, options, options.image) as ready:
        summary.step_done("Checks", ready.said, ready.took_s)
        ready = _with_image(run, options, ready, summary)
        _configure(run, ready, summary)
        if not options.skip_migration:
            _migrate(run, options, ready, summary)
        _roll_out(run, options, ready, summary)


def run_migrate(run: Run, options: DeployOptions) -> None:
    """Apply what the migration Job needs, run it and wait for it."""
    image = _named_image(run, options)
    with _summarised(run, options) as summary, prepared(run, options, image) as ready:
        summary.step_done("Checks", ready.said, ready.took_s)
        _configure(run, ready, summary)
        _migrate(run, options, ready, summary)


def run_rollout(run: Run, options: DeployOptions) -> None:
    """Apply the workloads and wait for them; without an image, wait for those that are there."""
    image = options.image or run.environ.get(IMAGE_VARIABLE)
    with _summarised(run, options) as summary:
        if image:
            with prepared(run, options, image) as ready:
                summary.step_done("Checks", ready.said, ready.took_s)
                _roll_out(run, options, ready, summary)
        else:
            _wait_for_live(run, options, summary)


def run_plan(run: Run, options: DeployOptions, *, as_json: bool) -> None:
    """Print what a deploy would change; the image is the one named, or what a build would make."""
    from orbs.kubernetes.plan import print_plan

    image = options.image or run.environ.get(IMAGE_VARIABLE) or _expected_image(run)
    with prepared(run, options, image) as ready:
        print_plan(ready.plan, run.console, as_json=as_json)


def run_render(run: Run, options: DeployOptions) -> None:
    """Print the manifests as they would be applied, in order; values of Secrets are hidden."""
    from orbs.kubernetes.diff import masked_value
    from pipeline.yamlfile import dump_documents

    image = options.image or run.environ.get(IMAGE_VARIABLE) or _expected_image(run)
    ordered = phases(rendered_for(run, options, image).manifests).all
    run.console.result(dump_documents([masked_value(one.value) for one in ordered]).rstrip())


def run_status(run: Run, options: DeployOptions, *, as_json: bool) -> None:
    """Print what runs."""
    from orbs.kubernetes.status import print_status, read_status

    rendered = rendered_for(run, options, None)
    with opened(run, options) as cluster:
        print_status(read_status(cluster, rendered.manifests), run.console, as_json=as_json)


def run_logs(run: Run, options: DeployOptions, **choices: Any) -> None:
    """Print the logs of the workloads' Pods, or of the last migration."""
    from orbs.kubernetes.logs import stream_logs

    rendered = rendered_for(run, options, None)
    with opened(run, options) as cluster:
        stream_logs(cluster, rendered.manifests, console=run.console, **choices)


def _summarised(run: Run, options: DeployOptions) -> Any:
    summary = Summary(
        run.console,
        options.environment,
        read_revision(run.root).label,
        rehearsed=options.rehearse,
    )
    return summary.printed()


def _with_image(run: Run, options: DeployOptions, ready: Ready, summary: Summary) -> Ready:
    image = options.image
    if image is None and options.rehearse:
        image = _expected_image(run) or "registry.example.com/rehearsed:none"
        summary.note("image", f"{image} (not built: a rehearsal)")
    elif image is None:
        with summary.step("Image"):
            image = str(run.capability("image")(run))
    if options.image is None:
        ready = ready.with_manifests(rendered_for(run, options, image))
    if not options.rehearse:
        summary.note("image", image or "")
    return ready


def _named_image(run: Run, options: DeployOptions) -> str:
    image = options.image or run.environ.get(IMAGE_VARIABLE)
    if image is None and options.rehearse:
        image = _expected_image(run)
    if not image:
        raise InvalidInput(
            "no image is named",
            hint=f"give --image, or set {IMAGE_VARIABLE} as `orbyard build.push --bash-env` does",
        )
    return image


def _expected_image(run: Run) -> str | None:
    """What a build would push, by tag; None where nothing tells."""
    from pipeline.orb import capabilities, find_orbs

    found = capabilities("image-name", find_orbs(run.root))
    return str(found[0](run)) if found else None


def _configure(run: Run, ready: Ready, summary: Summary) -> None:
    from orbs.kubernetes.apply import apply_manifests, ensure_namespace

    with summary.step("Configuration") as said:
        if ready.creates_namespace:
            ensure_namespace(ready.cluster, console=run.console)
        done = apply_manifests(ready.applier, ready.phases.before, console=run.console)
        changed = [one.manifest.ref for one in done if one.action != "unchanged"]
        summary.changed(changed)
        said.append(f"{len(changed)} of {len(done)} objects changed")


def _migrate(run: Run, options: DeployOptions, ready: Ready, summary: Summary) -> None:
    from orbs.kubernetes.migrate import migrate

    settings: DeploySettings = run.settings.get(DeploySettings)
    for job in ready.phases.migrations:
        with summary.step("Migration" if is_migration(job) else job.ref) as said:
            result = migrate(
                ready.cluster,
                job,
                console=run.console,
                revision=ready.rendered.provenance.revision,
                settings=settings,
                grace=_grace(options),
            )
            said.append(result.name)
            summary.changed([f"Job/{result.name}"])


def _roll_out(run: Run, options: DeployOptions, ready: Ready, summary: Summary) -> None:
    from orbs.kubernetes.apply import apply_manifests
    from orbs.kubernetes.rollout import wait_for_rollouts

    settings: DeploySettings = run.settings.get(DeploySettings)
    with summary.step("Rollout") as said:
        done = apply_manifests(ready.applier, ready.phases.workloads, console=run.console)
        summary.changed([one.manifest.ref for one in done if one.action != "unchanged"])
        results = wait_for_rollouts(
            ready.cluster,
            [one.live for one in done],
            console=run.console,
            settings=settings,
            grace=_grace(options),
        )
        said += [f"{one.ref}: {one.message}" for one in results]


def _grace(options: DeployOptions) -> Grace | None:
    """Times of grace; a rehearsal's cluster lives faster, and so do they."""
    if not options.rehearse:
        return None
    from orbs.kubernetes.rehearsal import DEFAULT_SPEED
    from orbs.kubernetes.verdict import Grace

    return Grace().scaled(1 / DEFAULT_SPEED)


def _wait_for_live(run: Run, options: DeployOptions, summary: Summary) -> None:
    from orbs.kubernetes.rollout import wait_for_rollouts

    rendered = rendered_for(run, options, None)
    with opened(run, options) as cluster, summary.step("Rollout") as said:
        live = [_live(cluster, one) for one in phases(rendered.manifests).workloads]
        results = wait_for_rollouts(
            cluster,
            [one for one in live if one is not None],
            console=run.console,
            settings=run.settings.get(DeploySettings),
        )
        said += [f"{one.ref}: {one.message}" for one in results]


def _live(cluster: Any, manifest: RenderedManifest) -> dict[str, Any] | None:
    kind = cluster.find_kind(manifest.api_version, manifest.kind)
    found: dict[str, Any] | None = (
        cluster.get(kind, manifest.name, manifest.namespace) if kind else None
    )
    if found is None:
        raise InvalidInput(
            f"{manifest.ref} is not in the cluster, so there is no rollout to wait for",
            hint="deploy it first, or name an image to roll out: --image",
        )
    return found
