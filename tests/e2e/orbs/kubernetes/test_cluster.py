"""The client against a real API server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orbs.kubernetes.api_error import ApiError
from orbs.kubernetes.client_source import Credentials
from orbs.kubernetes.cluster import (
    CONFIGMAP,
    DEPLOYMENT,
    NAMESPACE,
    POD,
    SECRET,
    Cluster,
    open_cluster,
)
from tests.e2e.orbs.kubernetes.clusters import opened, source_of

PROJECT = Path(__file__).resolve().parents[4]


@pytest.fixture
def cluster(kubeconfig: dict[str, Any], namespace: str) -> Iterator[Cluster]:
    with opened(kubeconfig, namespace) as found:
        yield found


def configmap(name: str = "a", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": data,
    }


def test_it_says_its_version_and_what_it_serves(cluster: Cluster) -> None:
    assert re.match(r"v1\.\d+", cluster.server_version())
    found = cluster.find_kind("apps/v1", "Deployment")
    assert found == DEPLOYMENT
    assert "watch" in found.verbs
    assert cluster.find_kind("extensions/v1beta1", "Deployment") is None
    assert cluster.find_kind("example.invalid/v1", "Thing") is None
    served = cluster.served()
    assert {"Pod", "ConfigMap", "Secret"} <= served["v1"]
    assert "Deployment" in served["apps/v1"]


def test_its_schema_can_be_read(cluster: Cluster) -> None:
    schema = cluster.openapi()
    assert schema is None or "io.k8s.api.apps.v1.Deployment" in schema["definitions"]


def test_an_object_is_applied_read_watched_and_deleted(cluster: Cluster) -> None:
    _, version = cluster.list(CONFIGMAP)
    assert cluster.get(CONFIGMAP, "a") is None
    cluster.apply(CONFIGMAP, configmap(KEY="1"), manager="one")
    cluster.apply(CONFIGMAP, configmap(KEY="2"), manager="one")
    found = cluster.get(CONFIGMAP, "a")
    assert found is not None
    assert found["data"] == {"KEY": "2"}
    with pytest.raises(ApiError) as caught:
        cluster.delete(CONFIGMAP, "a", uid="00000000-0000-0000-0000-000000000000")
    assert caught.value.status == 409
    cluster.delete(CONFIGMAP, "a", uid=found["metadata"]["uid"])
    cluster.delete(CONFIGMAP, "a")
    events = [
        (kind, seen.get("data"))
        for kind, seen in cluster.watch(CONFIGMAP, resource_version=version, timeout_s=1)
        if seen["metadata"].get("name") == "a"
    ]
    assert events == [
        ("ADDED", {"KEY": "1"}),
        ("MODIFIED", {"KEY": "2"}),
        ("DELETED", {"KEY": "2"}),
    ]


def test_lists_name_the_kind_of_their_items_and_obey_selectors(cluster: Cluster) -> None:
    for name in ("a", "b"):
        body = configmap(name)
        body["metadata"]["labels"] = {"app": name}
        cluster.apply(CONFIGMAP, body, manager="one")
    items, _ = cluster.list(CONFIGMAP, labels="app=b")
    assert [(item["kind"], item["metadata"]["name"]) for item in items] == [("ConfigMap", "b")]
    items, _ = cluster.list(CONFIGMAP, fields="metadata.name=a")
    assert [item["metadata"]["name"] for item in items] == ["a"]


def test_a_dry_run_leaves_nothing_behind(cluster: Cluster) -> None:
    cluster.apply(CONFIGMAP, configmap(KEY="1"), manager="one", dry_run=True)
    cluster.create(CONFIGMAP, configmap("b"), dry_run=True)
    assert cluster.get(CONFIGMAP, "a") is None
    assert cluster.get(CONFIGMAP, "b") is None


def test_another_managers_field_is_a_conflict_unless_it_is_forced(cluster: Cluster) -> None:
    cluster.apply(CONFIGMAP, configmap(KEY="1"), manager="one")
    with pytest.raises(ApiError) as caught:
        cluster.apply(CONFIGMAP, configmap(KEY="2"), manager="two")
    assert caught.value.status == 409
    assert caught.value.cause_reasons == ("FieldManagerConflict",)
    assert not caught.value.retryable
    forced = cluster.apply(CONFIGMAP, configmap(KEY="2"), manager="two", force=True)
    assert forced["data"] == {"KEY": "2"}


def test_rights_can_be_asked_for(cluster: Cluster) -> None:
    assert cluster.allowed("create", DEPLOYMENT)
    assert cluster.allowed("get", POD, subresource="log")


def test_a_watch_from_long_ago_is_gone(cluster: Cluster) -> None:
    with pytest.raises(ApiError) as caught:
        list(cluster.watch(NAMESPACE, resource_version="1", timeout_s=1))
    assert caught.value.status == 410


def test_who_is_not_known_is_told_apart_from_who_may_not(kubeconfig: dict[str, Any]) -> None:
    source = replace(source_of(kubeconfig), credentials=Credentials)
    with open_cluster(source) as anonymous, pytest.raises(ApiError) as caught:
        anonymous.list(SECRET)
    assert caught.value.status in {401, 403}
    assert caught.value.exit_code == 3
    assert caught.value.hint is not None
    assert "does not know the user" in caught.value.hint


@pytest.mark.parametrize(("change", "words"), [("ca_pem", "cannot be trusted"), ("name", "match")])
def test_a_server_that_is_someone_else_is_not_trusted(
    kubeconfig: dict[str, Any], change: str, words: str
) -> None:
    source = source_of(kubeconfig)
    source = (
        replace(source, ca_pem="")
        if change == "ca_pem"
        else replace(source, tls_server_name="someone.else.example.com")
    )
    with open_cluster(source) as wrong, pytest.raises(ApiError, match=words) as caught:
        wrong.server_version()
    assert caught.value.exit_code == 3


def test_the_keys_of_a_kubeconfig_in_memory_never_become_a_file(
    kubeconfig: dict[str, Any], tmp_path: Path
) -> None:
    program = """
        import json, os, sys
        written = []
        def audit(event, arguments):
            if event == "open" and arguments[0] is not None:
                path, mode, flags = arguments
                if (mode and set(str(mode)) & set("wax+")) or flags & (os.O_WRONLY | os.O_RDWR):
                    written.append(str(path))
        sys.dont_write_bytecode = True
        sys.addaudithook(audit)
        from tests.e2e.orbs.kubernetes.clusters import opened
        with opened(json.load(sys.stdin), "default") as cluster:
            print(cluster.server_version())
        named = [path for path in written if path != "/dev/null" and not path.isdigit()]
        print(json.dumps(named))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        input=json.dumps(kubeconfig),
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
        env={"TMPDIR": str(tmp_path), "PYTHONPATH": str(PROJECT), "NO_PROXY": "*"},
    )
    version, written = done.stdout.splitlines()
    assert version.startswith("v1.")
    assert json.loads(written) == []
    assert list(tmp_path.iterdir()) == []
