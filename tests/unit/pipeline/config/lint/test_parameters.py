"""Parameters that nothing uses."""

from __future__ import annotations

from tests.unit.pipeline.config.lint.support import RUNS_BUILD, places, warned

CODE = "unused-parameter"


def test_a_parameter_without_a_tag_is_named_at_its_declaration() -> None:
    text = """
version: 2.1
commands:
  greet:
    parameters:
      to: {type: string, default: world}
      loud: {type: boolean, default: false}
    steps: [{run: "echo << parameters.to >>"}]
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [greet]}
"""
    (found,) = warned(text + RUNS_BUILD, CODE)
    assert (found.where.line, found.where.key) == (6, "commands.greet.parameters.loud")
    assert found.message == "the command 'greet' does not use its parameter 'loud'"
    assert found.hint == "remove it, or use it as << parameters.loud >>"


def test_tags_sections_conditions_and_expressions_use_parameters() -> None:
    text = """
version: 2.1
commands:
  greet:
    parameters:
      a: {type: boolean, default: false}
      b: {type: boolean, default: false}
      c: {type: string, default: x}
      d-e: {type: string, default: x}
    steps:
      - when: {condition: {not: << parameters.a >>}, steps: [checkout]}
      - run: echo <<# parameters.b >>yes<</ parameters.b >> << pipeline.number == 1 and parameters.c >>
      - run: {command: echo, environment: {X: "<<parameters.d-e>>"}}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [greet]}
"""
    assert places(text + RUNS_BUILD, CODE) == []


def test_a_name_in_the_text_around_tags_uses_nothing() -> None:
    text = """
version: 2.1
parameters: {to: {type: string, default: a}}
commands:
  greet:
    parameters: {to: {type: string, default: world}}
    steps: [{run: "echo parameters.to << pipeline.parameters.to >>"}]
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [greet]}
"""
    assert places(text + RUNS_BUILD, CODE) == ["commands.greet.parameters.to"]


def test_executors_jobs_and_inline_orbs_are_looked_at_too() -> None:
    text = """
version: 2.1
orbs:
  tools:
    commands:
      hammer: {parameters: {x: {type: string, default: a}}, steps: [checkout]}
executors:
  e: {parameters: {y: {type: string, default: a}}, docker: [{image: cimg/base:current}]}
jobs:
  build: {parameters: {z: {type: string, default: a}}, executor: e, steps: [tools/hammer]}
"""
    assert places(text + RUNS_BUILD, CODE) == [
        "orbs.tools.commands.hammer.parameters.x",
        "executors.e.parameters.y",
        "jobs.build.parameters.z",
    ]


def test_a_declaration_that_several_share_is_used_if_one_of_them_uses_it() -> None:
    text = """
version: 2.1
commands:
  a: {parameters: &shared {to: {type: string, default: x}}, steps: [checkout]}
  b: {parameters: *shared, steps: [{run: echo << parameters.to >>}]}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [a, b]}
"""
    assert places(text + RUNS_BUILD, CODE) == []


def test_a_parameter_that_a_matrix_multiplies_by_is_left_alone() -> None:
    text = """
version: 2.1
jobs:
  build:
    parameters: {n: {type: integer, default: 1}}
    docker: [{image: cimg/base:current}]
    steps: [checkout]
workflows:
  main: {jobs: [{build: {matrix: {parameters: {n: [1, 2]}}}}]}
"""
    assert places(text, CODE) == []


PIPELINE = """
version: 2.1
%s
parameters:
  used: {type: boolean, default: true}
  idle: {type: string, default: ""}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [checkout]}
workflows:
  main: {when: pipeline.parameters.used, jobs: [build]}
"""


def test_a_pipeline_parameter_that_nothing_uses_is_named() -> None:
    (found,) = warned(PIPELINE % "", CODE)
    assert found.where.key == "parameters.idle"
    assert found.hint == "remove it, unless a trigger or a setup configuration hands it over"


def test_pipeline_parameters_of_a_setup_configuration_are_left_alone() -> None:
    assert places(PIPELINE % "setup: true", CODE) == []
