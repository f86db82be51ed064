"""``run``: a shell with the command's script."""

from __future__ import annotations

import shlex
import threading
import time

from pipeline.config.model import Step
from pipeline.errors import InvalidInput, OrbyardError
from pipeline.runner.durations import format_go_duration, parse_duration
from pipeline.runner.job_run import JobRun, Outcome, StepFailed
from pipeline.runner.step_log import StepLog

__all__ = ["run_command", "script_path"]

_NO_OUTPUT_TIMEOUT = "10m"
_WATCH_S = 0.2


def script_path(run: JobRun, step: Step) -> str:
    """Return where a step's script is inside of the sandbox."""
    number = run.spec.job.steps.index(step)
    return f"{run.scratch}/step-{number}"


def shell_words(run: JobRun, step: Step) -> list[str]:
    """Return the shell: the step's, the job's, else CircleCI's default (R3)."""
    written = step.options.get("shell") or run.spec.job.shell
    if written:
        try:
            return shlex.split(str(written))
        except ValueError as error:
            raise InvalidInput(
                f"the shell {written!r} cannot be read: {error}", where=step.where
            ) from None
    return ["/bin/bash" if run.sandbox.has_bash else "/bin/sh", "-eo", "pipefail"]


def run_command(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Run a step's command; in the background where it says so."""
    words = shell_words(run, step)
    log.say(f"#!{' '.join(words)}")
    for line in str(step.options["command"]).rstrip("\n").splitlines():
        log.say(line)
    argv = [*words, script_path(run, step)]
    folder = step.options.get("working_directory")
    cwd = run.absolute(str(folder)) if folder else run.working_directory
    env = run.environment(step.options.get("environment") or {})
    if step.options.get("background") is True:
        _start_in_background(run, argv, env, cwd, log)
        return Outcome(note="in the background")
    attempts = 1 + int(step.options.get("max_auto_reruns") or 0)
    delay_s = parse_duration(step.options.get("auto_rerun_delay") or "0", key="auto_rerun_delay")
    for attempt in range(1, attempts + 1):
        code = _supervised(run, step, argv, env, cwd, log)
        if code == 0 or run.cancel.is_set():
            break
        if attempt < attempts:
            log.say(f"exited with code {code}; rerun {attempt} of {attempts - 1}")
            run.cancel.wait(delay_s)
    if code:
        log.say(f"Exited with code exit status {code}")
        raise StepFailed(code)
    note = f"after {attempt} attempts" if attempt > 1 else ""
    return Outcome(exit_code=0, note=note)


def _supervised(
    run: JobRun, step: Step, argv: list[str], env: dict[str, str], cwd: str, log: StepLog
) -> int:
    """Run it, and stop it when it is silent for too long or the run is stopped."""
    limit = str(step.options.get("no_output_timeout") or _NO_OUTPUT_TIMEOUT)
    limit_s = parse_duration(limit, key="no_output_timeout", where=step.where)
    stop, over = threading.Event(), threading.Event()
    silent = False

    def watch() -> None:
        nonlocal silent
        while not over.wait(_WATCH_S):
            if run.cancel.is_set():
                stop.set()
                return
            if time.monotonic() - log.last_output > limit_s:
                silent = True
                stop.set()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        code = run.sandbox.run(
            argv, env=env, cwd=cwd, on_output=log.write, cancel=stop, tty=run.tty
        )
    finally:
        over.set()
    if silent:
        log.say(
            f"Too long with no output (exceeded {format_go_duration(limit_s)}):"
            " context deadline exceeded"
        )
        return code or 1
    return code


def _start_in_background(
    run: JobRun, argv: list[str], env: dict[str, str], cwd: str, log: StepLog
) -> None:
    def work() -> None:
        try:
            run.sandbox.run(argv, env=env, cwd=cwd, on_output=log.write, cancel=run.cancel)
        except (OrbyardError, ValueError):
            return  # Its end does not matter to the job; the log may be closed by then.

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    run.background.append(thread)
