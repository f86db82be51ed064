"""The rehearsal's workloads come to the same end as a real cluster's, in the same words."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.config import new_client_from_config_dict

from orbs.kubernetes.rehearsal import Rehearsal, parse_fault
from tests.e2e.orbs.kubernetes.rehearsal.api import Api, until
from tests.e2e.orbs.kubernetes.rehearsal.essence import (
    deployment_essence,
    event_essence,
    job_essence,
    pod_essence,
)
from tests.e2e.orbs.kubernetes.rehearsal.scenarios import Scenario, scenarios

Json = dict[str, Any]

NAMES = [scenario.name for scenario in scenarios("registry/image:tag")]

NAMESPACE = f"orbyard-likeness-{uuid.uuid4().hex[:6]}"

CLUSTER_TIMEOUT_S = 120.0
REHEARSAL_TIMEOUT_S = 20.0

MACHINE_EVENTS = {"MissingClusterDNS", "Pulling"}
"""Events that tell of the machine: how its DNS is set up, which images it has already."""


@pytest.fixture(scope="module")
def image(registry: str) -> str:
    """An image with a shell that the cluster's nodes can pull."""
    return os.environ.get("ORBYARD_TEST_IMAGE", f"{registry}/library/debian:bookworm-slim")


@pytest.fixture(scope="module")
def real(kubeconfig: Json, image: str) -> Iterator[Api]:
    """A namespace of a real cluster in which all scenarios have been started."""
    with new_client_from_config_dict(kubeconfig) as client:
        api = Api(client, NAMESPACE)
        code, answer = api.ask("POST", "api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        assert code == 201, answer
        try:
            account = "api/v1/namespaces/{ns}/serviceaccounts/default"
            until(lambda: api.ask("GET", account)[0] == 200, "the service account", 30)
            api.create(_present_secret())
            for scenario in scenarios(image):
                api.create(scenario.manifest)
            yield api
        finally:
            api.ask("DELETE", f"api/v1/namespaces/{NAMESPACE}")


def _present_secret() -> Json:
    body = {"present": "1"}
    meta = {"name": "present"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": body}


def _essence(api: Api, scenario: Scenario, timeout_s: float) -> Json:
    """Wait until the scenario has come to its end, and take down what matters of it."""
    manifest, name = scenario.manifest, scenario.name

    def has_come() -> bool:
        return scenario.wait(api.workload(manifest), api.pods(name))

    until(has_come, f"the end of {name}", timeout_s)
    describe = deployment_essence if manifest["kind"] == "Deployment" else job_essence
    return {
        "workload": describe(api.workload(manifest)),
        "pods": [pod_essence(pod) for pod in api.pods(name)],
    }


def _events(api: Api, name: str) -> set[tuple[str, ...]]:
    return {
        event_essence(event)
        for event in api.events(name)
        if event["reason"] not in MACHINE_EVENTS and "default-token" not in event["message"]
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_workload_ends_as_in_a_real_cluster(real: Api, image: str, name: str) -> None:
    scenario = next(item for item in scenarios(image) if item.name == name)
    theirs = _essence(real, scenario, CLUSTER_TIMEOUT_S)
    faults = [parse_fault(scenario.fault)] if scenario.fault else []
    with (
        Rehearsal(faults=faults, namespaces=[NAMESPACE]) as rehearsal,
        new_client_from_config_dict(rehearsal.kubeconfig) as client,
    ):
        ours = Api(client, NAMESPACE)
        ours.create(_present_secret())
        ours.create(scenario.manifest)
        assert _essence(ours, scenario, REHEARSAL_TIMEOUT_S) == theirs
        _same_events(ours, real, name)


def _same_events(ours: Api, theirs: Api, name: str) -> None:
    """Events are written behind the status: give both some time to come to the same."""
    end = time.monotonic() + REHEARSAL_TIMEOUT_S
    while time.monotonic() < end and _events(ours, name) != _events(theirs, name):
        time.sleep(0.2)
    assert _events(ours, name) == _events(theirs, name)
