"""``add_ssh_keys``: keys of the caller's agent, or of files, for the programs of the job."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.model import Step
from pipeline.errors import InvalidInput
from pipeline.runner.job_run import JobRun, Outcome, StepFailed
from pipeline.runner.step_log import StepLog

__all__ = ["add_ssh_keys"]


def add_ssh_keys(run: JobRun, step: Step, log: StepLog) -> Outcome:
    """Let the job sign with keys; they themselves stay where they are."""
    keys = run.ssh_keys
    if keys is None:
        log.say("the Docker engine is on another machine: keys cannot be used from there")
        raise StepFailed
    wanted = [str(fingerprint) for fingerprint in step.options.get("fingerprints") or ()]
    try:
        added = keys.allow(wanted)
    except InvalidInput as error:
        raise InvalidInput(error.message, hint=error.hint, where=step.where) from error
    for key in added:
        log.say(f"added {key}")
    if not added:
        log.say(
            "Warning: there is no key: SSH_AUTH_SOCK leads to none, and `ci.ssh_keys` names none"
        )
        return Outcome(note="no keys")
    _make_hosts_known(run, log)
    return Outcome(note=f"{len(added)} {'key' if len(added) == 1 else 'keys'}")


def _make_hosts_known(run: JobRun, log: StepLog) -> None:
    """Let the job trust the servers that the caller trusts, as nobody is there to be asked."""
    known = Path.home() / ".ssh" / "known_hosts"
    if not known.is_file():
        log.say("you have no ~/.ssh/known_hosts: ssh in the job knows no server's key")
        return
    folder = f"{run.sandbox.home}/.ssh"
    code, _ = run.sandbox.capture(
        ["/bin/sh", "-c", 'mkdir -p -m 700 "$1" && test ! -e "$1/known_hosts"', "sh", folder]
    )
    if code == 0:
        run.sandbox.write_file(f"{folder}/known_hosts", known.read_bytes())
        log.say("the servers in your ~/.ssh/known_hosts are known")
