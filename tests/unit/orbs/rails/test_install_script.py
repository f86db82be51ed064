from __future__ import annotations

import subprocess

from orbs.rails.engine_types import ImageInfo, Mount
from orbs.rails.install_script import export_lines, install_spec, target_folder
from orbs.rails.installers import BUNDLE

IMAGE = ImageInfo("sha256:1", working_dir="/app", user="circleci")
HOME = Mount("data", "/app/vendor/bundle")


def spec(image=IMAGE, **more):
    settings = {"home": HOME, "earlier": None, "environment": {"A": "1"}, "labels": {"l": "1"}}
    return install_spec(BUNDLE, image, **{**settings, **more})


def test_an_installers_folder_is_below_the_images_work_folder():
    assert target_folder(IMAGE, BUNDLE) == "/app/vendor/bundle"
    assert target_folder(ImageInfo("sha256:1"), BUNDLE) == "/vendor/bundle"


def test_the_command_runs_by_the_images_own_shell_as_run_in_a_dockerfile_does():
    assert spec().command[-3:] == ("/bin/sh", "-c", "bundle install")
    image = ImageInfo("sha256:1", shell=("/bin/bash", "-lc"))
    assert spec(image).command[-3:] == ("/bin/bash", "-lc", "bundle install")


def test_the_earlier_volume_is_mounted_beside_the_new_one():
    earlier = Mount("old", "/orbyard/earlier", read_only=True)
    assert spec(earlier=earlier).mounts == (HOME, earlier)
    assert spec().mounts == (HOME,)


def test_input_is_piped_only_where_there_are_secrets():
    assert spec(takes_secrets=True).takes_input
    assert not spec().takes_input


def test_secret_values_of_any_kind_arrive_as_they_are():
    values = {"A": 'it\'s $HOME `id` "x"\\n', "B": "two\nlines", "C": ""}
    script = export_lines(values).decode() + 'printf "%s|%s|%s" "$A" "$B" "$C"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{values['A']}|{values['B']}|"
