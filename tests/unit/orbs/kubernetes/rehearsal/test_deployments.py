from __future__ import annotations

from orbs.kubernetes.rehearsal import parse_fault
from tests.unit.orbs.kubernetes.rehearsal.conftest import Http, Start
from tests.unit.orbs.kubernetes.rehearsal.manifests import (
    DEPLOYMENTS,
    EVENTS,
    MERGE,
    PODS,
    REPLICA_SETS,
    condition,
    deployment,
    is_complete,
)

WEB = f"{DEPLOYMENTS}/web"
REVISION = "deployment.kubernetes.io/revision"


def deploy(api: Http, image: str, **more: object) -> None:
    api.apply(WEB, deployment(image, **more))  # type: ignore[arg-type]
    api.until(WEB, is_complete)


def test_a_deployment_becomes_available_and_says_so(api: Http) -> None:
    deploy(api, "registry/app:1", replicas=3)
    web = api.get(WEB)
    assert condition(web, "Available")["reason"] == "MinimumReplicasAvailable"
    assert condition(web, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert web["metadata"]["annotations"][REVISION] == "1"
    assert {pod["status"]["phase"] for pod in api.get(PODS)["items"]} == {"Running"}


def test_a_pod_goes_through_the_states_of_a_real_one(api: Http) -> None:
    version = api.get(PODS)["metadata"]["resourceVersion"]
    deploy(api, "registry/app:1")
    states = []
    for event in api.watch(f"{PODS}?resourceVersion={version}"):
        pod = event["object"]
        rows = pod["status"].get("containerStatuses") or [{"state": {}, "ready": False}]
        state = next(iter(rows[0]["state"]), "")
        states.append((pod["status"]["phase"], "nodeName" in pod["spec"], state, rows[0]["ready"]))
    assert states == [
        ("Pending", False, "", False),
        ("Pending", True, "", False),
        ("Pending", True, "waiting", False),
        ("Running", True, "running", False),
        ("Running", True, "running", True),
    ]


def test_a_new_template_replaces_the_pods_one_by_one(api: Http) -> None:
    deploy(api, "registry/app:1", replicas=4)
    version = api.get(PODS)["metadata"]["resourceVersion"]
    first = api.get(WEB)["metadata"]["resourceVersion"]
    deploy(api, "registry/app:2", replicas=4)
    seen = api.watch(f"{DEPLOYMENTS}?resourceVersion={first}")
    numbers = [event["object"]["status"] for event in seen]
    assert min(status["availableReplicas"] for status in numbers) == 3
    assert max(status["replicas"] for status in numbers) == 5
    api.until(PODS, lambda pods: len(pods["items"]) == 4)
    kinds = [event["type"] for event in api.watch(f"{PODS}?resourceVersion={version}")]
    assert kinds.count("DELETED") == 4
    images = [pod["spec"]["containers"][0]["image"] for pod in api.get(PODS)["items"]]
    assert images == ["registry/app:2"] * 4


def test_each_template_has_its_replica_set_and_revision(api: Http) -> None:
    deploy(api, "registry/app:1")
    deploy(api, "registry/app:2")
    sets = {
        item["metadata"]["annotations"][REVISION]: item for item in api.get(REPLICA_SETS)["items"]
    }
    assert {key: item["spec"]["replicas"] for key, item in sets.items()} == {"1": 0, "2": 1}
    mark = sets["2"]["metadata"]["labels"]["pod-template-hash"]
    assert sets["2"]["metadata"]["name"] == f"web-{mark}"
    assert [pod["metadata"]["labels"]["pod-template-hash"] for pod in api.get(PODS)["items"]] in (
        [mark],
        [mark, mark],
    )


def test_going_back_reuses_the_replica_set_under_a_new_revision(api: Http) -> None:
    for image in ("registry/app:1", "registry/app:2", "registry/app:1"):
        deploy(api, image)
    notes = {
        item["spec"]["template"]["spec"]["containers"][0]["image"]: item["metadata"]["annotations"]
        for item in api.get(REPLICA_SETS)["items"]
    }
    assert {image: note[REVISION] for image, note in notes.items()} == {
        "registry/app:1": "3",
        "registry/app:2": "2",
    }


def test_only_so_many_old_replica_sets_are_kept(api: Http) -> None:
    for number in range(5):
        deploy(api, f"registry/app:{number}", revisionHistoryLimit=2)
    api.until(REPLICA_SETS, lambda found: len(found["items"]) == 3)


def test_recreate_stops_the_old_pods_before_it_starts_new_ones(api: Http) -> None:
    strategy = {"type": "Recreate"}
    deploy(api, "registry/app:1", replicas=2, strategy=strategy)
    version = api.get(PODS)["metadata"]["resourceVersion"]
    deploy(api, "registry/app:2", replicas=2, strategy=strategy)
    kinds = [event["type"] for event in api.watch(f"{PODS}?resourceVersion={version}")]
    last_gone = len(kinds) - 1 - kinds[::-1].index("DELETED")
    assert last_gone < kinds.index("ADDED")


def test_a_paused_deployment_stays_where_it_is(api: Http) -> None:
    deploy(api, "registry/app:1")
    api.ask("PATCH", WEB, {"spec": {"paused": True}}, MERGE)
    api.apply(WEB, deployment("registry/app:2"), query="&force=true")
    seen = api.until(
        WEB, lambda web: web["status"]["observedGeneration"] == web["metadata"]["generation"]
    )
    assert len(api.get(REPLICA_SETS)["items"]) == 1
    assert seen["spec"]["paused"] is True


def test_a_deployment_scales_both_ways_without_a_new_revision(api: Http) -> None:
    deploy(api, "registry/app:1", replicas=1)
    for replicas in (3, 1, 0):
        deploy(api, "registry/app:1", replicas=replicas)
    assert len(api.get(REPLICA_SETS)["items"]) == 1


def test_a_pod_that_is_deleted_is_replaced(api: Http) -> None:
    deploy(api, "registry/app:1")
    [pod] = api.get(PODS)["items"]
    code, answer = api.ask("DELETE", f"{PODS}/{pod['metadata']['name']}")
    assert (code, answer["metadata"]["deletionGracePeriodSeconds"]) == (200, 30)
    api.until(
        PODS,
        lambda pods: (
            [item["metadata"]["uid"] != pod["metadata"]["uid"] for item in pods["items"]] == [True]
        ),
    )


def test_min_ready_seconds_delay_availability(start: Start) -> None:
    api = start(speed=50.0)
    api.apply(WEB, deployment(minReadySeconds=10))
    seen = api.until(WEB, lambda web: web.get("status", {}).get("readyReplicas") == 1)
    assert "availableReplicas" not in seen["status"]
    api.until(WEB, is_complete)


def test_the_progress_deadline_passes_in_the_clusters_time(start: Start) -> None:
    api = start(parse_fault("never-ready"))
    api.apply(WEB, deployment(progressDeadlineSeconds=60))
    seen = api.until(WEB, lambda web: condition(web, "Progressing").get("status") == "False")
    assert condition(seen, "Progressing")["reason"] == "ProgressDeadlineExceeded"
    assert "has timed out progressing" in condition(seen, "Progressing")["message"]


def test_a_failed_rollout_keeps_the_old_pods_and_can_be_mended(start: Start) -> None:
    api = start()
    deploy(api, "registry/app:1", replicas=2)
    api.rehearsal.set_faults(parse_fault("crash-loop"))
    api.apply(WEB, deployment("registry/app:2", replicas=2))
    api.until(EVENTS, lambda found: any(row["reason"] == "BackOff" for row in found["items"]))
    status = api.get(WEB)["status"]
    assert (status["availableReplicas"], status["updatedReplicas"]) == (2, 1)
    api.rehearsal.set_faults()
    deploy(api, "registry/app:1", replicas=2)


def test_a_missing_service_account_fails_the_replica_set(api: Http) -> None:
    api.apply(WEB, deployment(pod={"serviceAccountName": "deployer"}))
    seen = api.until(WEB, lambda web: condition(web, "ReplicaFailure"))
    assert 'serviceaccount "deployer" not found' in condition(seen, "ReplicaFailure")["message"]
    body = {"metadata": {"name": "deployer"}}
    api.post("api/v1/{ns}/serviceaccounts", body)
    seen = api.until(WEB, is_complete)
    assert not condition(seen, "ReplicaFailure")


def test_the_whole_deploy_is_the_same_every_time(start: Start) -> None:
    def names() -> list[str]:
        api = start()
        deploy(api, "registry/app:1", replicas=3)
        return [pod["metadata"]["name"] for pod in api.get(PODS)["items"]]

    assert names() == names()
