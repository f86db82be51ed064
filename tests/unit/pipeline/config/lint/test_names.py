"""Names that mean something else as well."""

from __future__ import annotations

from tests.unit.pipeline.config.lint.support import RUNS_BUILD, job, warned


def test_a_command_with_the_name_of_a_built_in_step_may_override_it() -> None:
    text = job("[deploy]") + "commands:\n  deploy: {steps: [{run: ./ship}]}\n"
    (found,) = warned(text, "overrides-built-in")
    assert found.where.key == "commands.deploy"
    assert found.message == (
        "Command 'deploy' in commands.deploy may override built-in CircleCI command 'deploy'"
    )


def test_commands_of_an_orb_override_nothing_outside_of_it() -> None:
    text = """
version: 2.1
orbs: {tools: {commands: {checkout: {steps: [{run: git clone}]}}}}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [tools/checkout]}
"""
    assert warned(text + RUNS_BUILD, "overrides-built-in") == []


def test_a_command_with_the_name_of_a_job_is_named() -> None:
    text = job("[build]") + "commands:\n  build: {steps: [{run: make}]}\n"
    (found,) = warned(text, "name-shadowed")
    assert (found.where.key, found.message) == (
        "commands.build",
        "'build' is the name of a command and of a job",
    )


def test_an_executor_may_have_the_name_of_a_job() -> None:
    text = """
version: 2.1
executors: {build: {docker: [{image: cimg/base:current}]}}
jobs:
  build: {executor: build, steps: [checkout]}
"""
    assert warned(text + RUNS_BUILD, "name-shadowed") == []
