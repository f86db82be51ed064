"""The migration: a new Job each time, its log as it comes, its outcome and why."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.cluster import Cluster
from orbs.kubernetes.job_logs import JobLogs
from orbs.kubernetes.job_names import job_for_run, outdated_jobs, run_name
from orbs.kubernetes.kinds import JOB
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.migration_hints import migration_hint
from orbs.kubernetes.names import JOB_LABEL
from orbs.kubernetes.observe import Target, observe, selections
from orbs.kubernetes.patience import Heartbeat, Outage
from orbs.kubernetes.refusals import explain_refusal
from orbs.kubernetes.settings import DeploySettings
from orbs.kubernetes.verdict import (
    Cause,
    Grace,
    Memory,
    Observation,
    Progressing,
    Succeeded,
    Verdict,
    has_ever_started,
    judge,
)
from orbs.kubernetes.verdict.fields import name_of, number, text, uid_of
from orbs.kubernetes.verdict.job import is_finished
from orbs.kubernetes.watching import Watcher
from pipeline.errors import Interrupted, InvalidInput, WorkFailed
from pipeline.output import Console, format_duration
from pipeline.retry import Clock, wait_for

__all__ = ["MigrationFailed", "MigrationResult", "migrate"]

_POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class MigrationResult:
    """A Job that is complete: its name, and the seconds it took."""

    name: str
    duration_s: float


class MigrationFailed(WorkFailed):
    """The Job did not complete; no workload was touched.

    Attributes:
        name: the Job.
        cause: why.
    """

    def __init__(
        self, name: str, cause: Cause, *, details: Sequence[str] = (), hint: str | None = None
    ) -> None:
        super().__init__(f"Job/{name}: {cause.summary}", details=details, hint=hint)
        self.name = name
        self.cause = cause


def migrate(
    cluster: Cluster,
    manifest: RenderedManifest,
    *,
    console: Console,
    revision: str,
    settings: DeploySettings,
    clock: Clock | None = None,
    grace: Grace | None = None,
) -> MigrationResult:
    """Run a Job anew and wait until it is complete.

    Args:
        cluster: where.
        manifest: the Job; its name is the base of the run's.
        console: told of its log and its progress.
        revision: what is deployed, for the name and a label.
        settings: time limit, what to do about a run that is under way, how many to keep.
        clock: the time to wait by.
        grace: how long causes are given to go away.

    Raises:
        MigrationFailed: it failed, could not start, was deleted, or the time is over.
        InvalidInput: the manifest cannot be run, or another run is under way and is not waited for.
        StateUnknown: the API server has been silent for too long; the Job runs on.
        Interrupted: the user stopped us; the Job runs on.
    """
    clock = clock or Clock()
    _check(manifest, console)
    _wait_for_others(cluster, manifest, console, settings, clock)
    name = run_name(manifest.name, revision)
    started_s = clock.now_s()
    try:
        job = cluster.create(JOB, job_for_run(manifest.value, name, revision))
    except ApiError as error:
        raise explain_refusal(error, manifest) from error
    console.info(f"Job/{name} created; it may take {format_duration(settings.migrate_timeout_s)}")
    _forget_outdated(cluster, manifest, settings, console)
    with _left_running(cluster, name):
        _Waiting(cluster, job, console, settings, clock, grace or Grace()).run()
    took_s = clock.now_s() - started_s
    console.success(f"Job/{name}: complete ({format_duration(took_s)})")
    return MigrationResult(name, took_s)


def _check(manifest: RenderedManifest, console: Console) -> None:
    spec = manifest.value.get("spec") or {}
    if spec.get("suspend"):
        raise InvalidInput(
            "a suspended Job never runs",
            where=manifest.where(("spec", "suspend")),
            hint="remove `suspend: true`",
        )
    for field in ("parallelism", "completions"):
        if number(spec, field, default=1) > 1:
            console.warning(
                f"{manifest.where(('spec', field))}: a migration that runs {spec[field]} times "
                "may get in its own way"
            )


def _runs(cluster: Cluster, manifest: RenderedManifest) -> list[dict[str, Any]]:
    labels = f"{JOB_LABEL}={manifest.name}"
    return cluster.list(JOB, namespace=manifest.namespace, labels=labels)[0]


def _wait_for_others(
    cluster: Cluster,
    manifest: RenderedManifest,
    console: Console,
    settings: DeploySettings,
    clock: Clock,
) -> None:
    heartbeat = Heartbeat(console, clock)
    told: set[str] = set()

    def active() -> list[dict[str, Any]]:
        found = [job for job in _runs(cluster, manifest) if not is_finished(job)]
        for job in found:
            if name_of(job) not in told:
                told.add(name_of(job))
                _tell_of_other(cluster, job, console, settings)
        heartbeat.beat(lambda: f"still waiting for Job/{name_of(found[0])}, {heartbeat.elapsed}")
        return found

    left, over = wait_for(
        active,
        decided=lambda found: not found,
        timeout_s=settings.migrate_timeout_s,
        poll_s=_POLL_S,
        clock=clock,
    )
    if not over:
        raise MigrationFailed(
            name_of(left[0]),
            Cause("still-running", "an earlier run of this migration has not ended in time"),
            hint=f"look at it: {_logs_command(cluster, name_of(left[0]))}",
        )


def _tell_of_other(
    cluster: Cluster, job: dict[str, Any], console: Console, settings: DeploySettings
) -> None:
    name = name_of(job)
    since = text(job, "metadata", "creationTimestamp")
    if settings.migration_running == "refuse":
        raise WorkFailed(
            f"Job/{name} of another deploy is still running, since {since}; nothing was changed by "
            "this migration",
            hint=f"wait for it to end ({_logs_command(cluster, name)}), then deploy again",
        )
    console.warning(
        f"Job/{name} of another deploy is still running, since {since}: waiting for it to end",
        hint=f"watch it: {_logs_command(cluster, name)}",
    )


def _logs_command(cluster: Cluster, name: str) -> str:
    return f"kubectl logs -n {cluster.namespace} -f job/{name}"


def _forget_outdated(
    cluster: Cluster, manifest: RenderedManifest, settings: DeploySettings, console: Console
) -> None:
    finished = [job for job in _runs(cluster, manifest) if is_finished(job)]
    for job in outdated_jobs(finished, settings.migration_history):
        try:
            cluster.delete(
                JOB,
                name_of(job),
                namespace=manifest.namespace,
                uid=uid_of(job),
                propagation="Background",
            )
        except ApiError as error:
            console.detail(f"the old Job/{name_of(job)} stays: {error.message}")


@contextmanager
def _left_running(cluster: Cluster, name: str) -> Iterator[None]:
    """Say, when the user leaves, that the migration does not."""
    try:
        yield
    except (KeyboardInterrupt, Interrupted):
        raise Interrupted(
            f"interrupted; the migration Job/{name} is left running, since half of it could be worse",
            hint=f"watch it: {_logs_command(cluster, name)}",
        ) from None


class _Waiting:
    """One wait for one Job."""

    def __init__(
        self,
        cluster: Cluster,
        job: dict[str, Any],
        console: Console,
        settings: DeploySettings,
        clock: Clock,
        grace: Grace,
    ) -> None:
        target = Target.of({"kind": "Job", **job}, cluster.namespace)
        assert target is not None
        self._cluster, self._console, self._settings = cluster, console, settings
        self._clock, self._target, self._job = clock, target, job
        self._memory, self._grace = Memory(), grace
        self._verdict: Verdict = Progressing("created")
        self._observation = Observation(job)
        self._warned: set[str] = set()
        self._heartbeat = Heartbeat(console, clock)
        self._outage = Outage(
            "the migration",
            console,
            clock,
            hint=f"it runs on: {_logs_command(cluster, target.name)}",
        )

    def run(self) -> None:
        """Wait until the Job is decided.

        Raises:
            MigrationFailed: it did not complete.
        """
        wake = threading.Event()
        with (
            JobLogs(self._cluster, self._console, self._heartbeat) as logs,
            Watcher(self._cluster, selections([self._target]), wake) as watcher,
        ):
            self._logs, self._watcher = logs, watcher
            wait_for(
                self._look,
                decided=lambda verdict: not isinstance(verdict, Progressing),
                timeout_s=self._settings.migrate_timeout_s,
                poll_s=_POLL_S,
                wake=wake,
                clock=self._clock,
            )
            logs.finish(self._observation.pods)
            self._conclude(logs)

    def _look(self) -> Verdict:
        seen = self._outage.read(
            lambda: observe(self._cluster, self._target, now_s=self._clock.now_s())
        )
        if seen is None:
            return self._verdict
        self._observation = self._with_last_state(seen)
        self._logs.follow(self._observation.pods)
        before = self._verdict
        self._verdict, self._memory = judge("Job", self._observation, self._memory, self._grace)
        if isinstance(self._verdict, Progressing):
            self._tell(before, self._verdict)
        return self._verdict

    def _with_last_state(self, seen: Observation) -> Observation:
        """A Job that was deleted when it was over (a ttl) counts by how it ended."""
        last = self._watcher.last_state(self._target.uid) if seen.workload is None else None
        if last is None or not is_finished(last):
            return seen
        return Observation(
            last, pods=seen.pods, events=seen.events, taken_at_s=seen.taken_at_s, uid=seen.uid
        )

    def _tell(self, before: Verdict, now: Progressing) -> None:
        if not isinstance(before, Progressing) or before.message != now.message:
            self._console.detail(f"Job/{self._target.name}: {now.message}")
            self._heartbeat.spoke()
        for cause in now.suspects:
            if cause.code not in self._warned:
                self._warned.add(cause.code)
                self._console.warning(f"Job/{self._target.name}: {cause.summary}")
                self._heartbeat.spoke()
        limit = format_duration(self._settings.migrate_timeout_s)
        self._heartbeat.beat(
            lambda: f"still migrating, {self._heartbeat.elapsed} of {limit}: {now.message}"
        )

    def _conclude(self, logs: JobLogs) -> None:
        name = self._target.name
        if isinstance(self._verdict, Succeeded):
            return
        if isinstance(self._verdict, Progressing):
            limit = format_duration(self._settings.migrate_timeout_s)
            summary = f"not done within {limit}: {self._verdict.message}; it is left running"
            raise MigrationFailed(
                name,
                Cause("time-limit", summary),
                hint=f"watch it: {_logs_command(self._cluster, name)}; "
                "deploy.migrate_timeout in orbyard.yml sets the time",
            )
        cause, others = self._verdict.cause, self._verdict.others
        details = [*cause.evidence, *(f"also: {other.summary}" for other in others)]
        details += self._never_started(name)
        hint = migration_hint(logs.last_lines) or cause.hint
        if logs.last_lines:
            hint += f". Its log: {_logs_command(self._cluster, name)}"
        raise MigrationFailed(name, cause, details=details, hint=hint or None)

    def _never_started(self, name: str) -> list[str]:
        """Take back a Job that never ran, or it could migrate an hour later with nobody watching."""
        found = self._observation.workload
        if found is None or is_finished(found):
            return []
        if has_ever_started(found, self._observation.pods):
            return [f"Job/{name} is left as it is: a container of it has run"]
        self._cluster.delete(JOB, name, namespace=self._target.namespace, uid=self._target.uid)
        return [f"Job/{name} never started and was deleted, so that it cannot start later"]
