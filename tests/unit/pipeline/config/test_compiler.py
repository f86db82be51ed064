"""The library: what a compiled configuration knows, and where everything in it was written."""

from __future__ import annotations

import dataclasses

import pytest

import pipeline.config
from pipeline.config import ConfigError, check, compile
from pipeline.config.model import Docker, Filter, JobRequirement, Machine, Macos, Schedule

CONFIG = """\
version: 2.1
parameters:
  ruby: {type: string, default: 3.2.2}
orbs:
  tools:
    commands:
      install:
        parameters:
          flags: {type: string, default: ""}
        steps:
          - run:
              name: Install
              command: bundle install << parameters.flags >>
executors:
  ruby:
    docker:
      - image: cimg/ruby:<< pipeline.parameters.ruby >>
        environment: [RAILS_ENV=test]
      - {image: "cimg/postgres:15", name: db, command: [postgres, -c, fsync=off], user: 999}
    resource_class: medium
jobs:
  test:
    executor: ruby
    parallelism: 2
    working_directory: ~/app
    environment: {CI_KIND: unit}
    steps:
      - checkout
      - tools/install: {flags: --jobs 4}
      - store_artifacts: {path: log}
  build-mac:
    macos: {xcode: 15.0}
    steps: [checkout]
  build-vm:
    machine: {image: "ubuntu-2404:current", docker_layer_caching: true, resource_class: large}
    steps: [checkout]
workflows:
  main:
    max_auto_reruns: 2
    jobs:
      - test:
          context: [shared, rails]
          filters: {branches: {only: [main, /release-.*/]}, tags: {ignore: v0}}
      - hold: {type: approval, requires: [{test: [success, failed]}]}
      - build-mac: {requires: [hold], serial-group: mac}
      - build-vm
  nightly:
    triggers:
      - schedule: {cron: "0 3 * * *", filters: {branches: {only: main}}}
    jobs: [test]
"""


@pytest.fixture(scope="module")
def config() -> pipeline.config.CompiledConfig:
    return compile(CONFIG)


def test_a_docker_job_knows_its_images_and_its_environment(
    config: pipeline.config.CompiledConfig,
) -> None:
    job = config.jobs["test"]
    assert isinstance(job.executor, Docker)
    primary, service = job.executor.images
    assert (primary.image, primary.environment) == ("cimg/ruby:3.2.2", {"RAILS_ENV": "test"})
    assert (service.name, service.user) == ("db", "999")
    assert service.command == ("postgres", "-c", "fsync=off")
    places = [
        (image.where.line, image.where.column) for image in job.executor.images if image.where
    ]
    assert places == [(17, 9), (19, 9)]
    assert (job.parallelism, job.resource_class, job.working_directory) == (2, "medium", "~/app")
    assert job.environment == {"CI_KIND": "unit"}


def test_machines_and_macs_are_told_apart(config: pipeline.config.CompiledConfig) -> None:
    assert config.jobs["build-vm"].executor == Machine("ubuntu-2404:current", True)
    assert config.jobs["build-vm"].resource_class == "large"
    assert config.jobs["build-mac"].executor == Macos("15.0")


def test_a_step_of_an_orb_points_into_the_orb_and_at_its_call(
    config: pipeline.config.CompiledConfig,
) -> None:
    step = config.jobs["test"].steps[1]
    assert (step.type, step.options["command"]) == ("run", "bundle install --jobs 4")
    assert (step.where.line, step.where.column) == (11, 13)
    assert [(call.kind, call.name, call.where.line) for call in step.calls] == [
        ("workflow", "main", 38),
        ("job", "test", 41),
        ("command", "tools/install", 29),
    ]


def test_a_workflow_knows_what_waits_for_what(config: pipeline.config.CompiledConfig) -> None:
    jobs = {job.name: job for job in config.workflows["main"].jobs}
    assert jobs["hold"].type == "approval"
    assert jobs["hold"].requires == (JobRequirement("test", ("success", "failed")),)
    assert jobs["build-mac"].requires == (JobRequirement("hold"),)
    assert jobs["build-mac"].serial_group == "mac"
    assert jobs["test"].contexts == ("shared", "rails")
    assert jobs["test"].filters.branches == Filter(only=("main", "/release-.*/"))
    assert jobs["test"].filters.tags == Filter(ignore=("v0",))
    assert config.workflows["main"].max_auto_reruns == 2
    assert config.workflows["nightly"].schedules == (Schedule("0 3 * * *", Filter(only=("main",))),)


def test_what_was_compiled_cannot_be_changed(config: pipeline.config.CompiledConfig) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.jobs["test"].name = "other"  # type: ignore[misc]


def test_every_mistake_is_reported_at_once_each_at_its_place() -> None:
    text = """\
version: 2.1
jobs:
  build:
    docker: [{image: a, imagee: b}]
    steps:
      - run: {comand: x}
      - chekout
      - save_cache: {key: k, paths: 3}
workflows:
  main:
    jobs:
      - bild
      - build: {requires: [lint]}
"""
    found = [(f.code, f.where.line, f.where.key) for f in check(text) if f.severity == "error"]
    assert found == [
        ("unknown-key", 4, "jobs.build.docker[0].imagee"),
        ("missing-key", 6, "jobs.build.steps[0].run"),
        ("unknown-command", 7, "jobs.build.steps[1]"),
        ("wrong-type", 8, "jobs.build.steps[2].save_cache.paths"),
        ("unknown-job", 12, "workflows.main.jobs[0]"),
        ("requires-unknown", 13, "workflows.main.jobs[1].build.requires[0]"),
    ]


def test_a_mistake_inside_a_script_is_shown_on_its_own_line_of_the_script() -> None:
    text = """\
version: 2.1
jobs:
  build:
    docker: [{image: a}]
    steps:
      - run:
          command: |
            echo one
            echo << parameters.two >>
"""
    (found,) = check(text)
    assert (found.where.line, found.where.column) == (9, 18)
    assert found.calls[-1].name == "build"


def test_a_mistake_in_a_command_is_told_with_the_calls_that_lead_there() -> None:
    text = """\
version: 2.1
commands:
  greet:
    parameters: {who: {type: string}}
    steps: [run: echo << parameters.whom >>]
jobs:
  build:
    docker: [{image: a}]
    steps: [greet: {who: me}]
workflows:
  main: {jobs: [build]}
"""
    with pytest.raises(ConfigError) as caught:
        compile(text)
    (found,) = [f for f in caught.value.findings if f.severity == "error"]
    assert [str(call) for call in found.calls] == [
        "Error calling workflow: 'main'",
        "Error calling job: 'build'",
        "Error calling command: 'greet'",
    ]
    assert found.where.line == 5
    assert "did you mean 'who'?" in str(found.hint)
    assert caught.value.exit_code == 2


def test_the_public_names_are_those_that_are_listed() -> None:
    assert sorted(pipeline.config.__all__) == pipeline.config.__all__
    for name in pipeline.config.__all__:
        assert getattr(pipeline.config, name) is not None
    with pytest.raises(AttributeError):
        _ = pipeline.config.nothing
