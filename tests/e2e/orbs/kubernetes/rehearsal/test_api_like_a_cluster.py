"""The rehearsal's API answers as a real server does: codes, reasons, messages, details."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.config import new_client_from_config_dict

from orbs.kubernetes.rehearsal import Rehearsal
from tests.e2e.orbs.kubernetes.rehearsal.api import APPLY, Api, until

Json = dict[str, Any]

NAMESPACE = f"orbyard-likeness-{uuid.uuid4().hex[:6]}"

MAPS = "api/v1/namespaces/{ns}/configmaps"
DEPLOYMENTS = "apis/apps/v1/namespaces/{ns}/deployments"
JOBS = "apis/batch/v1/namespaces/{ns}/jobs"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"


@pytest.fixture(scope="module")
def both(kubeconfig: Json) -> Iterator[tuple[Api, Api]]:
    """The same new namespace in a rehearsal and in a real cluster."""
    with (
        Rehearsal() as rehearsal,
        new_client_from_config_dict(rehearsal.kubeconfig) as here,
        new_client_from_config_dict(kubeconfig) as there,
    ):
        pair = Api(here, NAMESPACE), Api(there, NAMESPACE)
        for api in pair:
            api.ask("POST", "api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        account = "api/v1/namespaces/{ns}/serviceaccounts/default"
        until(lambda: pair[1].ask("GET", account)[0] == 200, "the service account", 30)
        yield pair
        pair[1].ask("DELETE", f"api/v1/namespaces/{NAMESPACE}")


def config_map(name: str, **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod_template(image: str = "image:1", label: str = "web", **more: Any) -> Json:
    box = {"name": "app", "image": image}
    return {"metadata": {"labels": {"app": label}}, "spec": {"containers": [box | more]}}


def deployment(name: str, **spec: Any) -> Json:
    body = {"replicas": 0, "selector": {"matchLabels": {"app": "web"}}, "template": pod_template()}
    meta = {"name": name}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": body | spec}


def job(name: str, image: str = "image:1", policy: str | None = "Never") -> Json:
    template = pod_template(image)
    template["spec"] |= {"restartPolicy": policy} if policy else {}
    spec = {"parallelism": 0, "template": template}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def cleaned(value: Any) -> Any:
    """Take out what no two servers agree on: uids, versions, times, owners of fields."""
    if isinstance(value, dict):
        if value.get("kind") == "Status" and value.get("status") == "Failure":
            return failure(value)
        drop = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "time", "selfLink")
        # Controllers write these behind the answer, sooner in one cluster than in the other.
        late = ("deployment.kubernetes.io/revision", "status" if "spec" in value else "")
        return {key: cleaned(inner) for key, inner in value.items() if key not in (*drop, *late)}
    if isinstance(value, list):
        return [cleaned(inner) for inner in value]
    return value


def without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        inner = {key: without_empty(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item != {} or key != "annotations"}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


def failure(status: Json) -> Json:
    message = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID", status["message"])
    # The real server shows a refused value as Go prints it.
    message = re.sub(r"Invalid value: .*: field is immutable", "field is immutable", message)
    details = status.get("details", {})
    causes = [(row["reason"], row["field"]) for row in details.get("causes", ())]
    known = {key: value for key, value in details.items() if key in ("name", "group", "kind")}
    reason = status.get("reason")
    return {"code": status["code"], "reason": reason, "message": message, **known, "causes": causes}


def same(both: tuple[Api, Api], *request: Any) -> Any:
    """Ask both, demand the same answer, and return it."""
    ours, theirs = (api.ask(*request) for api in both)
    seen, wanted = (without_empty(cleaned(answer[1])) for answer in (ours, theirs))
    assert (ours[0], seen) == (theirs[0], wanted), request
    return cleaned(ours[1])


def apply(name: str, manager: str, *flags: str) -> str:
    return "&".join((f"{MAPS}/{name}?fieldManager={manager}", *flags))


REFUSED = {
    "object that is not there": ("GET", f"{MAPS}/absent"),
    "object of a group that is not there": ("GET", f"{DEPLOYMENTS}/absent"),
    "deleting what is not there": ("DELETE", f"{MAPS}/absent"),
    "namespace that is not there": (
        "POST",
        "api/v1/namespaces/absent/configmaps",
        config_map("a"),
    ),
    "group that is not served": ("GET", "apis/extensions/v1beta1/namespaces/{ns}/deployments"),
    "version that is not served": ("GET", "apis/apps/v1beta1/namespaces/{ns}/deployments"),
    "method that is not served": ("POST", "api/v1/namespaces/{ns}/pods/a", {}),
    "object without a name": ("POST", MAPS, config_map("") | {"metadata": {}}),
    "object with a bad name": ("POST", MAPS, config_map("A_b")),
    "bad key": ("POST", MAPS, config_map("bad") | {"data": {"a b": "c"}}),
    "other name than in the path": (
        "PATCH",
        apply("one", "me"),
        config_map("two", a="b"),
        APPLY,
    ),
    "apply without a manager": ("PATCH", f"{MAPS}/one", config_map("one"), APPLY),
    "dry run of an unknown kind": (
        "PATCH",
        apply("one", "me", "dryRun=Some"),
        config_map("one"),
        APPLY,
    ),
    "number for text": (
        "PATCH",
        apply("one", "me"),
        config_map("one") | {"data": {"n": 1}},
        APPLY,
    ),
    "unknown field selector": ("GET", "api/v1/namespaces/{ns}/pods?fieldSelector=foo%3Dbar"),
    "deployment without anything": ("POST", DEPLOYMENTS, deployment("a") | {"spec": {}}),
    "selector that does not fit": (
        "POST",
        DEPLOYMENTS,
        deployment("a", template=pod_template(label="other")),
    ),
    "container without an image": ("POST", DEPLOYMENTS, deployment("a", template=pod_template(""))),
    "mount of no volume": (
        "POST",
        DEPLOYMENTS,
        deployment("a", template=pod_template(volumeMounts=[{"name": "v", "mountPath": "/v"}])),
    ),
    "job that restarts": ("POST", JOBS, job("a", policy="Always")),
    "job without a policy": ("POST", JOBS, job("a", policy=None)),
    "service without ports": (
        "POST",
        "api/v1/namespaces/{ns}/services",
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {}},
    ),
    "log of no pod": ("GET", "api/v1/namespaces/{ns}/pods/absent/log"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses_in_the_same_words(both: tuple[Api, Api], what: str) -> None:
    answer = same(both, *REFUSED[what])
    assert answer["code"] >= 400


def test_it_creates_reads_lists_and_deletes_alike(both: tuple[Api, Api]) -> None:
    same(both, "POST", MAPS, config_map("plain", a="b"))
    same(both, "POST", MAPS, config_map("plain", a="b"))
    same(both, "GET", f"{MAPS}/plain")
    same(both, "GET", f"{MAPS}?fieldSelector=metadata.name%3Dplain")
    same(both, "DELETE", f"{MAPS}/plain", {"preconditions": {"uid": "other"}})
    same(both, "DELETE", f"{MAPS}/plain")
    same(both, "DELETE", f"{MAPS}/plain")


def test_it_fills_in_the_same_defaults(both: tuple[Api, Api]) -> None:
    probe = {"httpGet": {"port": 3000}}
    ports = [{"containerPort": 3000}]
    volume = {"name": "v", "configMap": {"name": "c"}}
    template = pod_template("image", readinessProbe=probe, ports=ports)
    template["spec"]["volumes"] = [volume]
    made = same(both, "POST", f"{DEPLOYMENTS}?dryRun=All", deployment("web", template=template))
    assert made["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == "25%"


def test_an_older_version_is_not_overwritten(both: tuple[Api, Api]) -> None:
    same(both, "POST", MAPS, config_map("versioned", a="b"))
    outdated = config_map("versioned", a="c")
    outdated["metadata"]["resourceVersion"] = "1"
    assert same(both, "PUT", f"{MAPS}/versioned", outdated)["code"] == 409


def test_apply_creates_changes_conflicts_and_gives_up_alike(both: tuple[Api, Api]) -> None:
    same(both, "PATCH", apply("ssa", "one"), config_map("ssa", a="1", b="1"), APPLY)
    conflict = same(both, "PATCH", apply("ssa", "two"), config_map("ssa", a="2"), APPLY)
    assert conflict["code"] == 409
    same(both, "PATCH", apply("ssa", "two", "force=true"), config_map("ssa", a="2"), APPLY)
    same(both, "PATCH", f"{MAPS}/ssa?fieldManager=three", {"data": {"c": "3"}}, MERGE)
    assert same(both, "PATCH", apply("ssa", "two"), config_map("ssa", c="4"), APPLY)["code"] == 409
    left = same(both, "PATCH", apply("ssa", "one"), config_map("ssa"), APPLY)
    assert left["data"] == {"a": "2", "c": "3"}


def test_applying_the_same_again_makes_no_new_version(both: tuple[Api, Api]) -> None:
    for api in both:
        path, body = apply("again", "me"), config_map("again", a="1")
        first = api.ask("PATCH", path, body, APPLY)[1]
        second = api.ask("PATCH", path, body, APPLY)[1]
        assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


def test_a_dry_run_leaves_nothing_behind(both: tuple[Api, Api]) -> None:
    path = apply("dry", "me", "dryRun=All")
    assert same(both, "PATCH", path, config_map("dry", a="1"), APPLY)["data"] == {"a": "1"}
    assert same(both, "GET", f"{MAPS}/dry")["code"] == 404


def test_apply_merges_containers_by_name(both: tuple[Api, Api]) -> None:
    path = f"{DEPLOYMENTS}/merged?fieldManager=me"
    web = deployment("merged")
    same(both, "PATCH", path, web, APPLY)
    sidecar = {"name": "sidecar", "image": "sidecar:1"}
    more = {"spec": {"template": {"spec": {"containers": [sidecar]}}}}
    same(both, "PATCH", f"{DEPLOYMENTS}/merged?fieldManager=other", more, STRATEGIC)
    web["spec"]["template"] = pod_template("image:2")
    made = same(both, "PATCH", path, web, APPLY)
    images = {box["name"]: box["image"] for box in made["spec"]["template"]["spec"]["containers"]}
    assert images == {"app": "image:2", "sidecar": "sidecar:1"}
    assert made["metadata"]["generation"] == 3


def test_what_is_immutable_stays(both: tuple[Api, Api]) -> None:
    for api in both:
        assert api.ask("POST", JOBS, job("fixed"))[0] == 201
        assert api.ask("POST", DEPLOYMENTS, deployment("fixed"))[0] == 201
    path = f"{JOBS}/fixed?fieldManager=me&force=true"
    refused = same(both, "PATCH", path, job("fixed", "image:2"), APPLY)
    assert refused["causes"] == [("FieldValueInvalid", "spec.template")]
    other = deployment(
        "fixed",
        selector={"matchLabels": {"app": "other"}},
        template=pod_template(label="other"),
    )
    path = f"{DEPLOYMENTS}/fixed?fieldManager=me&force=true"
    assert same(both, "PATCH", path, other, APPLY)["code"] == 422


def test_the_older_kinds_of_patch_work_alike(both: tuple[Api, Api]) -> None:
    same(both, "POST", DEPLOYMENTS, deployment("patched"))
    path = f"{DEPLOYMENTS}/patched"
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    box = {"name": "app", "env": env}
    same(both, "PATCH", path, {"spec": {"template": {"spec": {"containers": [box]}}}}, STRATEGIC)
    gone = {"name": "app", "env": [{"name": "A", "$patch": "delete"}]}
    same(both, "PATCH", path, {"spec": {"template": {"spec": {"containers": [gone]}}}}, STRATEGIC)
    same(both, "PATCH", path, {"metadata": {"annotations": {"a": "b"}}}, MERGE)
    pause = [{"op": "add", "path": "/spec/paused", "value": True}]
    made = same(both, "PATCH", path, pause, JSON_PATCH)
    assert made["spec"]["template"]["spec"]["containers"][0]["env"] == [env[1]]
    same(both, "PATCH", path, {}, "application/unknown")


def test_a_job_is_deleted_alone_unless_told_otherwise(both: tuple[Api, Api]) -> None:
    for api in both:
        body = job("deleted")
        body["spec"]["parallelism"] = 1
        body["spec"]["template"]["metadata"]["labels"] = {"scenario": "deleted"}
        body["spec"]["template"]["spec"]["nodeSelector"] = {"no": "where"}
        assert api.ask("POST", JOBS, body)[0] == 201
        until(lambda api=api: len(api.pods("deleted")) == 1, "the Job's Pod", 20)  # type: ignore[misc]
    for api in both:
        code, answer = api.ask("DELETE", f"{JOBS}/deleted")
        assert (code, answer["metadata"]["finalizers"]) == (200, ["orphan"])
    for api in both:
        orphan = api.pods("deleted")[0]
        until(
            lambda api=api: "ownerReferences" not in api.pods("deleted")[0]["metadata"],  # type: ignore[misc]
            f"the orphan {orphan['metadata']['name']}",
            20,
        )


def test_a_watch_from_too_long_ago_is_told_so(both: tuple[Api, Api]) -> None:
    answer = both[1].ask("GET", f"{MAPS}?watch=true&resourceVersion=1&timeoutSeconds=1")[1]
    assert answer["object"]["reason"] == "Expired"
