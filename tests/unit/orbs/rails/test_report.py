from __future__ import annotations

import json

import pytest

from orbs.rails.build import BuildResult
from orbs.rails.installers import BUNDLE
from orbs.rails.model import BuiltImage, DependencyHome, ImageReference
from orbs.rails.report import append_bash_env, result_value, to_json, write_reference
from pipeline.errors import InvalidInput

HOME = DependencyHome(BUNDLE, "k", "volume", None, reused=True)
IMAGE = BuiltImage("sha256:1", "i", ("v1",), reused=False)
REFERENCE = ImageReference("host/app", "v1", "sha256:2")


def test_a_result_prints_as_its_reference_by_digest_or_as_the_images_id():
    assert str(BuildResult(None, (HOME,), IMAGE, REFERENCE, 1.0)) == "host/app@sha256:2"
    assert str(BuildResult(None, (HOME,), IMAGE, None, 1.0)) == "sha256:1"


def test_json_carries_everything_a_later_step_asks_for():
    value = json.loads(to_json(result_value(BuildResult(None, (HOME,), IMAGE, REFERENCE, 1.23456))))
    assert value["reference"] == "host/app@sha256:2"
    assert value["tags"] == ["v1"]
    assert value["dependencies"][0]["volume"] == "volume"
    assert value["seconds"] == 1.235


def test_the_reference_is_written_as_one_line_into_a_folder_made_for_it(tmp_path):
    write_reference(tmp_path / "out" / "image", "host/app@sha256:2")
    assert (tmp_path / "out" / "image").read_text() == "host/app@sha256:2\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["image"]


def test_a_place_that_cannot_be_written_to_is_bad_input(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InvalidInput, match="cannot be written"):
        write_reference(tmp_path / "file" / "image", "x")


def test_bash_env_gets_an_export_line_more(tmp_path):
    path = tmp_path / "env"
    path.write_text("export A=1\n")
    append_bash_env({"BASH_ENV": str(path)}, "host/app@sha256:2")
    assert path.read_text() == "export A=1\nexport ORBYARD_IMAGE=host/app@sha256:2\n"


def test_bash_env_has_to_be_set_where_it_is_asked_for():
    with pytest.raises(InvalidInput, match="BASH_ENV is not set"):
        append_bash_env({}, "x")
