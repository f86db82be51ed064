"""Words that a deploy replaces in manifests."""

from __future__ import annotations

import pytest

from orbs.kubernetes.anchors import (
    Anchors,
    fill_in,
    find_leftovers,
    looks_like_anchor,
    replace_anchors,
)
from tests.unit.orbs.kubernetes.projects import manifest


def test_an_anchor_is_replaced_wherever_it_stands_and_lines_stay() -> None:
    text = "a: HOGE_X\nb: https://HOGE_X/y\n# HOGE_X\n"
    replaced, used = replace_anchors(text, Anchors({"HOGE_X": "new"}))
    assert replaced == "a: new\nb: https://new/y\n# new\n"
    assert used == {"HOGE_X"}


def test_the_longer_of_two_anchors_wins() -> None:
    anchors = Anchors({"HOGE_APP": "short", "HOGE_APP_IMAGE": "long"})
    assert replace_anchors("HOGE_APP_IMAGE HOGE_APP", anchors)[0] == "long short"


def test_a_value_that_holds_another_anchor_is_not_replaced_again() -> None:
    anchors = Anchors({"A_WORD": "B_WORD", "B_WORD": "end"})
    assert replace_anchors("A_WORD", anchors)[0] == "B_WORD"


def test_only_the_three_names_are_filled_in() -> None:
    names = {"env": "staging", "revision": "abc", "image": "r/i"}
    assert fill_in('{"host": "{env}.example.com"} {image}', names) == (
        '{"host": "staging.example.com"} r/i'
    )


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("HOGE_APP_IMAGE_NAME", True),
        ("registry.example.com/HOGE_APP:1", True),
        ("HOGE_REGISTRY/app", True),
        ("registry.example.com/app:V1", False),
        ("127.0.0.1:5000/hoge-app@sha256:00", False),
        ("Registry.Example.com/app", False),
        ("nginx", False),
    ],
)
def test_an_image_in_capitals_is_taken_for_an_anchor(image: str, expected: bool) -> None:
    assert looks_like_anchor(image) is expected


POD = """\
    apiVersion: v1
    kind: Pod
    metadata: {name: p}
    spec:
      initContainers:
      - {name: i, image: nginx}
      containers:
      - name: app
        image: HOGE_APP_IMAGE_NAM
        env: [{name: HOGE_API_URL, value: x}]
"""


def test_a_leftover_is_told_with_its_place_and_the_nearest_anchor() -> None:
    (problem,) = find_leftovers(manifest(POD).document, ["HOGE_APP_IMAGE_NAME"])
    assert "HOGE_APP_IMAGE_NAM" in problem.message
    assert str(problem.where) == "deploy/x.yml:9:5 (spec.containers[0].image)"
    assert problem.hint == "did you mean 'HOGE_APP_IMAGE_NAME'?"


def test_an_anchor_that_was_left_on_purpose_is_no_leftover() -> None:
    assert find_leftovers(manifest(POD).document, [], untouched="HOGE_APP_IMAGE_NAM") == []
