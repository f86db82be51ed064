from __future__ import annotations

import pytest

from orbs.kubernetes.rehearsal import parse_fault
from tests.unit.orbs.kubernetes.rehearsal.conftest import Http, Start
from tests.unit.orbs.kubernetes.rehearsal.manifests import (
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    MAPS,
    PODS,
    SECRETS,
    Json,
    condition,
    config_map,
    deployment,
    has_ended,
    is_complete,
    job,
    waits_for,
)

WEB = f"{DEPLOYMENTS}/web"


def row_of(pods: Json) -> Json:
    return dict(pods["items"][0]["status"]["containerStatuses"][0])


def warnings(api: Http, reason: str) -> list[Json]:
    found = api.until(EVENTS, lambda rows: any(row["reason"] == reason for row in rows["items"]))
    return [row for row in found["items"] if row["reason"] == reason]


def test_an_image_that_cannot_be_pulled_backs_off_with_the_registrys_words(start: Start) -> None:
    api = start(parse_fault("image-pull"))
    api.apply(WEB, deployment("registry/app:1"))
    api.until(PODS, waits_for("ErrImagePull"))
    api.until(PODS, waits_for("ImagePullBackOff"))
    texts = [row["message"] for row in warnings(api, "Failed")]
    assert any(text.endswith("registry/app:1: not found") for text in texts)
    code, answer = api.ask("GET", f"{PODS}/{first_name(api)}/log")
    assert (code, answer["reason"]) == (400, "BadRequest")
    assert answer["message"].endswith("waiting to start: trying and failing to pull image")


def first_name(api: Http) -> str:
    return str(api.get(PODS)["items"][0]["metadata"]["name"])


def test_a_fault_that_ends_lets_the_pod_go_on(start: Start) -> None:
    api = start(parse_fault("image-pull"))
    api.apply(WEB, deployment())
    api.until(PODS, waits_for("ImagePullBackOff"))
    api.rehearsal.set_faults()
    api.until(WEB, is_complete)


def test_a_crashing_app_restarts_again_and_again_with_its_log_kept(start: Start) -> None:
    api = start(parse_fault("crash-loop"))
    api.apply(WEB, deployment())
    seen = row_of(
        api.until(
            PODS,
            lambda pods: waits_for("CrashLoopBackOff")(pods) and row_of(pods)["restartCount"] >= 3,
        )
    )
    ended = seen["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], seen["ready"]) == (1, "Error", False)
    assert "restarting failed container=app" in seen["state"]["waiting"]["message"]
    log = api.ask_text(f"{PODS}/{first_name(api)}/log")
    assert "key not found" in log
    assert api.ask_text(f"{PODS}/{first_name(api)}/log?previous=true") == log
    [back_off] = warnings(api, "BackOff")
    assert back_off["type"] == "Warning"
    assert back_off["count"] >= 2


def test_a_crashing_app_is_never_ready_even_without_a_probe(start: Start) -> None:
    api = start(parse_fault("crash-loop"))
    version = api.get(PODS)["metadata"]["resourceVersion"]
    api.apply(WEB, deployment())
    api.until(PODS, waits_for("CrashLoopBackOff"))
    pods = [event["object"] for event in api.watch(f"{PODS}?resourceVersion={version}")]
    assert not any(condition(pod, "Ready").get("status") == "True" for pod in pods)


def test_a_crash_loop_spares_the_migration(start: Start) -> None:
    api = start(parse_fault("crash-loop"))
    api.post(JOBS, job())
    assert condition(api.until(f"{JOBS}/migrate", has_ended), "Complete")


def test_an_app_that_is_never_ready_has_its_probe_complain(start: Start) -> None:
    api = start(parse_fault("never-ready"))
    probe = {"httpGet": {"path": "/ready", "port": 3000}, "periodSeconds": 5}
    api.apply(WEB, deployment(box={"readinessProbe": probe}))
    [event] = warnings(api, "Unhealthy")
    assert event["message"].startswith("Readiness probe failed: ")
    assert event["involvedObject"]["fieldPath"] == "spec.containers{app}"
    seen = api.get(PODS)
    assert row_of(seen)["state"].keys() == {"running"}
    assert condition(seen["items"][0], "Ready")["reason"] == "ContainersNotReady"


def test_a_missing_secret_is_named_until_it_is_there(api: Http) -> None:
    source = [{"secretRef": {"name": "web-env"}}]
    api.apply(WEB, deployment(box={"envFrom": source}))
    seen = row_of(api.until(PODS, waits_for("CreateContainerConfigError")))
    assert seen["state"]["waiting"]["message"] == 'secret "web-env" not found'
    api.post(SECRETS, {"metadata": {"name": "web-env"}, "stringData": {"A": "1"}})
    api.until(WEB, is_complete)


def test_a_missing_key_is_named(api: Http) -> None:
    api.post(MAPS, config_map("web-env", present="1"))
    source = {"configMapKeyRef": {"name": "web-env", "key": "absent"}}
    api.apply(WEB, deployment(box={"env": [{"name": "A", "valueFrom": source}]}))
    seen = row_of(api.until(PODS, waits_for("CreateContainerConfigError")))
    text = "couldn't find key absent in ConfigMap default/web-env"
    assert seen["state"]["waiting"]["message"] == text


def test_an_optional_reference_may_be_missing(api: Http) -> None:
    source = [{"configMapRef": {"name": "absent", "optional": True}}]
    api.apply(WEB, deployment(box={"envFrom": source}))
    api.until(WEB, is_complete)


def test_a_missing_volume_keeps_the_pod_from_being_made(api: Http) -> None:
    volumes = [{"name": "keys", "secret": {"secretName": "absent"}}]
    api.apply(WEB, deployment(pod={"volumes": volumes}))
    [event] = warnings(api, "FailedMount")
    assert event["message"] == (
        'MountVolume.SetUp failed for volume "keys" : secret "absent" not found'
    )
    assert waits_for("ContainerCreating")(api.get(PODS))


def test_the_fault_of_missing_configuration_names_the_pods_own_secret(start: Start) -> None:
    api = start(parse_fault("config-missing"))
    api.post(SECRETS, {"metadata": {"name": "web-env"}})
    api.apply(WEB, deployment(box={"envFrom": [{"secretRef": {"name": "web-env"}}]}))
    seen = row_of(api.until(PODS, waits_for("CreateContainerConfigError")))
    assert seen["state"]["waiting"]["message"] == 'secret "web-env" not found'


@pytest.mark.parametrize(
    ("resources", "why"),
    [({"cpu": "500"}, "Insufficient cpu"), ({"memory": "1Ti"}, "Insufficient memory")],
)
def test_a_pod_that_fits_nowhere_is_not_scheduled(api: Http, resources: Json, why: str) -> None:
    api.apply(WEB, deployment(box={"resources": {"requests": resources}}))
    [event] = warnings(api, "FailedScheduling")
    assert event["message"] == f"0/1 nodes are available: 1 {why}."
    seen = api.get(PODS)["items"][0]
    assert condition(seen, "PodScheduled")["reason"] == "Unschedulable"
    assert "nodeName" not in seen["spec"]


def test_an_unschedulable_pod_has_an_empty_log_and_goes_at_once(start: Start) -> None:
    api = start(parse_fault("unschedulable"))
    api.apply(WEB, deployment())
    api.until(PODS, lambda pods: pods["items"] and condition(pods["items"][0], "PodScheduled"))
    assert api.ask("GET", f"{PODS}/{first_name(api)}/log") == (200, "")
    name = first_name(api)
    assert api.ask("DELETE", f"{PODS}/{name}")[1]["status"] == "Success"


def test_an_image_name_that_cannot_be_read_is_said_so(api: Http) -> None:
    api.apply(WEB, deployment("HOGE_APP_IMAGE_NAME"))
    seen = row_of(api.until(PODS, waits_for("InvalidImageName")))
    assert "repository name must be lowercase" in seen["state"]["waiting"]["message"]


@pytest.mark.parametrize(
    "image",
    [
        "app",
        "app:1",
        "127.0.0.1:5000/library/app:1.2-rc_3",
        "registry.example.com/a/b-c/d__e@sha256:" + "0" * 64,
        "localhost/app:1@sha256:" + "f" * 64,
    ],
)
def test_ordinary_image_names_are_pulled(api: Http, image: str) -> None:
    api.apply(WEB, deployment(image))
    seen = api.until(WEB, is_complete)
    assert seen["status"]["readyReplicas"] == 1
    assert "@sha256:" in row_of(api.get(PODS))["imageID"]


def test_init_containers_end_before_the_app_begins(api: Http) -> None:
    first = {"name": "wait", "image": "registry/wait:1"}
    api.apply(WEB, deployment(pod={"initContainers": [first]}))
    api.until(WEB, is_complete)
    [row] = api.get(PODS)["items"][0]["status"]["initContainerStatuses"]
    assert row["state"]["terminated"]["reason"] == "Completed"


def test_the_log_of_a_container_that_is_not_there_is_refused(api: Http) -> None:
    api.apply(WEB, deployment())
    api.until(WEB, is_complete)
    name = first_name(api)
    code, answer = api.ask("GET", f"{PODS}/{name}/log?container=other")
    assert (code, answer["message"]) == (400, f"container other is not valid for pod {name}")
    assert api.ask("GET", f"{PODS}/{name}/log?previous=true")[0] == 400


def test_events_can_be_asked_for_by_the_uid_of_what_they_are_about(api: Http) -> None:
    api.apply(WEB, deployment())
    web = api.until(WEB, is_complete)
    uid = web["metadata"]["uid"]
    rows = api.get(f"{EVENTS}?fieldSelector=involvedObject.uid%3D{uid}")["items"]
    assert {row["reason"] for row in rows} == {"ScalingReplicaSet"}


def test_every_fourth_request_fails_and_the_next_one_works(start: Start) -> None:
    api = start(parse_fault("api-500"))
    answers = [api.ask("GET", MAPS) for _ in range(16)]
    codes = [code for code, _ in answers]
    assert set(codes) == {200, 500, 503}
    assert codes.count(200) == 12
    assert all(200 in codes[at : at + 2] for at in range(15))
    failed = next(answer for code, answer in answers if code == 503)
    assert (failed["kind"], failed["reason"]) == ("Status", "ServiceUnavailable")


def test_a_refused_write_was_not_done(start: Start) -> None:
    api = start(parse_fault("api-500"))
    codes = {name: api.ask("POST", MAPS, config_map(name))[0] for name in "abcdefgh"}
    api.rehearsal.set_faults()
    kept = {item["metadata"]["name"] for item in api.get(MAPS)["items"]}
    assert kept == {name for name, code in codes.items() if code == 201}
