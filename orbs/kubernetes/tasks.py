"""The tasks of the deploy: parse, call, print."""

from __future__ import annotations

from invoke.collection import Collection

from pipeline.command import Run, command

__all__ = ["namespace"]

_ENV = {"env": "the environment: staging, production …"}
_IMAGE = {
    "image": "the app image's reference; default is $ORBYARD_IMAGE, as `build.push --bash-env` sets it"
}
_REHEARSE = {
    "rehearse": "run against an in-process Kubernetes API on this machine; nothing is deployed",
    "fault": "with --rehearse: what goes wrong (image-pull, crash-loop, never-ready, migration-fails …)",
}
_JSON = {"json": "print the result as JSON"}


@command(
    iterable=["fault"],
    help=_ENV
    | {
        "image": "deploy this image instead of building the checkout",
        "force_conflicts": "take over fields of objects that something else has deployed",
        "skip_migration": "do not run the migration Job",
    }
    | _REHEARSE,
)
def deploy(
    run: Run,
    env: str,
    image: str = "",
    rehearse: bool = False,
    fault: list[str] | None = None,
    force_conflicts: bool = False,
    skip_migration: bool = False,
) -> None:
    """Build, push, migrate and roll out to an environment, and say whether it worked.

    Exit codes: 0 everything runs; 1 the build, the push, the migration or the rollout failed; 2 a
    setting, a manifest or a secret has to be corrected, and nothing was changed; 3 an engine, a
    registry, a cluster or a permission is missing; 130 interrupted.
    """
    from orbs.kubernetes.deploy import run_deploy
    from orbs.kubernetes.options import DeployOptions

    options = DeployOptions(
        environment=env,
        image=image or None,
        faults=tuple(fault or ()),
        rehearse=rehearse,
        force_conflicts=force_conflicts,
        skip_migration=skip_migration,
    )
    run_deploy(run, options)


@command(help=_ENV | _IMAGE | _JSON | {"rehearse": _REHEARSE["rehearse"]})
def plan(run: Run, env: str, image: str = "", json: bool = False, rehearse: bool = False) -> None:
    """Show what a deploy would change in the cluster, as a diff; nothing is changed."""
    from orbs.kubernetes.deploy import run_plan
    from orbs.kubernetes.options import DeployOptions

    run_plan(
        run, DeployOptions(environment=env, image=image or None, rehearse=rehearse), as_json=json
    )


@command(
    iterable=["fault"],
    help=_ENV | _IMAGE | _REHEARSE | {"force_conflicts": "take over fields of other managers"},
)
def migrate(
    run: Run,
    env: str,
    image: str = "",
    rehearse: bool = False,
    fault: list[str] | None = None,
    force_conflicts: bool = False,
) -> None:
    """Apply ConfigMaps, Secrets and the like, run the migration Job and wait for it."""
    from orbs.kubernetes.deploy import run_migrate
    from orbs.kubernetes.options import DeployOptions

    run_migrate(
        run,
        DeployOptions(
            environment=env,
            image=image or None,
            faults=tuple(fault or ()),
            rehearse=rehearse,
            force_conflicts=force_conflicts,
        ),
    )


@command(
    iterable=["fault"],
    help=_ENV | _IMAGE | _REHEARSE | {"force_conflicts": "take over fields of other managers"},
)
def rollout(
    run: Run,
    env: str,
    image: str = "",
    rehearse: bool = False,
    fault: list[str] | None = None,
    force_conflicts: bool = False,
) -> None:
    """Apply the Deployments and wait until they run; without an image, only wait for what is there."""
    from orbs.kubernetes.deploy import run_rollout
    from orbs.kubernetes.options import DeployOptions

    run_rollout(
        run,
        DeployOptions(
            environment=env,
            image=image or None,
            faults=tuple(fault or ()),
            rehearse=rehearse,
            force_conflicts=force_conflicts,
        ),
    )


@command(help=_ENV | _IMAGE)
def render(run: Run, env: str, image: str = "") -> None:
    """Print the manifests as they would be applied; values of Secrets are masked."""
    from orbs.kubernetes.deploy import run_render
    from orbs.kubernetes.options import DeployOptions

    run_render(run, DeployOptions(environment=env, image=image or None))


@command(help=_ENV | _JSON)
def status(run: Run, env: str, json: bool = False) -> None:
    """Show what runs in an environment: workloads, revision, Pods, and what is wrong with them."""
    from orbs.kubernetes.deploy import run_status
    from orbs.kubernetes.options import DeployOptions

    run_status(run, DeployOptions(environment=env), as_json=json)


@command(
    help=_ENV
    | {
        "follow": "go on until interrupted",
        "previous": "of the containers' previous runs, after a crash",
        "tail": "lines of each container to begin with",
        "container": "only containers of that name",
        "migration": "of the last migration Job",
    }
)
def logs(
    run: Run,
    env: str,
    follow: bool = False,
    previous: bool = False,
    tail: int = 100,
    container: str = "",
    migration: bool = False,
) -> None:
    """Print the logs of the app's Pods."""
    from orbs.kubernetes.deploy import run_logs
    from orbs.kubernetes.options import DeployOptions

    run_logs(
        run,
        DeployOptions(environment=env),
        follow=follow,
        previous=previous,
        tail_lines=tail,
        container=container,
        migration=migration,
    )


namespace = Collection(deploy, plan, migrate, rollout, render, status, logs)
