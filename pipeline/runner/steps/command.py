"""``run``: a shell with the command's script."""

from __future__ import annotations

import shlex
import threading
import time

from pipeline.config.model import Step
from pipeline.errors import InvalidInput, OrbyardError
from pipeline.runner.durations import format_go_duration, parse_duration
from pipeline.runner.job_run import Background, JobRun, Outcome, StepFailed
from pipeline.runner.step_log import StepLog

__all__ = ["run_command", "script_path"]

_NO_OUTPUT_TIMEOUT = "10m"
_WATCH_S = 0.2
_DEFAULT_WITHOUT_BASH = ["/bin/sh", "-eo", "pipefail"]
_IN_FOLDER = 'mkdir -p -- "$1" && cd -- "$1" && shift && exec "$@"'
"""Makes a step's folder where it is missing, as CircleCI does, and runs the rest there."""


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
    return ["/bin/bash", "-eo", "pipefail"] if run.sandbox.has_bash else _DEFAULT_WITHOUT_BASH


def run_command(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Run a step's command; in the background where it says so, a ``deploy`` on the first node only."""
    if step.type == "deploy" and run.spec.node_index:
        log.say("a deploy step runs on node 0 only")
        return Outcome(note="on node 0 only")
    words = shell_words(run, step)
    log.say(f"#!{' '.join(words)}")
    for line in str(step.options["command"]).rstrip("\n").splitlines():
        log.say(line)
    argv = [*words, script_path(run, step)]
    folder = step.options.get("working_directory")
    if folder:
        argv = ["/bin/sh", "-c", _IN_FOLDER, "sh", run.absolute(str(folder)), *argv]
    env = run.environment(step.options.get("environment") or {})
    if step.options.get("background") is True:
        _start_in_background(run, argv, env, log)
        return Outcome(note="in the background")
    code, attempt = _attempts(run, step, argv, env, log)
    if code and not run.cancel.is_set():
        _explain(run, words, code, log)
        log.say(f"Exited with code exit status {code}")
    if code:
        raise StepFailed(code)
    note = f"after {attempt} attempts" if attempt > 1 else ""
    return Outcome(exit_code=0, note=note)


def _attempts(
    run: JobRun, step: Step, argv: list[str], env: dict[str, str], log: StepLog
) -> tuple[int, int]:
    """Run it as often as ``max_auto_reruns`` allows; returns the last exit code and attempt."""
    attempts = 1 + int(step.options.get("max_auto_reruns") or 0)
    delay_s = parse_duration(step.options.get("auto_rerun_delay") or "0", key="auto_rerun_delay")
    attempt = 1
    while True:
        code = _supervised(run, step, argv, env, log)
        if code == 0 or attempt == attempts or run.stopping:
            return code, attempt
        log.say(f"exited with code {code}; rerun {attempt} of {attempts - 1}")
        run.cancel.wait(delay_s)
        attempt += 1


def _explain(run: JobRun, words: list[str], code: int, log: StepLog) -> None:
    """Say what is wrong where not the command failed, but the shell that was to run it."""
    if code in (126, 127):
        found, _ = run.sandbox.capture(["/bin/sh", "-c", 'command -v "$1"', "sh", words[0]])
        if found:
            log.say(
                f"there is no {words[0]} here: the step's `shell` has to be a program of the image"
            )
    elif words == _DEFAULT_WITHOUT_BASH:
        known, _ = run.sandbox.capture(["/bin/sh", "-c", "set -o pipefail"])
        if known:
            log.say(
                "this image has no /bin/bash, and its /bin/sh does not know pipefail: the step would"
                " fail on CircleCI, too; take an image with bash, or set `shell: /bin/sh -e`"
            )


def _supervised(run: JobRun, step: Step, argv: list[str], env: dict[str, str], log: StepLog) -> int:
    """Run it, and stop it when it is silent for too long, out of time, or the run is stopped."""
    limit = str(step.options.get("no_output_timeout") or _NO_OUTPUT_TIMEOUT)
    limit_s = parse_duration(limit, key="no_output_timeout", where=step.where)
    stop, over = threading.Event(), threading.Event()
    silent = False
    log.last_output = time.monotonic()

    def watch() -> None:
        nonlocal silent
        while not over.wait(_WATCH_S):
            silent = time.monotonic() - log.last_output > limit_s
            if silent or run.stopping:
                stop.set()
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        code = run.sandbox.run(
            argv, env=env, cwd=run.working_directory, on_output=log.write, cancel=stop, tty=run.tty
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


def _start_in_background(run: JobRun, argv: list[str], env: dict[str, str], log: StepLog) -> None:
    stop = threading.Event()

    def work() -> None:
        try:
            code = run.sandbox.run(
                argv,
                env=env,
                cwd=run.working_directory,
                on_output=log.write,
                cancel=stop,
                tty=run.tty,
            )
            if not stop.is_set():
                log.say(f"Exited with code exit status {code}")
        except OrbyardError as error:
            # Its end does not matter to the job; and with the job's container all of it ends.
            if not stop.is_set():
                log.say(str(error))
        finally:
            log.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    run.background.append(Background(thread, stop))
