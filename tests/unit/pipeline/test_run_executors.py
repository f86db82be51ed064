"""What the options of a run say about executors."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.command import Run
from pipeline.errors import InvalidInput
from pipeline.run_executors import executor_options
from pipeline.runner.container_spec import HostMount


def mounts(folder: Path, *volumes: str) -> tuple[HostMount, ...]:
    (folder / "orbyard.yml").touch()
    run = Run(cwd=folder, environ={})
    return executor_options(run, "auto", "", ssh_agent=False, volumes=volumes).mounts


def test_volumes_are_written_as_for_docker(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    here = str((tmp_path / "keys").resolve())
    assert mounts(tmp_path, "./keys:/k", f"{here}:/k:ro", "keys:/k:rw") == (
        HostMount(here, "/k"),
        HostMount(here, "/k", read_only=True),
        HostMount(here, "/k"),
    )


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ("keys", "HERE:THERE"),
        ("keys:k", "HERE:THERE"),
        ("keys:/k:z", "HERE:THERE"),
        (":/k", "there is no file"),
        ("gone:/k", "there is no gone"),
    ],
)
def test_a_volume_that_cannot_be_is_refused(tmp_path: Path, volume: str, words: str) -> None:
    (tmp_path / "keys").mkdir()
    with pytest.raises(InvalidInput, match=words):
        mounts(tmp_path, volume)


def images(folder: Path, *written: str) -> dict[str, str]:
    settings = "ci: {images: {cimg/: mirror.test/cimg/, cimg/ruby: acme/ruby}}\n"
    (folder / "orbyard.yml").write_text(settings)
    run = Run(cwd=folder, environ={})
    return dict(executor_options(run, "auto", "", written, ssh_agent=False).images)


def test_images_of_the_option_are_added_to_those_of_the_settings(tmp_path: Path) -> None:
    assert images(tmp_path, "redis:7=acme/redis:7", "cimg/ruby=ours@sha256:ab") == {
        "cimg/": "mirror.test/cimg/",
        "cimg/ruby": "ours@sha256:ab",
        "redis:7": "acme/redis:7",
    }


@pytest.mark.parametrize("written", ["cimg/ruby", "=ruby", "cimg/=ruby", "cimg/ruby=a b"])
def test_an_image_that_is_for_none_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(InvalidInput, match="--image is written as IMAGE=OTHER"):
        images(tmp_path, written)
