"""Elements and orbs that nothing uses."""

from __future__ import annotations

from pipeline.config.compiler import check
from tests.unit.pipeline.config.lint.support import RUNS_BUILD, places, warned

CODES = ("unused-command", "unused-executor", "unused-job", "unused-orb")


def test_what_no_workflow_comes_to_is_named_where_it_is_declared() -> None:
    text = """
version: 2.1
commands:
  greet: {steps: [checkout]}
executors:
  spare: {docker: [{image: cimg/base:current}]}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [checkout]}
  forgotten: {docker: [{image: cimg/base:current}], steps: [checkout]}
"""
    found = warned(text + RUNS_BUILD, *CODES)
    assert [(f.code, f.where.line, f.where.key) for f in found] == [
        ("unused-command", 3, "commands.greet"),
        ("unused-executor", 5, "executors.spare"),
        ("unused-job", 8, "jobs.forgotten"),
    ]
    assert found[2].message == "no workflow runs the job 'forgotten'"
    assert found[2].hint == "remove it, or list it below `jobs:` of a workflow"


def test_of_those_that_use_each_other_only_the_outermost_is_named() -> None:
    text = """
version: 2.1
orbs:
  tools:
    commands: {hammer: {steps: [checkout]}}
commands:
  inner: {steps: [tools/hammer]}
  outer: {steps: [{when: {condition: true, steps: [inner]}}]}
executors:
  spare: {docker: [{image: cimg/base:current}]}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [checkout]}
  forgotten: {executor: {name: spare}, steps: [outer]}
"""
    assert places(text + RUNS_BUILD, *CODES) == ["jobs.forgotten"]


def test_commands_that_call_each_other_in_a_circle_are_named_once() -> None:
    text = """
version: 2.1
commands:
  a: {steps: [b]}
  b: {steps: [a]}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [checkout]}
"""
    assert places(text + RUNS_BUILD, *CODES) == ["commands.a"]


def test_what_a_workflow_that_does_not_run_today_refers_to_is_used() -> None:
    text = """
version: 2.1
parameters:
  nightly: {type: boolean, default: false}
commands:
  deep: {steps: [checkout]}
executors:
  big: {docker: [{image: cimg/base:current}]}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [checkout]}
  long: {executor: big, steps: [deep]}
workflows:
  main: {jobs: [build]}
  night: {when: << pipeline.parameters.nightly >>, jobs: [long]}
"""
    assert places(text, *CODES) == []


def test_executors_that_are_handed_over_are_used() -> None:
    text = """
version: 2.1
executors:
  by-default: {docker: [{image: cimg/base:current}]}
  by-argument: {docker: [{image: cimg/base:current}]}
  by-matrix: {docker: [{image: cimg/base:current}]}
  by-map: {parameters: {v: {type: string, default: a}}, docker: [{image: "cimg/base:<< parameters.v >>"}]}
jobs:
  build:
    parameters: {e: {type: executor, default: by-default}}
    executor: << parameters.e >>
    steps: [checkout]
workflows:
  main:
    jobs:
      - build
      - build: {name: b, e: by-argument}
      - build: {name: "c-<< matrix.e >>", matrix: {parameters: {e: [by-matrix]}}}
      - build: {name: d, e: {name: by-map, v: b}}
"""
    assert places(text, *CODES) == []


def test_where_a_tag_makes_the_name_every_executor_may_be_meant() -> None:
    text = """
version: 2.1
parameters: {where: {type: string, default: small}}
executors:
  small: {docker: [{image: cimg/base:current}]}
  large: {docker: [{image: cimg/base:current}]}
jobs:
  build: {executor: "<< pipeline.parameters.where >>", steps: [checkout]}
"""
    assert places(text + RUNS_BUILD, *CODES) == []


def test_steps_that_are_handed_over_use_what_they_call() -> None:
    text = """
version: 2.1
commands:
  before: {steps: [checkout]}
  handed: {steps: [checkout]}
  around: {parameters: {inner: {type: steps}}, steps: << parameters.inner >>}
jobs:
  build:
    docker: [{image: cimg/base:current}]
    steps: [{around: {inner: [handed]}}]
workflows:
  main: {jobs: [{build: {pre-steps: [before]}}]}
"""
    assert places(text, *CODES) == []


def test_an_inline_orb_is_looked_into_only_where_it_is_used() -> None:
    orb = """
version: 2.1
orbs:
  tools:
    commands:
      hammer: {steps: [checkout]}
      saw: {steps: [checkout]}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [%s]}
"""
    assert places(orb % "checkout" + RUNS_BUILD, *CODES) == ["orbs.tools"]
    found = warned(orb % "tools/hammer" + RUNS_BUILD, *CODES)
    assert [f.where.key for f in found] == ["orbs.tools.commands.saw"]
    assert found[0].message == "the command 'saw' of the orb 'tools' is never called"


def test_while_there_are_errors_nothing_is_called_unused_since_a_misspelled_use_looks_like_none() -> (
    None
):
    text = """
version: 2.1
orbs: {node: circleci/node@5, slack: circleci/slack@4}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [node/install]}
"""
    found = [f.where.key for f in check(text + RUNS_BUILD) if f.code == "unused-orb"]
    assert found == []


def test_a_job_that_only_an_unused_job_group_has_is_left_to_the_group() -> None:
    text = """
version: 2.1
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [checkout]}
  part: {docker: [{image: cimg/base:current}], steps: [checkout]}
job-groups:
  together: {jobs: [part]}
"""
    assert places(text + RUNS_BUILD, *CODES) == ["job-groups.together"]


def test_without_workflows_the_job_build_is_run() -> None:
    text = """
version: 2.1
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [checkout]}
  other: {docker: [{image: cimg/base:current}], steps: [checkout]}
"""
    assert places(text, *CODES) == ["jobs.other"]


def test_an_element_that_another_name_stands_for_is_used() -> None:
    text = """
version: 2.1
orbs:
  tools: {executors: {big: {docker: [{image: cimg/base:current}]}}}
executors: {mine: tools/big}
jobs:
  build: {executor: mine, steps: [checkout]}
"""
    assert places(text + RUNS_BUILD, *CODES) == []


def test_an_orb_that_is_still_to_be_filled_in_is_left_alone() -> None:
    text = """
version: 2.1
orbs: {tested: {}}
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [checkout]}
"""
    assert places(text + RUNS_BUILD, *CODES) == []
