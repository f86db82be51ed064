"""The tasks that tell of runs: which there were, what their steps printed, what they stored."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.command import Run, command

__all__ = ["artifacts", "logs", "runs"]

_RUN_HELP = "a run, by its id, a part of it, or `last`, which is the default"


@command(
    auto_shortflags=False,
    help={"limit": "how many, the newest first", "json": "print JSON"},
)
def runs(run: Run, limit: int = 20, json: bool = False) -> None:
    """List the runs of this project: when, how they ended, how long they took, what failed."""
    from pipeline.run_listing import show_runs

    show_runs(run, limit=limit, json=json)


@command(
    auto_shortflags=False,
    variadic="name",
    iterable=["name"],
    help={
        "name": _RUN_HELP,
        "job": "of this job only",
        "step": "of this step only: its name, a part of it, or its number",
        "failed": "of failed steps only",
        "all_": "of all steps, also where some failed",
        "follow": "go on with what a run prints that is not over yet",
    },
)
def logs(
    run: Run,
    name: Iterable[str] | None = None,
    job: str = "",
    step: str = "",
    failed: bool = False,
    all_: bool = False,
    follow: bool = False,
) -> None:
    """Print the logs of a run: of the steps that failed, or of all where none did.

    For example:

      orbyard ci.logs
      orbyard ci.logs last --job test --step "Run tests"
    """
    from pipeline.run_listing import show_logs

    show_logs(run, name or (), job=job, step=step, failed=failed, all_steps=all_, follow=follow)


@command(
    auto_shortflags=False,
    variadic="name",
    iterable=["name"],
    help={"name": _RUN_HELP, "job": "of this job only", "json": "print JSON"},
)
def artifacts(
    run: Run, name: Iterable[str] | None = None, job: str = "", json: bool = False
) -> None:
    """List the files that the jobs of a run stored as artifacts."""
    from pipeline.run_listing import show_artifacts

    show_artifacts(run, name or (), job=job, json=json)
