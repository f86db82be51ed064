"""From files to the objects that are applied."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from orbs.kubernetes.marks import mark
from orbs.kubernetes.render import RenderedSet
from pipeline.errors import InvalidInput
from tests.unit.orbs.kubernetes.projects import (
    CONFIGMAP,
    DEPLOYMENT,
    IMAGE,
    PROVENANCE,
    SECRET,
    encrypted,
    manifest,
    rendered,
)

APP: Mapping[str, str] = {
    "deploy/deploy.yml": DEPLOYMENT,
    "deploy/configmaps/staging.configmap.yml": CONFIGMAP,
    "deploy/secrets/staging.secret.yml.enc": encrypted(SECRET),
}


def by_ref(found: RenderedSet) -> dict[str, dict[str, Any]]:
    return {item.ref: item.value for item in found.manifests}


def template_digest(found: RenderedSet) -> str:
    template = by_ref(found)["Deployment/app"]["spec"]["template"]
    digest: str = template["metadata"]["annotations"]["orbyard.dev/config"]
    return digest


def mistakes(root: Path, files: Mapping[str, str], **options: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        rendered(root, files, **options)
    return [str(problem) for problem in caught.value.problems] or [str(caught.value)]


def test_the_image_is_put_in_and_every_object_says_who_deployed_it(tmp_path: Path) -> None:
    found = rendered(tmp_path, APP)
    objects = by_ref(found)
    assert set(objects) == {"Deployment/app", "ConfigMap/app", "Secret/app"}
    pod = objects["Deployment/app"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == IMAGE == found.image
    for value in objects.values():
        assert value["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "orbyard"
        assert value["metadata"]["annotations"] == {
            "orbyard.dev/revision": "0123456789ab",
            "orbyard.dev/deployed-by": "ann@desk",
            "orbyard.dev/run": "https://ci.example.com/7",
            "orbyard.dev/deployed-at": "2024-05-01T12:00:00Z",
        }


def test_the_same_files_give_the_same_objects(tmp_path: Path) -> None:
    assert rendered(tmp_path / "a", APP) == rendered(tmp_path / "b", APP)


def test_what_comes_from_an_encrypted_file_or_is_a_secret_is_sensitive(tmp_path: Path) -> None:
    found = rendered(tmp_path, APP)
    assert {item.ref for item in found.manifests if item.sensitive} == {"Secret/app"}


def test_pods_restart_when_their_configuration_changes_and_only_then(tmp_path: Path) -> None:
    before = template_digest(rendered(tmp_path / "a", APP))
    other = {"deploy/other.yml": CONFIGMAP.replace("name: app", "name: unrelated")}
    assert template_digest(rendered(tmp_path / "b", {**APP, **other})) == before
    level = {"deploy/configmaps/staging.configmap.yml": CONFIGMAP.replace("debug", "info")}
    assert template_digest(rendered(tmp_path / "c", {**APP, **level})) != before
    secret = {"deploy/secrets/staging.secret.yml.enc": encrypted(SECRET, "other ciphertext")}
    assert template_digest(rendered(tmp_path / "d", {**APP, **secret})) != before
    replicas = {"orbyard.yml": 'deploy: {set: {"Deployment/app:spec.replicas": 3}}'}
    assert template_digest(rendered(tmp_path / "e", {**APP, **replicas})) == before


def test_the_digest_of_a_secret_is_that_of_its_ciphertext_alone() -> None:
    def digest(secret: str) -> str:
        manifests = [manifest(DEPLOYMENT), manifest(secret, "s.yml.enc", encrypted=True)]
        marked = mark(manifests, PROVENANCE, {"s.yml.enc": "ciphertext"})
        template = marked[0].value["spec"]["template"]
        return str(template["metadata"]["annotations"]["orbyard.dev/config"])

    assert digest(SECRET) == digest(SECRET.replace("correct-horse", "another"))


def test_a_secret_whose_anchor_has_a_new_value_restarts_the_pods(tmp_path: Path) -> None:
    text = encrypted(SECRET.replace("correct-horse", "HOGE_HOST"))
    files = {**APP, "deploy/secrets/staging.secret.yml.enc": text}
    one = rendered(tmp_path / "a", {**files, "orbyard.yml": "deploy: {anchors: {HOGE_HOST: one}}"})
    two = rendered(tmp_path / "b", {**files, "orbyard.yml": "deploy: {anchors: {HOGE_HOST: two}}"})
    assert by_ref(one)["Secret/app"]["stringData"] == {"PASSWORD": "one"}
    assert template_digest(one) != template_digest(two)


def test_an_environments_own_anchors_and_values_win(tmp_path: Path) -> None:
    settings = """\
        deploy:
          anchors: {HOGE_LEVEL: all}
          set: {"Deployment/app:spec.replicas": 3}
        environments:
          staging:
            anchors: {HOGE_LEVEL: "{env}-{revision}"}
            set: {"Deployment/app:spec.replicas": 4}
    """
    level = CONFIGMAP.replace("debug", "HOGE_LEVEL")
    found = by_ref(
        rendered(
            tmp_path,
            {**APP, "orbyard.yml": settings, "deploy/configmaps/staging.configmap.yml": level},
        )
    )
    assert found["ConfigMap/app"]["data"] == {"LEVEL": "staging-0123456789ab"}
    assert found["Deployment/app"]["spec"]["replicas"] == 4


def test_an_anchor_that_stands_nowhere_is_an_error_where_it_is_set(tmp_path: Path) -> None:
    files = {**APP, "orbyard.yml": "deploy:\n  anchors:\n    HOGE_HOST: x\n"}
    (problem,) = mistakes(tmp_path, files)
    assert problem.startswith("orbyard.yml:3:5 (deploy.anchors.HOGE_HOST): the anchor HOGE_HOST")


def test_an_image_anchor_that_is_spelled_otherwise_is_told_at_both_ends(tmp_path: Path) -> None:
    files = {
        **APP,
        "deploy/deploy.yml": DEPLOYMENT.replace("HOGE_APP_IMAGE_NAME", "HOGE_APP_IMAGE"),
    }
    left, unused = mistakes(tmp_path, files)
    assert left.startswith("deploy/deploy.yml:12:9 (spec.template.spec.containers[0].image)")
    assert "did you mean 'HOGE_APP_IMAGE_NAME'?" in left
    assert "did you mean 'HOGE_APP_IMAGE'?" in unused


def test_an_image_set_by_path_needs_no_anchor(tmp_path: Path) -> None:
    key = "Deployment/app:spec.template.spec.containers[0].image"
    files = {
        **APP,
        "orbyard.yml": f'deploy: {{set: {{"{key}": "{{image}}"}}}}',
        "deploy/deploy.yml": DEPLOYMENT.replace("HOGE_APP_IMAGE_NAME", "app:latest"),
    }
    pod = by_ref(rendered(tmp_path, files))["Deployment/app"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == IMAGE


def test_without_an_image_its_anchor_stays(tmp_path: Path) -> None:
    found = rendered(tmp_path, APP, image=None)
    pod = by_ref(found)["Deployment/app"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "HOGE_APP_IMAGE_NAME"


def test_manifests_that_run_no_image_need_no_image_anchor(tmp_path: Path) -> None:
    assert rendered(tmp_path, {"deploy/config.yml": CONFIGMAP}).image == IMAGE


def test_a_list_is_taken_apart_with_its_lines(tmp_path: Path) -> None:
    listed = """\
        apiVersion: v1
        kind: List
        items:
        - apiVersion: v1
          kind: ConfigMap
          metadata: {name: one}
          data: {A: "1"}
        - apiVersion: v1
          kind: ConfigMap
          metadata: {name: two}
    """
    found = rendered(tmp_path, {"deploy/list.yml": listed}).manifests
    assert [item.ref for item in found] == ["ConfigMap/one", "ConfigMap/two"]
    assert [item.where().line for item in found] == [4, 8]
    assert found[0].where(("data", "A")).line == 7


def test_every_mistake_is_told_at_once_with_file_and_line(tmp_path: Path) -> None:
    files = {
        "deploy/a.yml": "kind: ConfigMap\nmetadata: {name: a}\n",
        "deploy/b.yml": "apiVersion: v1\nkind: ConfigMap\n",
        "deploy/c.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  labels: {}\n",
        "deploy/d.yml": "a: [\n",
        "deploy/e.yml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 7}\n",
        "deploy/f.yml": "just text\n",
    }
    found = mistakes(tmp_path, files)
    assert [line.split()[0].split(":")[0] for line in found] == [
        "deploy/d.yml",
        *(f"deploy/{name}.yml" for name in "abcef"),
    ]
    assert "apiVersion is missing" in found[1]
    assert "metadata is missing" in found[2]
    assert "metadata.name is missing" in found[3]


def test_two_objects_of_one_name_are_told_with_both_places(tmp_path: Path) -> None:
    files = {"deploy/a.yml": CONFIGMAP, "deploy/b.yml": "---\n---\n" + CONFIGMAP}
    (problem,) = mistakes(tmp_path, files)
    assert problem.startswith("deploy/b.yml:3")
    assert "deploy/a.yml:1" in problem


def test_a_value_that_is_no_text_is_told_by_its_key_and_never_by_itself(tmp_path: Path) -> None:
    secret = encrypted(
        """\
        apiVersion: v1
        kind: Secret
        metadata: {name: app}
        stringData: {PORT: 86420, NONE: , YES: true}
        data: {BAD: "hunter2!"}
        """
    )
    found = mistakes(tmp_path, {"deploy/secrets/staging.secret.yml.enc": secret})
    text = "\n".join(found)
    assert "the value of PORT must be text, not a number" in text
    assert "the value of NONE must be text, not nothing" in text
    assert "the value of YES must be text, not a truth value" in text
    assert "the value of BAD is not base64" in text
    assert "86420" not in text
    assert "hunter2" not in text


def test_a_value_of_several_lines_is_no_anchor(tmp_path: Path) -> None:
    files = {**APP, "orbyard.yml": 'deploy: {anchors: {HOGE_X: "a\\nb"}}'}
    (problem,) = mistakes(tmp_path, files)
    assert "HOGE_X must be one line" in problem
