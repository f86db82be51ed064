"""A shell where a step failed, or before one begins: in the job's sandbox, with the step's variables."""

from __future__ import annotations

import shlex
import threading

from pipeline.config.model import Step
from pipeline.runner.job_run import JobRun
from pipeline.runner.model import step_name
from pipeline.runner.steps.command import script_path, shell_words
from pipeline.runner.view import View

__all__ = ["DebugShell"]

_COMMANDS = ("run", "deploy")


class DebugShell:
    """Opens shells for the steps of a run, one at a time.

    Args:
        view: keeps still while the shell has the terminal.
        on_failure: whether to open one where a step failed.
        at: the step, by its name or its number from 1, before which to open one, or "".
    """

    def __init__(self, view: View, *, on_failure: bool, at: str = "") -> None:
        self._view = view
        self._on_failure = on_failure
        self._at = at
        self._one_at_a_time = threading.Lock()
        self.opened = 0
        self._is_reached = False

    @property
    def missed(self) -> str:
        """The step that a shell was asked for at, where no job came to it."""
        return "" if self._is_reached else self._at

    def before(self, run: JobRun, step: Step, number: int) -> None:
        """Open one, if this is the step that was asked for."""
        if self._at and self._at in (step_name(step), str(number + 1)):
            self._is_reached = True
            self._open(run, step, f"before {step_name(step)!r}; leave the shell to go on with it")

    def after_failure(self, run: JobRun, step: Step) -> None:
        """Open one, if that was asked for and nobody stopped the run."""
        if self._on_failure and not run.cancel.is_set():
            self._open(run, step, f"{step_name(step)!r} failed; leave the shell to go on")

    def _open(self, run: JobRun, step: Step, why: str) -> None:
        with self._one_at_a_time, self._view.paused(run.spec.label) as say:
            if run.cancel.is_set():
                return  # while it waited for another shell, or for the answer to a question
            self.opened += 1
            say(f"shell in {run.spec.label}: {why}")
            folder = step.options.get("working_directory")
            cwd = run.absolute(str(folder)) if folder else run.working_directory
            if step.type in _COMMANDS:
                say("`rerun` runs the step's command again")
            argv, extra = _shell(run, step)
            run.sandbox.interact(
                argv, env=run.environment(step.options.get("environment") or {}) | extra, cwd=cwd
            )


def _shell(run: JobRun, step: Step) -> tuple[list[str], dict[str, str]]:
    """Return an interactive shell that begins with a file of ours, and the variables it takes."""
    path = f"{run.scratch}/shell-{run.spec.node_index}"
    run.sandbox.write_file(path, _profile(run, step).encode())
    if run.sandbox.has_bash:
        return ["/bin/bash", "--rcfile", path, "-i"], {}
    return ["/bin/sh", "-i"], {"ENV": path}


def _profile(run: JobRun, step: Step) -> str:
    lines = ['[ -r "$BASH_ENV" ] && . "$BASH_ENV"', f"PS1='{_plain(run.spec.label)}:\\w\\$ '"]
    if not run.sandbox.has_bash:
        lines[-1] = f"PS1='{_plain(run.spec.label)}$ '"
    if step.type in _COMMANDS:
        command = shlex.join([*shell_words(run, step), script_path(run, step)])
        lines.append(f'rerun() {{ {command}; set -- $?; echo "exit code $1"; return "$1"; }}')
    return "\n".join(lines) + "\n"


def _plain(label: str) -> str:
    return "".join(c for c in label if c.isalnum() or c in "._-/[] ")
