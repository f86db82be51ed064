from __future__ import annotations

import pytest

from orbs.rails.engine_answers import follow_build, noticing_errors, read_image, split_reference
from orbs.rails.engine_types import EngineError


def test_a_builds_output_comes_line_by_line_and_its_image_is_known():
    lines: list[str] = []
    events = [
        {"stream": "Step 1/2"},
        {"stream": " : FROM a\nhi\n"},
        {"status": "Downloading", "id": "abc"},
        {"aux": {"ID": "sha256:1"}},
        {"stream": "Successfully built 1\n"},
    ]
    assert follow_build(events, lines.append) == "sha256:1"
    assert lines == ["Step 1/2 : FROM a", "hi", "abc Downloading", "Successfully built 1"]


def test_a_build_that_ends_without_an_image_has_failed():
    with pytest.raises(EngineError, match="without an image"):
        follow_build([{"stream": "x\n"}], lambda _: None)


def test_an_error_in_a_stream_that_began_well_is_raised():
    events = [
        {"status": "Preparing"},
        {"errorDetail": {"message": "denied", "code": 7}, "error": "x"},
    ]
    with pytest.raises(EngineError, match="push failed: denied") as caught:
        list(noticing_errors(events, "push failed"))
    assert (caught.value.text, caught.value.status) == ("denied", 7)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("ruby", ("ruby", "")),
        ("ruby:3.1", ("ruby", "3.1")),
        ("host:5000/a/b", ("host:5000/a/b", "")),
        ("host:5000/a/b:1", ("host:5000/a/b", "1")),
        ("host:1/a:1@sha256:2", ("host:1/a", "sha256:2")),
    ],
)
def test_a_reference_is_split_at_its_tag_not_at_its_port(reference, expected):
    assert split_reference(reference) == expected


def test_an_image_of_an_engine_that_leaves_much_out_is_read():
    found = read_image({"Id": "abc", "Config": {"Env": ["A=1=2", "B="]}, "RepoTags": None})
    assert (found.id, found.environment, found.tags) == ("sha256:abc", {"A": "1=2", "B": ""}, ())
