"""``setup_remote_docker``: a Docker engine for the job."""

from __future__ import annotations

from pipeline.config.model import Docker, Step
from pipeline.errors import WorkFailed
from pipeline.runner.docker_sandbox import DockerSandbox
from pipeline.runner.job_run import JobRun, Outcome, StepFailed
from pipeline.runner.step_log import StepLog

__all__ = ["setup_remote_docker"]


def setup_remote_docker(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Let the job's ``docker`` reach an engine, and say which."""
    if not isinstance(run.spec.job.executor, Docker):
        log.say("setup_remote_docker is for docker jobs: a machine has Docker already")
        raise StepFailed
    if not isinstance(run.sandbox, DockerSandbox) or run.remote_docker is None:
        log.say("this docker job runs on the machine itself: `docker` is the machine's own")
        return Outcome(note="this machine's own")
    try:
        said = run.remote_docker.open(run.sandbox)
    except WorkFailed as error:
        for line in (error.message, *error.details, error.hint or ""):
            log.say(line)
        raise StepFailed from error
    for line in said:
        log.say(line)
    if run.remote_docker.daemon is None and step.options.get("docker_layer_caching") is True:
        log.say("docker_layer_caching: the engine keeps all layers anyway")
    return Outcome(
        note="a daemon of its own" if run.remote_docker.daemon else "this machine's engine"
    )
