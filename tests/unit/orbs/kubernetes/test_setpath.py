"""Values set by path."""

from __future__ import annotations

import pytest

from orbs.kubernetes.setpath import apply_settings, parse_path, set_value
from pipeline.errors import InvalidInput, Location
from pipeline.yamlfile import KeyPath
from tests.unit.orbs.kubernetes.projects import CONFIGMAP, DEPLOYMENT, manifest

HERE = Location("orbyard.yml", 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("spec.replicas", ("spec", "replicas")),
        ("spec.containers[0].image", ("spec", "containers", 0, "image")),
        ('metadata.annotations."a.b/c"', ("metadata", "annotations", "a.b/c")),
        ('metadata.annotations["a.b/c"].x', ("metadata", "annotations", "a.b/c", "x")),
        ("data.HOGE-APP_1", ("data", "HOGE-APP_1")),
    ],
)
def test_a_path_is_read(text: str, expected: KeyPath) -> None:
    assert parse_path(text) == expected


@pytest.mark.parametrize("text", ["", ".spec", "spec..x", "spec[", "spec[x]", 'a"b"', "a[0]b"])
def test_what_is_no_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(text)


def test_a_value_is_set_in_a_copy() -> None:
    before = {"a": [{"b": 1}], "c": 2}
    assert set_value(before, ("a", 0, "b"), 5) == {"a": [{"b": 5}], "c": 2}
    assert before == {"a": [{"b": 1}], "c": 2}


def test_a_new_key_of_a_parent_that_is_there_can_be_set() -> None:
    assert set_value({"spec": {}}, ("spec", "paused"), True) == {"spec": {"paused": True}}


@pytest.mark.parametrize(
    ("path", "missing"),
    [
        (("spec", "limits", "memory"), "spec.limits"),
        (("spec", "items", 3), "spec.items[3]"),
        (("spec", "items", "x"), "spec.items.x"),
    ],
)
def test_a_missing_parent_is_named(path: KeyPath, missing: str) -> None:
    with pytest.raises(KeyError) as caught:
        set_value({"spec": {"items": [1]}}, path, 1)
    assert caught.value.args == (missing,)


def test_settings_reach_their_objects_and_places_are_kept() -> None:
    manifests = [manifest(DEPLOYMENT), manifest(CONFIGMAP)]
    key = "Deployment/app:spec.template.spec.containers[0].image"
    changed = apply_settings(manifests, {key: ("nginx", HERE)})
    container = changed[0].value["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "nginx"
    assert changed[0].where(("spec", "replicas")).line == 5
    assert changed[1] == manifests[1]


def test_all_mistakes_are_told_with_their_place_in_the_settings() -> None:
    wrong = {
        "Deployment/ap:spec.replicas": (1, HERE),
        "Deployment/app:spec.strategy.type": ("x", HERE),
        "Deployment/app:spec..x": (1, HERE),
        "spec.replicas": (1, HERE),
    }
    with pytest.raises(InvalidInput) as caught:
        apply_settings([manifest(DEPLOYMENT)], wrong)
    first, second, third, fourth = caught.value.problems
    assert first.hint == "did you mean 'Deployment/app'?"
    assert "Deployment/app has no spec.strategy" in second.message
    assert "not a path" in third.message
    assert "Kind/name:path" in fourth.message
    assert {problem.where for problem in caught.value.problems} == {HERE}
