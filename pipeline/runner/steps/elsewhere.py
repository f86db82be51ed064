"""Steps that mean something else here than on CircleCI's machines."""

from __future__ import annotations

from pipeline.config.model import Docker, Step
from pipeline.runner.job_run import JobRun, Outcome, StepFailed
from pipeline.runner.step_log import StepLog

__all__ = ["add_ssh_keys", "hosted_only", "setup_remote_docker"]


def setup_remote_docker(run: JobRun, step: Step, log: StepLog) -> Outcome:  # noqa: ARG001
    """Say whether the engine of this machine, whose socket the job's container has, answers."""
    if not isinstance(run.spec.job.executor, Docker):
        log.say("setup_remote_docker is for docker jobs: a machine has Docker already")
        raise StepFailed
    code, printed = run.sandbox.capture(
        ["/bin/sh", "-c", "test -S /var/run/docker.sock && echo there"]
    )
    if code or b"there" not in printed:
        log.say("the Docker engine's socket is not to be seen in the container")
        raise StepFailed
    log.say("the Docker engine of this machine, by its socket: images and containers stay on it")
    return Outcome(note="this machine's engine")


def add_ssh_keys(run: JobRun, step: Step, log: StepLog) -> Outcome:  # noqa: ARG001
    """Say that CircleCI's keys are not here."""
    log.say("CircleCI keeps these keys to itself: none is added here")
    return Outcome(note="not here")


def hosted_only(run: JobRun, step: Step, log: StepLog) -> Outcome:  # noqa: ARG001
    """Say that only CircleCI can do this."""
    log.say(f"{step.type} works on CircleCI only: passed over")
    return Outcome(note="not here")
