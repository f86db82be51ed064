"""Shows what there is to run, and what a run would do: ``ci.run --list`` and ``ci.run --dry-run``."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.ci_options import ci_settings, json_text
from pipeline.config.model import CompiledConfig
from pipeline.config.rendering import terminal_width
from pipeline.errors import InvalidInput, did_you_mean
from pipeline.runner.listing import listing_data, listing_lines
from pipeline.runner.overview import WorkflowOverview, overview, overview_of, pipeline_ref
from pipeline.runner.overview_here import as_run_here
from pipeline.runner.plan import Choice, PlannedWorkflow, plan_run
from pipeline.store_opening import project_name, store_folder

if TYPE_CHECKING:
    from pipeline.command import Run
    from pipeline.runner.cache_keys import KeyContext
    from pipeline.runner.executor_options import ExecutorOptions

__all__ = ["show_list", "show_plan"]

_CHECKOUT = "/checkout"
"""Stands for the job's working directory when a cache's key is computed from the files here."""
_MEBIBYTE = 1024 * 1024


def show_list(
    run: Run,
    compiled: CompiledConfig,
    choice: Choice,
    options: ExecutorOptions,
    *,
    as_json: bool,
) -> None:
    """Print every workflow, or what was chosen, with its jobs, and why what does not run does not.

    Raises:
        InvalidInput: there is no such workflow or job.
    """
    flows = tuple(as_run_here(flow, compiled, options) for flow in _chosen(compiled, choice))
    if as_json:
        run.console.result(json_text(listing_data(flows)))
        return
    colour = run.console.colours_results
    # Without a terminal each job is one line, for grep.
    width = terminal_width() if sys.stdout.isatty() or run.environ.get("COLUMNS") else 0
    for line in listing_lines(flows, width=width, colour=colour):
        run.console.result(line)


def _chosen(compiled: CompiledConfig, choice: Choice) -> tuple[WorkflowOverview, ...]:
    if choice.job:
        planned = plan_run(compiled, choice, **pipeline_ref(compiled))
        return tuple(overview_of(compiled, flow) for flow in planned)
    flows = overview(compiled, scheduled=choice.scheduled)
    if not choice.workflow:
        return flows
    names = [flow.name for flow in flows]
    if choice.workflow not in names:
        raise InvalidInput(
            f"there is no workflow {choice.workflow!r}",
            hint=did_you_mean(choice.workflow, names) or f"there are: {', '.join(names)}",
        )
    return tuple(flow for flow in flows if flow.name == choice.workflow)


def show_plan(
    run: Run,
    compiled: CompiledConfig,
    planned: Iterable[PlannedWorkflow],
    options: ExecutorOptions,
    *,
    kept: Mapping[str, Collection[str]],
    approved: Collection[str] = (),
    as_json: bool = False,
) -> None:
    """Print what a run would do: jobs in their order, their steps, and the caches that it looks for."""
    from pipeline.runner.preview import plan_data, plan_lines, preview

    plans = [preview(compiled, flow, kept.get(flow.name, ()), options) for flow in planned]
    if as_json:
        run.console.result(json_text([plan_data(plan) for plan in plans]))
        return
    colour = run.console.colours_results
    key_note = _key_notes(run, compiled)
    for number, plan in enumerate(plans):
        if number:
            run.console.result("")
        for line in plan_lines(plan, key_note=key_note, approved=approved, colour=colour):
            run.console.result(line)
    if compiled.setup:
        run.console.result(
            "then what these jobs generate, which is known when they have run;"
            " `--continue FILE` shows and runs a configuration that is there already"
        )
    settings = ci_settings(run)
    shared = f", shared through {settings.store}" if settings.store.startswith("s3://") else ""
    run.console.detail(f"caches and workspaces: {store_folder(run, settings)}{shared}")


def _key_notes(run: Run, compiled: CompiledConfig) -> Callable[[str, bool], str]:
    """Return what says what a key comes to with the files that are here, and whether that is stored."""
    from pipeline.runner.cache_keys import CacheKeyError, render_key
    from pipeline.runner.store import Store

    settings = ci_settings(run)
    folder = store_folder(run, settings)
    # Opening the store would make it.
    store = (
        Store(folder, size_limit_bytes=settings.store_limit, warn=run.console.warning)
        if folder.is_dir()
        else None
    )
    context = _key_context(run, compiled)
    project = project_name(compiled.values, run.root)
    stored = store.caches(project) if store else []

    def note(template: str, is_saved: bool) -> str:
        if any(word in template for word in (".Environment", ".BuildNum", "epoch")):
            return ""
        try:
            key = render_key(template, context)
        except CacheKeyError:
            return ""  # It is made of a file that a step writes first.
        found = [e for e in stored if e.key == key or (e.key.startswith(key) and not is_saved)]
        if not found:
            return f"{key}: not stored here"
        entry = found[-1]
        name = "" if entry.key == key else f" as {entry.key}"
        kept = ", and so kept as it is" if is_saved else ""
        return f"{key}: stored{name}, {entry.stored_bytes / _MEBIBYTE:.1f} MB{kept}"

    return note


def _key_context(run: Run, compiled: CompiledConfig) -> KeyContext:
    from pipeline.runner.cache_keys import KeyContext
    from pipeline.runner.key_context import this_architecture

    root = run.root

    def read(path: str) -> bytes:
        relative = path.removeprefix(f"{_CHECKOUT}/")
        if relative == path:
            raise FileNotFoundError(path)
        file = root / Path(relative)
        if not file.is_file():
            raise FileNotFoundError(path)
        return file.read_bytes()

    return KeyContext(
        branch=str(compiled.values.get("pipeline.git.branch") or ""),
        build_num="",
        revision=str(compiled.values.get("pipeline.git.revision") or ""),
        checkout_key="",
        environment={},
        working_directory=_CHECKOUT,
        home="/home",
        read_file=read,
        epoch_s=int(time.time()),
        arch=this_architecture(),
    )
