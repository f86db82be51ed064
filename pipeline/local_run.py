"""Runs a configuration on this machine: from the options of ``ci.run`` to the exit code."""

from __future__ import annotations

import os
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.ci_options import CompileOptions, read_config
from pipeline.config.compiler import compile as compile_config
from pipeline.config.model import CompiledConfig
from pipeline.errors import Interrupted, InvalidInput
from pipeline.runner.engine import ContainerEngine, open_engine
from pipeline.runner.env_file import parse_env_option, read_env_file
from pipeline.runner.instance import Machine, run_instance
from pipeline.runner.plan import Choice, PlannedWorkflow, plan_run
from pipeline.runner.run import RunRequest, RunResult, run_workflows
from pipeline.runner.snapshot import make_snapshot
from pipeline.runner.store import Store
from pipeline.runner.view import View

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["LocalOptions", "run_locally"]

_STORE_LIMIT_BYTES = 20 * 1024**3


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """What ``ci.run`` was asked for; see the task's help."""

    choice: Choice
    env: tuple[str, ...] = ()
    env_file: str = ""
    contexts: tuple[str, ...] = ()
    approve: tuple[str, ...] = ()
    at_once: int = 0
    executor: str = "auto"
    committed: bool = False
    pull: bool = False
    tty: bool = True
    quiet: bool = False
    dry_run: bool = False


def run_locally(run: Run, config: str, compiling: CompileOptions, options: LocalOptions) -> bool:
    """Run what was chosen, and return whether all went well.

    Raises:
        InvalidInput: the configuration or an option is wrong.
        Unavailable: no Docker engine answers where one is needed.
    """
    source = read_config(run, config)
    compiled = compile_config(source, **compiling.keywords(source))
    values = compiled.values
    planned = plan_run(
        compiled,
        options.choice,
        branch=str(values.get("pipeline.git.branch") or ""),
        tag=str(values.get("pipeline.git.tag") or ""),
    )
    if options.dry_run:
        _show_plan(run, compiled, planned)
        return True
    variables = _variables(run, options)
    contexts = _contexts(run, options)
    for value in (*variables.values(), *(v for c in contexts.values() for v in c.values())):
        run.console.masker.add(value)
    result = _run(run, compiled, planned, options, variables, contexts)
    return result.is_success


def _run(
    run: Run,
    compiled: CompiledConfig,
    planned: tuple[PlannedWorkflow, ...],
    options: LocalOptions,
    variables: Mapping[str, str],
    contexts: Mapping[str, Mapping[str, str]],
) -> RunResult:
    run_id = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(3)
    home = run.root / ".orbyard"
    folder = home / "runs" / run_id
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    scratch.chmod(0o711)
    (home / ".gitignore").write_text("*\n", encoding="utf-8")
    view = View(run.console, quiet=options.quiet)
    cancel = threading.Event()
    engine = _Engine()
    store = Store(_store_folder(run), size_limit_bytes=_STORE_LIMIT_BYTES, warn=run.console.warning)
    try:
        with store.hold_run(run_id):
            machine = Machine(
                engine=engine,
                executor=options.executor,
                store=store,
                snapshot=make_snapshot(run.root, scratch, committed=options.committed),
                run_id=run_id,
                project=_project(compiled.values, run.root),
                variables=variables,
                values=compiled.values,
                masker=run.console.masker,
                view=view,
                cancel=cancel,
                scratch=scratch,
                tty=options.tty,
                pull=options.pull,
            )
            request = RunRequest(
                run_id=run_id,
                folder=folder,
                at_once=options.at_once or max(1, (os.cpu_count() or 2) // 2),
                approve=_Approvals(run, options.approve),
                contexts=contexts,
                run_instance=lambda spec: run_instance(machine, spec),
                cancel=cancel,
            )
            try:
                result = run_workflows(compiled, planned, request, view)
            except (KeyboardInterrupt, Interrupted):
                cancel.set()
                raise
            view.summary(result.results, result.seconds, folder)
            return result
    finally:
        cancel.set()
        engine.close()
        shutil.rmtree(scratch, ignore_errors=True)


class _Engine:
    """Connects to Docker when a job first needs it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: ContainerEngine | None = None

    def __call__(self) -> ContainerEngine:
        with self._lock:
            if self._found is None:
                self._found = open_engine()
                self._found.remove_left_over(_is_alive)
            return self._found

    def close(self) -> None:
        if self._found is not None:
            self._found.close()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid > 0


class _Approvals:
    """Answers approvals: by ``--approve``, else by asking at a terminal, else no."""

    def __init__(self, run: Run, names: Iterable[str]) -> None:
        self._console = run.console
        self._names = set(names)

    def __call__(self, name: str) -> bool:
        if "all" in self._names or name in self._names:
            return True
        if not sys.stdin.isatty():
            return False
        self._console.line(f"approve {name}? [y/N] ")
        return sys.stdin.readline().strip().lower() in ("y", "yes")


def _store_folder(run: Run) -> Path:
    cache = run.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache) / "orbyard" / "store"


def _project(values: Mapping[str, Any], root: Path) -> str:
    return str(values.get("pipeline.project.slug") or root.resolve())


def _variables(run: Run, options: LocalOptions) -> dict[str, str]:
    variables: dict[str, str] = {}
    if options.env_file:
        path = run.cwd / options.env_file
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"{options.env_file} cannot be read: {error.strerror}") from None
        variables |= read_env_file(text, options.env_file, caller=run.environ)
    for item in options.env:
        variables |= parse_env_option(item, caller=run.environ)
    return variables


def _contexts(run: Run, options: LocalOptions) -> dict[str, dict[str, str]]:
    contexts: dict[str, dict[str, str]] = {"org-global": {}}
    for item in options.contexts:
        name, equals, file = item.partition("=")
        if not equals:
            raise InvalidInput(f"--context takes name=file, found {item!r}")
        try:
            text = (run.cwd / file).read_text(encoding="utf-8")
        except OSError as error:
            raise InvalidInput(f"{file} cannot be read: {error.strerror}") from None
        contexts[name] = contexts.get(name, {}) | read_env_file(text, file, caller=run.environ)
    return contexts


def _show_plan(run: Run, compiled: CompiledConfig, planned: Iterable[PlannedWorkflow]) -> None:
    for workflow in planned:
        run.console.result(workflow.name)
        for job in workflow.jobs:
            needs = ", ".join(need.name for need in job.requires)
            kind = "approval" if job.type == "approval" else _executor_word(compiled, job.name)
            run.console.result(f"  {job.name}  {kind}" + (f"  after {needs}" if needs else ""))
        for name in workflow.left_out:
            run.console.result(f"  {name}  left out by its filters")


def _executor_word(compiled: CompiledConfig, name: str) -> str:
    job = compiled.jobs[name]
    images = getattr(job.executor, "images", None)
    if images:
        return f"docker: {', '.join(image.image for image in images)}"
    return type(job.executor).__name__.lower() if job.executor else job.type
