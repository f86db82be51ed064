"""Images that CircleCI has deprecated or removed."""

from __future__ import annotations

import pytest

from pipeline.config.lint.deprecated_images import successor
from tests.unit.pipeline.config.lint.support import RUNS_BUILD, job, warned

CODE = "deprecated-image"


def on(executor: str) -> str:
    return f"version: 2.1\njobs:\n  build:\n    {executor}\n    steps: [checkout]\n{RUNS_BUILD}"


@pytest.mark.parametrize(
    ("name", "tag", "new"),
    [
        ("ruby", "2.6.3-node-browsers", "cimg/ruby:2.6-browsers"),
        ("ruby", "2.6.3-stretch-node", "cimg/ruby:2.6-node"),
        ("ruby", "2.7", "cimg/ruby:2.7"),
        ("node", "12.18-browsers", "cimg/node:12.18-browsers"),
        ("golang", "1.13-alpine", "cimg/go:1.13"),
        ("postgres", "9.6.2-alpine-ram", "cimg/postgres:9.6"),
        ("buildpack-deps", "20.04", "cimg/base"),
        ("mongo", "4.2", "mongo:4.2"),
        ("python", "latest", "cimg/python"),
        ("python", "<< parameters.v >>", "cimg/python"),
        ("jruby", "9", None),
    ],
)
def test_the_successor_of_a_legacy_image(name: str, tag: str, new: str | None) -> None:
    assert successor(name, tag) == new


def test_a_legacy_image_is_named_with_its_successor() -> None:
    (found,) = warned(on("docker: [{image: circleci/ruby:2.6.3-node-browsers}]"), CODE)
    assert found.where.key == "jobs.build.docker[0].image"
    assert found.hint == "use cimg/ruby:2.6-browsers, or a newer version"


def test_services_and_executors_are_looked_at_too() -> None:
    text = """
version: 2.1
executors:
  e: {docker: [{image: cimg/ruby:3.3}, {image: "circleci/redis"}]}
jobs:
  build: {executor: e, steps: [checkout]}
"""
    assert [f.where.key for f in warned(text + RUNS_BUILD, CODE)] == ["executors.e.docker[1].image"]


@pytest.mark.parametrize(
    "image",
    [
        "cimg/ruby:3.3.0",
        "ruby:2.6",
        "circleci/runner:latest",
        "me/circleci/ruby:1",
        "<< pipeline.id >>",
    ],
)
def test_other_images_are_left_alone(image: str) -> None:
    assert warned(on(f"docker: [{{image: '{image}'}}]"), CODE) == []


@pytest.mark.parametrize(
    "machine",
    [
        "true",
        "{image: 'circleci/classic:latest'}",
        "{image: 'ubuntu-1604:202010-01'}",
        "{image: 'ubuntu-2004:current'}",
        "'ubuntu-1804:edge'",
    ],
)
def test_machine_images_that_are_gone_are_named(machine: str) -> None:
    (found,) = warned(on(f"machine: {machine}"), CODE)
    assert found.hint is not None
    assert "ubuntu-2404:current" in found.hint


@pytest.mark.parametrize(
    "executor",
    [
        "machine: {image: 'ubuntu-2404:current'}",
        "machine: {image: default}",
        "machine: true\n    resource_class: me/runner",
        "machine: {image: 'ubuntu-2204:2024.01.1'}",
    ],
)
def test_other_machines_are_left_alone(executor: str) -> None:
    assert warned(on(executor), CODE) == []


@pytest.mark.parametrize("version", ["12.5.1", "13.4.1", "14.2.0", "15.3.0", "16.2.0"])
def test_xcodes_that_are_gone_are_named(version: str) -> None:
    (found,) = warned(on(f"macos: {{xcode: {version}}}"), CODE)
    assert found.message == f"Xcode {version} is none of the versions that CircleCI keeps"


@pytest.mark.parametrize("version", ["14.3.1", "15.4.0", "16.4", "26.1.1", "27.0"])
def test_xcodes_that_are_kept_are_left_alone(version: str) -> None:
    assert warned(on(f"macos: {{xcode: {version}}}"), CODE) == []


def test_old_versions_of_remote_docker_are_named() -> None:
    (found,) = warned(job("[{setup_remote_docker: {version: 20.10.24}}]"), CODE)
    assert found.where.key == "jobs.build.steps[0].setup_remote_docker.version"
    for version in ("default", "docker28", "edge", "26.1.0"):
        assert warned(job(f"[{{setup_remote_docker: {{version: {version}}}}}]"), CODE) == []


def test_a_runner_may_be_named_by_the_job_that_uses_the_executor() -> None:
    text = """
version: 2.1
executors: {own: {machine: true}}
jobs:
  build: {executor: own, resource_class: me/runner, steps: [checkout]}
"""
    assert warned(text + RUNS_BUILD, CODE) == []
    assert len(warned(text.replace("me/runner", "large") + RUNS_BUILD, CODE)) == 1
