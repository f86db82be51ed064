"""A workflow's jobs as this machine runs them: in which images, without containers, or not at all. Pure."""

from __future__ import annotations

from dataclasses import replace

from pipeline.config.model import CompiledConfig, Docker, Job
from pipeline.errors import InvalidInput
from pipeline.runner.executor_options import ExecutorOptions
from pipeline.runner.image_names import name_in_place
from pipeline.runner.overview import JobOverview, WorkflowOverview
from pipeline.runner.places import place_of

__all__ = ["as_run_here"]


def as_run_here(
    flow: WorkflowOverview,
    config: CompiledConfig,
    options: ExecutorOptions,
    *,
    system: str | None = None,
) -> WorkflowOverview:
    """Return a workflow whose jobs say where they run here, and in place of what.

    Args:
        flow: the workflow.
        config: the configuration that it is of.
        options: what the settings and options say of executors.
        system: this machine's, as :func:`platform.system` names it; default: asked.
    """
    jobs = (
        _job(job, config.jobs[job.name], options, system) if job.executor else job
        for job in flow.jobs
    )
    return replace(flow, jobs=tuple(jobs))


def _job(job: JobOverview, body: Job, options: ExecutorOptions, system: str | None) -> JobOverview:
    try:
        place = place_of(body, options, system=system)
    except InvalidInput as error:
        return replace(job, here=f"cannot run: {error.message}", runs_here=False)
    if place.kind == "nowhere":
        return replace(job, here=f"not run here: {place.reason}", runs_here=False)
    if not isinstance(body.executor, Docker):
        return job
    if place.kind == "host":
        left_out = " and its services" if job.services else ""
        here = f"in place of {job.executor}{left_out}"
        return replace(job, executor="this machine", services=(), here=here)
    return _with_images(job, body.executor, options)


def _with_images(job: JobOverview, executor: Docker, options: ExecutorOptions) -> JobOverview:
    written = [image.image for image in executor.images]
    first, *others = taken = [name_in_place(options.images, name) for name in written]
    replaced = [name for name, own in zip(written, taken, strict=True) if name != own]
    if not replaced:
        return job
    here = f"in place of {', '.join(dict.fromkeys(replaced))}"
    return replace(job, executor=f"docker {first}", services=tuple(others), here=here)
