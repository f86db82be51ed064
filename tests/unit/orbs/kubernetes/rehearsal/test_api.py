from __future__ import annotations

import base64

import pytest

from orbs.kubernetes.rehearsal import Rehearsal
from tests.unit.orbs.kubernetes.rehearsal.conftest import Http, Start
from tests.unit.orbs.kubernetes.rehearsal.manifests import (
    DEPLOYMENTS,
    MAPS,
    MERGE,
    PODS,
    SECRETS,
    config_map,
    container,
    deployment,
    is_complete,
    job,
)


def test_the_kubeconfig_has_one_context_and_no_credentials(api: Http) -> None:
    config = api.rehearsal.kubeconfig
    assert config["current-context"] == "rehearsal"
    assert [item["name"] for item in config["contexts"]] == ["rehearsal"]
    assert config["clusters"][0]["cluster"] == {"server": api.rehearsal.url}
    assert config["users"] == [{"name": "rehearsal", "user": {}}]


def test_a_rehearsal_outside_its_block_says_how_to_use_it() -> None:
    with pytest.raises(RuntimeError, match="with block"):
        _ = Rehearsal().url


def test_two_rehearsals_live_side_by_side(start: Start) -> None:
    one, two = start(), start()
    one.post(MAPS, config_map("a"))
    assert two.ask("GET", f"{MAPS}/a")[0] == 404


def test_discovery_names_groups_versions_and_kinds(api: Http) -> None:
    assert api.get("api") == {"kind": "APIVersions", "versions": ["v1"]}
    groups = {item["name"]: item for item in api.get("apis")["groups"]}
    assert {"apps", "batch", "policy", "autoscaling", "discovery.k8s.io"} <= groups.keys()
    assert groups["autoscaling"]["preferredVersion"]["version"] == "v2"
    core = {item["name"]: item for item in api.get("api/v1")["resources"]}
    assert core["configmaps"]["kind"] == "ConfigMap"
    assert core["configmaps"]["namespaced"] is True
    assert core["pods/log"]["verbs"] == ["get"]
    assert api.get("apis/apps/v1")["groupVersion"] == "apps/v1"
    assert int(api.get("version")["minor"]) >= 20


@pytest.mark.parametrize("path", ["apis/extensions/v1beta1", "apis/nothing", "openapi/v2"])
def test_what_is_not_served_is_not_found(api: Http, path: str) -> None:
    code, answer = api.ask("GET", path)
    assert (code, answer["kind"], answer["reason"]) == (404, "Status", "NotFound")


def test_namespaces_can_be_listed_read_and_made(api: Http) -> None:
    names = [item["metadata"]["name"] for item in api.get("api/v1/namespaces")["items"]]
    assert names == ["default", "kube-system"]
    api.post("api/v1/namespaces", {"metadata": {"name": "staging"}})
    assert api.get("api/v1/namespaces/staging")["status"]["phase"] == "Active"
    accounts = api.get("api/v1/namespaces/staging/serviceaccounts")["items"]
    assert [item["metadata"]["name"] for item in accounts] == ["default"]


def test_a_namespace_takes_everything_in_it_along(api: Http) -> None:
    api.post("api/v1/namespaces", {"metadata": {"name": "gone"}})
    api.post("api/v1/namespaces/gone/configmaps", config_map("a"))
    assert api.ask("DELETE", "api/v1/namespaces/gone")[0] == 200
    assert api.ask("GET", "api/v1/namespaces/gone")[0] == 404
    assert api.get("api/v1/namespaces/gone/configmaps")["items"] == []


def test_a_namespace_with_running_pods_goes_once_they_have_stopped(api: Http) -> None:
    api.post("api/v1/namespaces", {"metadata": {"name": "busy"}})
    path = "apis/apps/v1/namespaces/busy/deployments"
    api.post(path, deployment(replicas=2))
    api.post("apis/batch/v1/namespaces/busy/jobs", job(backoffLimit=3))
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    service = {"metadata": {"name": "web"}, "spec": spec}
    api.post("api/v1/namespaces/busy/services", service)
    api.until(f"{path}/web", is_complete)
    code, answer = api.ask("DELETE", "api/v1/namespaces/busy")
    assert (code, answer["status"]["phase"]) == (200, "Terminating")
    late = api.ask("POST", "api/v1/namespaces/busy/configmaps", config_map("late"))[0]
    assert late in (403, 404)
    listed = "api/v1/namespaces"
    names = api.until(listed, lambda rows: len(rows["items"]) == 2)["items"]
    assert "busy" not in [item["metadata"]["name"] for item in names]


def test_an_object_in_no_namespace_is_refused(api: Http) -> None:
    code, answer = api.ask("POST", "api/v1/namespaces/absent/configmaps", config_map("a"))
    assert (code, answer["message"]) == (404, 'namespaces "absent" not found')


def test_a_generated_name_is_new_each_time(api: Http) -> None:
    body = {"metadata": {"generateName": "run-"}}
    names = {api.post(MAPS, body)["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("run-") and len(name) == 9 for name in names)


def test_lists_are_selected_by_label_and_field(api: Http) -> None:
    for name, labels in {"a": {"app": "web"}, "b": {"app": "db"}, "c": {}}.items():
        body = config_map(name)
        body["metadata"]["labels"] = labels
        api.post(MAPS, body)

    def names(query: str) -> list[str]:
        return [item["metadata"]["name"] for item in api.get(f"{MAPS}?{query}")["items"]]

    assert names("labelSelector=app%3Dweb") == ["a"]
    assert names("labelSelector=app+in+(web,db)") == ["a", "b"]
    assert names("labelSelector=app+notin+(web)") == ["b", "c"]
    assert names("labelSelector=app%21%3Dweb,app") == ["b"]
    assert names("labelSelector=%21app") == ["c"]
    assert names("fieldSelector=metadata.name%3Db") == ["b"]


def test_a_list_carries_its_version_and_plain_items(api: Http) -> None:
    api.post(MAPS, config_map("a"))
    listed = api.get(MAPS)
    assert listed["kind"] == "ConfigMapList"
    assert int(listed["metadata"]["resourceVersion"]) > 0
    assert "kind" not in listed["items"][0]


def test_a_secret_written_as_text_is_kept_encoded(api: Http) -> None:
    body = {"kind": "Secret", "metadata": {"name": "s"}, "stringData": {"key": "value"}}
    made = api.apply(f"{SECRETS}/s", body | {"apiVersion": "v1"})
    assert base64.b64decode(made["data"]["key"]) == b"value"
    assert "stringData" not in made
    again = api.apply(f"{SECRETS}/s", body | {"apiVersion": "v1"})
    assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


def test_a_body_in_yaml_is_read(api: Http) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: plain\ndata:\n  a: b\n"
    path = f"{MAPS}/plain?fieldManager=me"
    code, answer = api.ask("PATCH", path, text, "application/apply-patch+yaml")
    assert (code, answer["data"]) == (201, {"a": "b"})


def test_a_body_that_is_no_object_is_refused(api: Http) -> None:
    for body in (b"{", b"[]", b"- a\n- b"):
        assert api.ask("POST", MAPS, body)[0] == 400


def test_several_versions_of_a_kind_show_the_same_object(api: Http) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    spec = {"minReplicas": 1, "maxReplicas": 3, "scaleTargetRef": target}
    body = {"metadata": {"name": "web"}, "spec": spec}
    path = "{ns}/horizontalpodautoscalers"
    api.post(f"apis/autoscaling/v1/{path}", body)
    seen = api.get(f"apis/autoscaling/v2/{path}/web")
    assert (seen["apiVersion"], seen["spec"]) == ("autoscaling/v2", spec)


def test_an_access_review_allows_and_is_not_kept(api: Http) -> None:
    path = "apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    made = api.post(path, review)
    assert made["status"] == {"allowed": True}
    assert api.ask("GET", path)[0] == 405


def test_an_immutable_config_map_keeps_its_data(api: Http) -> None:
    api.post(MAPS, config_map("fixed", a="1") | {"immutable": True})
    code, answer = api.ask("PATCH", f"{MAPS}/fixed", {"data": {"a": "2"}}, MERGE)
    assert (code, answer["details"]["causes"][0]["field"]) == (422, "data")


def test_the_scale_of_a_deployment_can_be_read_and_set(api: Http) -> None:
    api.post(DEPLOYMENTS, deployment(replicas=1))
    path = f"{DEPLOYMENTS}/web/scale"
    assert api.get(path)["spec"] == {"replicas": 1}
    api.ask("PATCH", path, {"spec": {"replicas": 3}}, MERGE)
    assert api.get(f"{DEPLOYMENTS}/web")["spec"]["replicas"] == 3


def test_a_service_gets_an_address_and_the_ready_pods_behind_it(api: Http) -> None:
    ports = [{"name": "http", "containerPort": 3000}]
    api.post(DEPLOYMENTS, deployment(replicas=2, box={"ports": ports}))
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}
    made = api.post("api/v1/{ns}/services", {"metadata": {"name": "web"}, "spec": spec})
    assert made["spec"]["clusterIP"].startswith("10.96.")
    seen = api.until(
        "api/v1/{ns}/endpoints/web",
        lambda found: len((found.get("subsets") or [{}])[0].get("addresses", ())) == 2,
    )
    assert seen["subsets"][0]["ports"] == [{"port": 3000, "protocol": "TCP"}]


def test_deleting_takes_dependents_along_and_foreground_waits_for_them(api: Http) -> None:
    api.post(DEPLOYMENTS, deployment())
    api.until(PODS, lambda pods: pods["items"])
    code, answer = api.ask("DELETE", f"{DEPLOYMENTS}/web?propagationPolicy=Foreground")
    assert (code, answer["metadata"]["finalizers"]) == (200, ["foregroundDeletion"])
    api.until(DEPLOYMENTS, lambda found: not found["items"])
    assert api.get(PODS)["items"] == []


def test_deleting_only_the_one_that_is_meant(api: Http) -> None:
    made = api.post(MAPS, config_map("a"))
    body = {"preconditions": {"uid": "of-another"}}
    assert api.ask("DELETE", f"{MAPS}/a", body)[0] == 409
    body = {"preconditions": {"uid": made["metadata"]["uid"]}}
    assert api.ask("DELETE", f"{MAPS}/a", body)[0] == 200


def test_a_collection_is_deleted_by_selector(api: Http) -> None:
    for name in "abc":
        api.post(MAPS, config_map(name))
    api.ask("DELETE", f"{MAPS}?fieldSelector=metadata.name%3Db")
    assert [item["metadata"]["name"] for item in api.get(MAPS)["items"]] == ["a", "c"]


def test_a_pod_by_itself_runs_to_its_end(api: Http) -> None:
    spec = {"restartPolicy": "Never", "containers": [container()]}
    api.post(PODS, {"metadata": {"name": "task"}, "spec": spec})
    seen = api.until(f"{PODS}/task", lambda pod: pod["status"]["phase"] == "Succeeded")
    assert seen["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
