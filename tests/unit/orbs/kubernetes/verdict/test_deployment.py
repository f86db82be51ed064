"""When a Deployment has succeeded, and whose Pods are blamed."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from orbs.kubernetes.verdict import (
    Failed,
    Grace,
    Memory,
    Observation,
    Progressing,
    Succeeded,
    Verdict,
    judge_deployment,
)

from .recordings import load, observation


def look(name: str, index: int = -1) -> dict[str, Any]:
    return copy.deepcopy(load(name)[1][index])


def judged(found: Observation) -> Verdict:
    """Return the verdict after the same has been seen for an hour."""
    memory, verdict = Memory(), None
    for minute in range(61):
        later = {name: getattr(found, name) for name in Observation.__slots__}
        later["taken_at_s"] = minute * 20.0
        verdict, memory = judge_deployment(Observation(**later), memory)
        if not isinstance(verdict, Progressing):
            return verdict
    assert verdict is not None
    return verdict


def with_status(seen: dict[str, Any], **counts: int) -> dict[str, Any]:
    seen["workload"]["status"].update(counts)
    return seen


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ({"updatedReplicas": 1}, "a Pod is not updated"),
        ({"availableReplicas": 1}, "a Pod is not available"),
        ({"replicas": 3}, "an old Pod is still there"),
    ],
)
def test_it_is_no_success_while(counts: dict[str, int], why: str) -> None:
    assert isinstance(judged(observation(with_status(look("ok"), **counts))), Progressing), why


def test_it_is_no_success_before_the_controller_has_seen_what_was_applied() -> None:
    verdict, _ = judge_deployment(observation(look("ok"), generation=2))
    assert verdict == Progressing("waiting for the cluster to notice the change")


def test_a_change_that_is_not_noticed_for_long_blames_the_cluster() -> None:
    verdict = judged(observation(look("ok"), generation=2))
    assert isinstance(verdict, Failed)
    assert verdict.cause.code == "controller-silent"


def test_pods_of_an_older_replicaset_are_not_blamed() -> None:
    seen = look("crash")
    old = seen["replicasets"][0]
    seen["workload"]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2"
    new = copy.deepcopy(old)
    new["metadata"] |= {"uid": "new", "name": "crash-new"}
    new["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "2"
    seen["replicasets"].append(new)
    assert judged(observation(seen)) == Progressing("0 of 2 new Pods ready")


def test_pods_of_a_replicaset_of_the_same_revision_but_another_owner_are_not_blamed() -> None:
    seen = look("crash")
    seen["replicasets"][0]["metadata"]["ownerReferences"][0]["uid"] = "somebody-else"
    assert isinstance(judged(observation(seen)), Progressing)


def test_pods_that_are_being_deleted_are_not_blamed() -> None:
    seen = look("crash")
    for pod in seen["pods"]:
        pod["metadata"]["deletionTimestamp"] = "2026-11-23T00:09:00Z"
    assert isinstance(judged(observation(seen)), Progressing)


def test_one_crashing_pod_among_many_that_are_well_is_given_more_time() -> None:
    seen = with_status(look("crash"), replicas=10, updatedReplicas=10, availableReplicas=9)
    seen["workload"]["spec"]["replicas"] = 10
    seen["pods"] = seen["pods"][:1]
    memory, verdict = Memory(), None
    for second in range(0, 120, 5):
        verdict, memory = judge_deployment(observation(seen, taken_at_s=second), memory)
    assert isinstance(verdict, Progressing)
    assert [cause.code for cause in verdict.suspects] == ["crash-loop"]
    assert isinstance(judged(observation(seen)), Failed)


def test_three_pods_that_fail_one_after_another_are_one_cause_that_lasts() -> None:
    memory, verdict = Memory(), None
    for second in range(0, 400, 10):
        seen = look("image-registry-down")
        seen["pods"][0]["metadata"] |= {"uid": f"pod-{second // 40}", "name": f"pod-{second // 40}"}
        verdict, memory = judge_deployment(observation(seen, taken_at_s=second), memory)
        if isinstance(verdict, Failed):
            break
    assert isinstance(verdict, Failed)
    assert verdict.cause.code == "image-registry-unreachable"


def test_a_cause_that_goes_away_starts_its_time_anew() -> None:
    grace, memory = Grace(), Memory()
    bad, good = look("image-registry-down"), look("image-registry-down")
    good["pods"] = []
    for second in range(0, 1000, 10):
        seen = good if (second // 10) % 10 > 5 else bad
        verdict, memory = judge_deployment(observation(seen, taken_at_s=second), memory, grace)
        assert isinstance(verdict, Progressing)


def test_a_container_that_restarts_while_it_is_watched_begins_anew() -> None:
    seen, memory = look("crash-late", 0), Memory()
    restarts = 0
    for second in range(0, 100, 4):
        restarts += second % 8 == 0
        seen["pods"][0]["status"]["containerStatuses"][0]["restartCount"] = restarts
        verdict, memory = judge_deployment(observation(seen, taken_at_s=second), memory)
        assert not isinstance(verdict, Succeeded)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"workload": None}, "deleted"),
        ({"uid": "of-the-one-that-was-applied"}, "replaced"),
    ],
)
def test_a_workload_that_others_take_away_is_said_so(changes: dict[str, Any], code: str) -> None:
    verdict, _ = judge_deployment(observation(look("ok"), **changes))
    assert isinstance(verdict, Failed)
    assert verdict.cause.code == code


def test_another_run_that_deploys_over_ours_is_named() -> None:
    seen = look("ok")
    seen["workload"]["metadata"]["annotations"] |= {
        "orbyard.dev/run": "https://ci.example.com/2",
        "orbyard.dev/deployed-by": "aki@desk",
    }
    verdict, _ = judge_deployment(observation(seen, run="https://ci.example.com/1"))
    assert isinstance(verdict, Failed)
    assert verdict.cause.code == "overtaken"
    assert "aki@desk" in verdict.cause.summary


def test_the_deadline_of_an_earlier_rollout_that_is_still_written_there_fails_nothing() -> None:
    seen = look("deadline")
    first, memory = judge_deployment(observation(seen, taken_at_s=0))
    seen["workload"]["status"]["conditions"] = []
    second, _ = judge_deployment(observation(seen, taken_at_s=6), memory)
    assert isinstance(first, Progressing)
    assert isinstance(second, Progressing)


def test_no_pods_wanted_is_a_success() -> None:
    seen = look("ok")
    seen["workload"]["spec"]["replicas"] = 0
    seen["workload"]["status"] = {"observedGeneration": 1}
    verdict, _ = judge_deployment(observation(seen))
    assert verdict == Succeeded("no Pods wanted (replicas: 0)")
