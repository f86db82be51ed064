"""Keys that CircleCI calls deprecated."""

from __future__ import annotations

from tests.unit.pipeline.config.lint.support import RUNS_BUILD, job, warned

CODE = "deprecated-key"


def test_deploy_is_to_be_run() -> None:
    (found,) = warned(job("[{deploy: {command: ./ship}}]"), CODE)
    assert (found.where.line, found.message) == (6, "the step `deploy` is deprecated")
    assert found.hint is not None
    assert found.hint.startswith("write `run`")


def test_a_command_that_is_called_deploy_is_no_step_of_that_name() -> None:
    text = job("[deploy]") + "commands: {deploy: {steps: [{run: ./ship}]}}\n"
    assert warned(text, CODE) == []


def test_branches_of_a_job_belong_into_the_workflow() -> None:
    (found,) = warned(job(more="branches: {only: main}"), CODE)
    assert found.where.key == "jobs.build.branches"
    assert found.hint is not None
    assert "filters: {branches:" in found.hint


def test_a_machine_is_named_by_its_image() -> None:
    text = """
version: 2.1
jobs:
  build: {machine: {enabled: true}, steps: [checkout]}
"""
    (found,) = warned(text + RUNS_BUILD, CODE)
    assert found.where.key == "jobs.build.machine.enabled"
    assert (
        warned(text.replace("enabled: true", "image: ubuntu-2404:current") + RUNS_BUILD, CODE) == []
    )


def test_old_keys_of_remote_docker_are_named() -> None:
    steps = "[{setup_remote_docker: {reusable: true, exclusive: true, docker_layer_caching: true}}]"
    assert [f.message.split(" of ")[0] for f in warned(job(steps), CODE)] == [
        "`reusable`",
        "`exclusive`",
    ]
