"""What is sent where it differs from what is written, and what is taken over from kubectl."""

from __future__ import annotations

import copy
import json
from typing import Any

from orbs.kubernetes.adoption import LAST_APPLIED, adoption_patch, without_forsaken
from orbs.kubernetes.sending import body_to_send
from tests.unit.orbs.kubernetes.projects import DEPLOYMENT, SECRET, manifest

SERVICE = """\
    apiVersion: v1
    kind: Service
    metadata: {name: app}
    spec: {ports: [{port: 80}, {port: 53, protocol: UDP}]}
"""


def test_the_plain_values_of_a_secret_are_sent_encoded_so_that_they_can_go_again() -> None:
    secret = manifest(SECRET.rstrip() + "\n    data: {PASSWORD: b2xk, OTHER: eA==}\n")
    body = body_to_send(secret, None, autoscaled=False)
    assert "stringData" not in body
    assert body["data"] == {"PASSWORD": "Y29ycmVjdC1ob3JzZQ==", "OTHER": "eA=="}
    assert "stringData" in secret.value


def test_ports_get_the_protocol_that_old_servers_ask_for() -> None:
    ports = body_to_send(manifest(SERVICE), None, autoscaled=False)["spec"]["ports"]
    assert ports == [{"protocol": "TCP", "port": 80}, {"port": 53, "protocol": "UDP"}]
    deployment = DEPLOYMENT.replace(
        "image: HOGE", "ports: [{containerPort: 80}]\n            image: H"
    )
    pod = body_to_send(manifest(deployment), None, autoscaled=False)["spec"]["template"]["spec"]
    assert pod["containers"][0]["ports"] == [{"protocol": "TCP", "containerPort": 80}]


def test_what_an_autoscaler_scales_keeps_its_replicas() -> None:
    live = {"spec": {"replicas": 7}}
    scaled = body_to_send(manifest(DEPLOYMENT), live, autoscaled=True)
    assert scaled["spec"]["replicas"] == 7
    assert body_to_send(manifest(DEPLOYMENT), live, autoscaled=False)["spec"]["replicas"] == 2
    assert body_to_send(manifest(DEPLOYMENT), None, autoscaled=True)["spec"]["replicas"] == 2


LIVE: dict[str, Any] = {
    "metadata": {
        "resourceVersion": "7",
        "annotations": {
            LAST_APPLIED: json.dumps(
                {
                    "metadata": {"name": "app", "namespace": "x", "annotations": {}},
                    "data": {"KEPT": "1", "GONE": "2"},
                }
            )
        },
        "managedFields": [
            {
                "manager": "kubectl-client-side-apply",
                "operation": "Update",
                "apiVersion": "v1",
                "fieldsV1": {
                    "f:data": {"f:KEPT": {}, "f:GONE": {}},
                    "f:metadata": {"f:annotations": {".": {}, f"f:{LAST_APPLIED}": {}}},
                },
            },
            {"manager": "controller", "operation": "Update", "fieldsV1": {"f:status": {}}},
        ],
    }
}


def test_kubectls_fields_are_handed_over_and_its_copy_goes() -> None:
    patch = adoption_patch(LIVE, "orbyard")
    assert patch is not None
    test, replace, remove = patch
    assert test == {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}
    ours, others = replace["value"]
    assert (ours["manager"], ours["operation"]) == ("orbyard", "Apply")
    assert ours["fieldsV1"]["f:data"] == {"f:KEPT": {}, "f:GONE": {}}
    assert f"f:{LAST_APPLIED}" not in ours["fieldsV1"]["f:metadata"]["f:annotations"]
    assert others["manager"] == "controller"
    assert remove["path"] == (
        "/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"
    )


def test_our_own_share_is_added_to() -> None:
    live = copy.deepcopy(LIVE)
    live["metadata"]["managedFields"].append(
        {"manager": "orbyard", "operation": "Apply", "fieldsV1": {"f:data": {"f:NEW": {}}}}
    )
    patch = adoption_patch(live, "orbyard")
    assert patch is not None
    ours = [item for item in patch[1]["value"] if item["manager"] == "orbyard"]
    assert len(ours) == 1
    assert set(ours[0]["fieldsV1"]["f:data"]) == {"f:NEW", "f:KEPT", "f:GONE"}


def test_there_is_nothing_to_take_over_from_others() -> None:
    live = {"metadata": {"managedFields": [LIVE["metadata"]["managedFields"][1]]}}
    assert adoption_patch(live, "orbyard") is None


def test_a_plan_shows_what_goes_with_the_adoption() -> None:
    after = {"metadata": {"name": "app", "namespace": "x"}, "data": {"KEPT": "3", "GONE": "2"}}
    body = {"metadata": {"name": "app"}, "data": {"KEPT": "3"}}
    assert without_forsaken(after, LIVE, body) == {
        "metadata": {"name": "app", "namespace": "x"},
        "data": {"KEPT": "3"},
    }
    assert without_forsaken(after, {"metadata": {}}, body) == after
