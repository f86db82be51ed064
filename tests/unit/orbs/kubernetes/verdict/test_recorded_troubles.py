"""Every recorded trouble is told by its cause, to its container, with what to do."""

from __future__ import annotations

import pytest

from orbs.kubernetes.verdict import Failed, Grace, Progressing, Succeeded

from .recordings import NAMES, load, replay

FAILURES = {
    # name: (code, words of the summary, words of evidence or hint, latest second)
    "account-missing": (
        "service-account-missing",
        "'nobody' does not exist",
        "serviceAccountName",
        80,
    ),
    "command-denied": ("command-not-executable", "'/etc/passwd'", "chmod +x", 44),
    "command-missing": ("command-not-found", "'bin/rials' of the container app", "command:", 44),
    "configmap-missing": ("configmap-missing", "'hoge-env'", "manifests of this environment", 44),
    "cpu-huge": ("no-resources", "cpu for the Pod, which asks for cpu 64", "Insufficient cpu", 340),
    "crash": ("crash-loop", "exit code 127", "seen in 2 Pods", 44),
    "crash-late": ("crash-loop", "exit code 1 after 8 s", "restarted", 300),
    "crash-zero": ("ends-by-itself", "exit code 0", "server in the foreground", 44),
    "deadline": ("progress-deadline", "10 seconds (progressDeadlineSeconds)", "timed out", 44),
    "image-invalid": ("image-name-invalid", "HOGE_APP_IMAGE_NAME", "placeholder", 24),
    "image-never": ("image-not-on-node", "imagePullPolicy is Never", "IfNotPresent", 8),
    "image-no-host": (
        "image-registry-unreachable",
        "does not reach the registry",
        "no such host",
        240,
    ),
    "image-not-found": ("image-not-found", "hoge-app:nope cannot be pulled", "was pushed", 24),
    "image-registry-down": (
        "image-registry-unreachable",
        "does not reach",
        "connection refused",
        240,
    ),
    "image-repo-missing": ("image-not-found", "nobody/nothing:1", "not found", 8),
    "init-fail": ("init-crash-loop", "init container wait-for-db", "exit code 2", 44),
    "job-account": ("service-account-missing", "'nobody' does not exist", "FailedCreate", 80),
    "job-config": ("secret-missing", "'hoge-secret'", "container migrate", 44),
    "job-deadline": ("job-deadline", "activeDeadlineSeconds: 8", "how far it came", 24),
    "job-fail": ("job-failed", "exit code 1", "BackoffLimitExceeded", 24),
    "job-image": ("image-not-found", "hoge-app:nope", "container migrate", 24),
    "job-onfailure": ("job-failed", "exit code 3", "BackoffLimitExceeded", 44),
    "job-retry": ("job-failed", "failed 3 times", "exit code 3", 200),
    "killed": ("crash-loop", "exit code 2 after 3 s", "restarted", 80),
    "liveness": ("liveness-probe", "liveness probe fails (TCP 10.0.0.53:3000)", "0.0.0.0", 90),
    "node-selector": ("no-node-allowed", "node selector rules", "--show-labels", 160),
    "oom": ("out-of-memory", "its limit (24Mi)", "resources.limits.memory", 44),
    "paused": ("paused", "spec.paused", "rollout resume", 24),
    "post-start": ("post-start-hook", "postStart hook fails", "lifecycle.postStart", 80),
    "pvc-missing": ("volume-claim-missing", "'nope'", "manifests", 80),
    "quota": ("quota-exceeded", "requests.cpu=200m, the quota is requests.cpu=100m", "raised", 8),
    "readiness-exec": (
        "readiness-probe",
        "exec sh -c echo no tables; exit 1): no tables",
        "probe",
        300,
    ),
    "readiness-http": (
        "readiness-probe",
        "GET http://10.0.0.52:3000/ready",
        "binds to 0.0.0.0",
        300,
    ),
    "root-refused": ("must-not-be-root", "runAsNonRoot", "USER", 24),
    "secret-key-missing": (
        "secret-key-missing",
        "'present' has no key 'absent'",
        "add the key",
        44,
    ),
    "secret-missing": ("secret-missing", "'hoge-secret'", "manifests", 44),
    "sidecar": ("crash-loop", "container nginx", "exit code 1", 44),
    "sts-crash": ("crash-loop", "container app", "sts-crash-0", 44),
    "ds-crash": ("crash-loop", "container app", "exit code 1", 44),
    "term": ("crash-loop", "exit code 2", "restarted", 80),
    "volume-missing": ("secret-missing", "'hoge-files'", "FailedMount", 80),
    "workdir-bad": ("cannot-start", "cannot start the container app", "not a directory", 80),
}
SUCCESSES = {
    "ok": "2 Pods ready",
    "sts-ok": "2 Pods ready",
    "ds-ok": "on 1 node",
    "job-ok": "complete",
}


def test_every_recording_has_an_expectation() -> None:
    assert set(NAMES) == set(FAILURES) | set(SUCCESSES)


@pytest.mark.parametrize("name", FAILURES)
def test_a_trouble_is_named_with_its_cause_evidence_and_a_way_out(name: str) -> None:
    code, summary, beside, latest_s = FAILURES[name]
    ending = replay(name)
    assert isinstance(ending.verdict, Failed), ending.verdict
    cause = ending.verdict.cause
    assert cause.code == code
    assert summary in cause.summary
    assert beside in "\n".join((*cause.evidence, cause.hint))
    assert cause.hint
    assert ending.at_s <= latest_s


@pytest.mark.parametrize("name", SUCCESSES)
def test_a_healthy_workload_is_a_success(name: str) -> None:
    ending = replay(name)
    assert isinstance(ending.verdict, Succeeded)
    assert SUCCESSES[name] in ending.verdict.message


@pytest.mark.parametrize("name", SUCCESSES)
def test_a_healthy_workload_is_suspected_of_nothing_on_its_way(name: str) -> None:
    assert replay(name).codes == []


def test_a_container_that_lives_eight_seconds_between_two_crashes_is_no_success() -> None:
    ending = replay("crash-late")
    assert not any(isinstance(verdict, Succeeded) for verdict in ending.told)


@pytest.mark.parametrize(
    "name", ["image-registry-down", "image-no-host", "cpu-huge", "readiness-http"]
)
def test_what_may_pass_is_told_early_and_given_time(name: str) -> None:
    kind, looks = load(name)
    ending = replay(name)
    assert kind == "Deployment"
    assert ending.at_s - looks[0]["at_s"] >= 120
    warned = [v for v in ending.told if isinstance(v, Progressing) and v.suspects]
    assert warned, "the suspect is told before it is called a failure"


def test_a_faster_clock_of_the_cluster_shortens_the_time_of_grace() -> None:
    assert replay("cpu-huge", grace=Grace().scaled(0.1)).at_s < replay("cpu-huge").at_s
