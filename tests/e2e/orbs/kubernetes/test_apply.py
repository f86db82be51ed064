"""Planning and applying a set of manifests in a real cluster."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from orbs.kubernetes.access import check_access
from orbs.kubernetes.apply import Applier, apply_manifests, ensure_namespace, make_applier
from orbs.kubernetes.cluster import CONFIGMAP, DEPLOYMENT, NAMESPACE, SECRET, Cluster
from orbs.kubernetes.manifest import RenderedManifest
from orbs.kubernetes.ordering import is_job, phases
from orbs.kubernetes.plan import Plan, make_plan, print_plan
from pipeline.errors import InvalidInput, OrbyardError, Unavailable
from pipeline.output import Console
from pipeline.retry import wait_for
from tests.e2e.orbs.kubernetes.clusters import make_account, opened, with_token
from tests.unit.orbs.kubernetes.projects import CONFIGMAP as CONFIGMAP_TEXT
from tests.unit.orbs.kubernetes.projects import DEPLOYMENT as DEPLOYMENT_TEXT
from tests.unit.orbs.kubernetes.projects import SECRET as SECRET_TEXT
from tests.unit.orbs.kubernetes.projects import encrypted, rendered

HERE = "deploy/secrets/staging.secret.yml.enc"
APP: Mapping[str, str] = {
    # No replicas: nothing has to be pulled for these tests.
    "deploy/deploy.yml": DEPLOYMENT_TEXT.replace("replicas: 2", "replicas: 0"),
    "deploy/configmaps/staging.configmap.yml": CONFIGMAP_TEXT,
    HERE: encrypted(SECRET_TEXT),
    "deploy/service.yml": """\
        apiVersion: v1
        kind: Service
        metadata: {name: app}
        spec: {selector: {app: app}, ports: [{port: 80}]}
    """,
    "deploy/dbmigration.job.yml": """\
        apiVersion: batch/v1
        kind: Job
        metadata: {name: dbmigration}
        spec:
          template:
            spec:
              restartPolicy: Never
              containers: [{name: migrate, image: HOGE_APP_IMAGE_NAME}]
    """,
}
FOREIGN = """\
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: foreign}
    data: {OURS: "2", MORE: "1"}
"""


@pytest.fixture
def cluster(kubeconfig: dict[str, Any], namespace: str) -> Iterator[Cluster]:
    with opened(kubeconfig, namespace) as found:
        yield found


class Deploys:
    """Renders, plans and applies projects, and keeps what was printed."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster = cluster
        self.folder = folder
        self.count = 0
        self.out, self.err = io.StringIO(), io.StringIO()
        self.console = Console(out=self.out, err=self.err)

    def _manifests(self, files: Mapping[str, str]) -> tuple[RenderedManifest, ...]:
        self.count += 1
        found = rendered(self.folder / str(self.count), files)
        return phases(found.manifests).all

    def _plan(
        self, manifests: tuple[RenderedManifest, ...], **options: Any
    ) -> tuple[Applier, Plan]:
        applier = make_applier(self.cluster, manifests, **options)
        plan = make_plan(
            self.cluster,
            manifests,
            dry_run=applier.dry_run,
            is_migration=is_job,
            unchecked=applier.unchecked,
        )
        return applier, plan

    def plan(self, files: Mapping[str, str], **options: Any) -> dict[str, str]:
        plan = self._plan(self._manifests(files), **options)[1]
        print_plan(plan, self.console, as_json=False)
        return {change.ref: change.action for change in plan.changes}

    def apply(self, files: Mapping[str, str], **options: Any) -> dict[str, str]:
        manifests = self._manifests(files)
        applier, _ = self._plan(manifests, **options)
        kept = [item for item in manifests if not is_job(item)]
        done = apply_manifests(applier, kept, console=self.console)
        return {item.manifest.ref: item.action for item in done}


@pytest.fixture
def deploys(cluster: Cluster, tmp_path: Path) -> Deploys:
    return Deploys(cluster, tmp_path)


def changed(files: Mapping[str, str], name: str, old: str, new: str) -> dict[str, str]:
    assert old in files[name]
    return {**files, name: files[name].replace(old, new)}


def problems(error: pytest.ExceptionInfo[OrbyardError]) -> list[str]:
    return [str(problem) for problem in error.value.problems]


def test_a_set_is_created_then_unchanged_and_a_change_is_seen_before_and_after(
    deploys: Deploys,
) -> None:
    assert deploys.plan(APP) == {
        "ConfigMap/app": "create",
        "Secret/app": "create",
        "Service/app": "create",
        "Job/dbmigration": "run",
        "Deployment/app": "create",
    }
    assert deploys.cluster.get(CONFIGMAP, "app") is None
    assert set(deploys.apply(APP).values()) == {"created"}
    assert set(deploys.apply(APP).values()) == {"unchanged"}
    level = changed(APP, "deploy/configmaps/staging.configmap.yml", "debug", "info")
    expected = {
        "ConfigMap/app": "update",
        "Secret/app": "none",
        "Service/app": "none",
        "Job/dbmigration": "run",
        "Deployment/app": "update",
    }
    assert deploys.plan(level) == expected
    assert "-  LEVEL: debug" in deploys.out.getvalue()
    assert "+  LEVEL: info" in deploys.out.getvalue()
    assert deploys.apply(level)["ConfigMap/app"] == "configured"
    found = deploys.cluster.get(CONFIGMAP, "app")
    assert found is not None
    assert found["data"] == {"LEVEL": "info"}
    assert found["metadata"]["annotations"]["orbyard.dev/revision"] == "0123456789ab"


def test_a_key_that_leaves_a_secret_goes_and_no_value_is_printed(deploys: Deploys) -> None:
    deploys.apply(APP)
    text = SECRET_TEXT.replace("PASSWORD: correct-horse", "OTHER: battery-staple")
    files = {**APP, HERE: encrypted(text)}
    assert deploys.plan(files)["Secret/app"] == "update"
    deploys.apply(files)
    found = deploys.cluster.get(SECRET, "app")
    assert found is not None
    assert set(found["data"]) == {"OTHER"}
    printed = deploys.out.getvalue() + deploys.err.getvalue()
    assert "PASSWORD" in printed
    assert "Y29ycmVjdC1ob3JzZQ" not in printed
    assert "correct-horse" not in printed
    assert "YmF0dGVyeS1zdGFwbGU" not in printed


def test_everything_the_server_refuses_is_told_at_once_and_nothing_is_changed(
    deploys: Deploys,
) -> None:
    files = changed(APP, "deploy/service.yml", "ports:", "portz:")
    files = changed(
        files, "deploy/deploy.yml", "name: app\n            image", "name: A B\n            image"
    )
    with pytest.raises(InvalidInput) as caught:
        deploys.apply(files)
    service, deployment = problems(caught)
    assert service == "deploy/service.yml:4:30 (spec.portz): there is no such field"
    assert deployment.startswith(
        "deploy/deploy.yml:11:9 (spec.template.spec.containers[0].name): Invalid value"
    )
    assert deploys.cluster.get(CONFIGMAP, "app") is None


def test_a_job_is_checked_as_well(deploys: Deploys) -> None:
    files = changed(
        APP, "deploy/dbmigration.job.yml", "restartPolicy: Never", "restartPolicy: Always"
    )
    with pytest.raises(InvalidInput) as caught:
        deploys.plan(files)
    (problem,) = problems(caught)
    assert problem.startswith("deploy/dbmigration.job.yml:7")
    assert "restartPolicy" in problem


def test_a_selector_that_changes_gets_advice(deploys: Deploys) -> None:
    deploys.apply(APP)
    text = APP["deploy/deploy.yml"].replace("{app: app}", "{app: other}")
    with pytest.raises(InvalidInput) as caught:
        deploys.plan({**APP, "deploy/deploy.yml": text})
    (problem,) = problems(caught)
    assert "deploy/deploy.yml:6:7 (spec.selector)" in problem or "spec.selector" in problem
    assert "another name" in problem


def test_what_something_else_deployed_is_not_changed_unless_it_is_forced(
    deploys: Deploys,
) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "foreign"},
        "data": {"OURS": "1", "THEIRS": "1"},
    }
    deploys.cluster.apply(CONFIGMAP, foreign, manager="helm")
    files = {"deploy/foreign.yml": FOREIGN}
    with pytest.raises(InvalidInput) as caught:
        deploys.apply(files)
    (problem,) = problems(caught)
    assert problem.startswith("deploy/foreign.yml:4")
    assert "'helm'" in problem
    assert caught.value.hint is not None
    assert "--force-conflicts" in caught.value.hint
    deploys.apply(files, force_all=True)
    found = deploys.cluster.get(CONFIGMAP, "foreign")
    assert found is not None
    assert found["data"] == {"OURS": "2", "MORE": "1", "THEIRS": "1"}


def test_what_we_deployed_is_put_back_when_somebody_has_changed_it(deploys: Deploys) -> None:
    deploys.apply(APP)
    deploys.cluster.patch(DEPLOYMENT, "app", {"spec": {"paused": True, "revisionHistoryLimit": 3}})
    text = APP["deploy/deploy.yml"].replace("replicas: 0", "replicas: 0\n      paused: false")
    files = {**APP, "deploy/deploy.yml": text}
    with pytest.raises(InvalidInput):
        deploys.plan(files, force_owned=False)
    assert deploys.apply(files)["Deployment/app"] == "configured"
    found = deploys.cluster.get(DEPLOYMENT, "app")
    assert found is not None
    assert not found["spec"].get("paused")
    assert found["spec"]["revisionHistoryLimit"] == 3


def test_what_kubectl_applied_is_taken_over_with_all_its_fields(deploys: Deploys) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "foreign", "namespace": deploys.cluster.namespace},
        "data": {"OURS": "1", "GONE": "1"},
    }
    last = json.dumps(body)
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    body["metadata"] = {**body["metadata"], "annotations": {annotation: last}}  # type: ignore[dict-item]  # a mapping
    as_kubectl(deploys.cluster, body)
    files = {"deploy/foreign.yml": FOREIGN}
    assert deploys.plan(files) == {"ConfigMap/foreign": "update"}
    assert "-  GONE:" in deploys.out.getvalue()
    deploys.apply(files)
    found = deploys.cluster.get(CONFIGMAP, "foreign")
    assert found is not None
    assert found["data"] == {"OURS": "2", "MORE": "1"}
    assert annotation not in found["metadata"]["annotations"]
    assert {entry["manager"] for entry in found["metadata"]["managedFields"]} == {"orbyard"}
    assert "taken over from kubectl apply" in deploys.err.getvalue()


def as_kubectl(cluster: Cluster, body: dict[str, Any]) -> None:
    """Create an object as the manager that ``kubectl apply`` is."""
    cluster._connection.call(
        "POST",
        f"/api/v1/namespaces/{cluster.namespace}/configmaps",
        tried="create as kubectl",
        query={"fieldManager": "kubectl-client-side-apply"},
        body=body,
    )


def test_what_an_autoscaler_scales_is_not_scaled_back(deploys: Deploys) -> None:
    scaler = """\
        apiVersion: autoscaling/v1
        kind: HorizontalPodAutoscaler
        metadata: {name: app}
        spec:
          scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: app}
          minReplicas: 1
          maxReplicas: 9
    """
    deploys.apply(APP)
    # Zero replicas turn an autoscaler off, so that nothing but us would set them here.
    deploys.cluster.patch(DEPLOYMENT, "app", {"spec": {"replicas": 0}})
    text = APP["deploy/deploy.yml"].replace("replicas: 0", "replicas: 2")
    files = {**APP, "deploy/deploy.yml": text, "deploy/hpa.yml": scaler}
    deploys.apply(files)
    found = deploys.cluster.get(DEPLOYMENT, "app")
    assert found is not None
    assert found["spec"]["replicas"] == 0


def test_a_failure_in_between_says_what_was_changed_and_what_was_not_tried(
    deploys: Deploys,
) -> None:
    manifests = rendered(deploys.folder / "x", {**APP, "deploy/foreign.yml": FOREIGN}).manifests
    applier = make_applier(deploys.cluster, manifests)
    foreign = next(item for item in manifests if item.name == "foreign")
    broken = foreign.with_value({**foreign.value, "dat": {}})
    order = [
        next(item for item in manifests if item.ref == "ConfigMap/app"),
        broken,
        next(item for item in manifests if item.ref == "Service/app"),
    ]
    with pytest.raises(InvalidInput):
        apply_manifests(applier, order, console=deploys.console)
    printed = deploys.err.getvalue()
    assert "ConfigMap/app created" in printed
    assert "ConfigMap/foreign could not be applied" in printed
    assert "changed before: ConfigMap/app" in printed
    assert "not tried: Service/app" in printed


def test_a_kind_that_is_not_served_is_told_where_it_is_written(deploys: Deploys) -> None:
    old = changed(APP, "deploy/deploy.yml", "apps/v1", "extensions/v1beta1")
    with pytest.raises(InvalidInput, match="no Deployment of extensions/v1beta1") as caught:
        deploys.plan(old)
    assert str(caught.value.where).startswith("deploy/deploy.yml:1:")


def test_missing_permissions_are_told_all_at_once_and_a_namespaces_own_user_is_enough(
    deploys: Deploys, kubeconfig: dict[str, Any]
) -> None:
    manifests = rendered(deploys.folder / "x", APP).manifests
    cluster = deploys.cluster
    assert check_access(cluster, manifests) > 10
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    some = [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["*"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch"]},
    ]
    one = with_token(kubeconfig, "deployer", make_account(cluster, "deployer", everything))
    with opened(one, cluster.namespace) as own:
        seen, _ = wait_for(
            lambda: own.allowed("create", DEPLOYMENT), decided=bool, timeout_s=10, poll_s=0.2
        )
        assert seen
        check_access(own, manifests)
        assert own.get(CONFIGMAP, "app") is None
    two = with_token(kubeconfig, "reader", make_account(cluster, "reader", some))
    with opened(two, cluster.namespace) as poor:
        wait_for(lambda: poor.allowed("get", DEPLOYMENT), decided=bool, timeout_s=10, poll_s=0.2)
        with pytest.raises(Unavailable) as caught:
            check_access(poor, manifests, create_namespace=True)
    told = [str(problem) for problem in caught.value.problems]
    assert "'reader'" in caught.value.message
    space = cluster.namespace
    assert f"create, patch deployments.apps in the namespace {space}" in told
    assert f"get pods/log in the namespace {space}" in told
    assert f"create, patch, get secrets in the namespace {space}" in told
    assert "get, create namespaces" in told
    assert not any("configmaps" in text for text in told)


def test_a_namespace_is_made_where_it_is_missing(
    kubeconfig: dict[str, Any], namespace: str
) -> None:
    console = Console(out=io.StringIO(), err=io.StringIO())
    name = f"{namespace}-made"
    with opened(kubeconfig, name) as cluster:
        try:
            assert ensure_namespace(cluster, console=console)
            assert not ensure_namespace(cluster, console=console)
        finally:
            cluster.delete(NAMESPACE, name)
