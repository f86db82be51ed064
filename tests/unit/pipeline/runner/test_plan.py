"""What of a configuration is run."""

from __future__ import annotations

import pytest

from pipeline.config.compiler import compile as compile_config
from pipeline.config.model import CompiledConfig, Filter, Filters
from pipeline.errors import InvalidInput
from pipeline.runner.plan import Choice, PlannedWorkflow, filters_match, plan_run

JOBS = """
version: 2.1
jobs:
  build: {docker: [{image: a}], steps: [checkout]}
  test: {docker: [{image: a}], steps: [checkout]}
  deploy: {docker: [{image: a}], steps: [checkout]}
  lint: {docker: [{image: a}], steps: [checkout]}
workflows:
"""


def config(workflows: str) -> CompiledConfig:
    return compile_config(JOBS + workflows)


def names(workflow: PlannedWorkflow) -> list[str]:
    return [job.name for job in workflow.jobs]


CHAIN = config("""
  ship:
    jobs:
      - build
      - lint
      - test: {requires: [build]}
      - deploy: {requires: [test, lint], filters: {branches: {only: main}}}
""")


@pytest.mark.parametrize(
    ("only", "ignore", "branch", "runs"),
    [
        (("main",), None, "main", True),
        (("main",), None, "maintenance", False),
        (("main", "next"), None, "next", True),
        (("/release-.*/",), None, "release-1", True),
        (("/release/",), None, "release-1", False),
        (("/(?i)RELEASE-\\d++/",), None, "release-12", True),
        ((r"/\Qa.b\E/",), None, "a.b", True),
        ((r"/\Qa.b\E/",), None, "axb", False),
        (None, ("main",), "main", False),
        (None, ("main",), "feature", True),
        (None, ("/feature/.*/",), "feature/x", False),
        (("main",), ("main",), "main", True),
        (("main",), ("other",), "feature", False),
        ((), None, "main", False),
        (None, None, "main", True),
        (("/",), None, "/", True),
    ],
)
def test_filters_of_branches(
    only: tuple[str, ...] | None, ignore: tuple[str, ...] | None, branch: str, runs: bool
) -> None:
    assert filters_match(Filters(branches=Filter(only, ignore)), branch=branch) is runs


def test_a_job_without_filters_runs_for_every_branch_and_for_no_tag() -> None:
    assert filters_match(Filters(), branch="feature")
    assert not filters_match(Filters(), tag="v1")


def test_a_filter_for_branches_alone_keeps_tags_out() -> None:
    assert not filters_match(Filters(branches=Filter(only=("/.*/",))), tag="v1")


def test_a_job_with_a_filter_for_tags_runs_for_them_and_still_for_all_branches() -> None:
    filters = Filters(tags=Filter(only=("/v.*/",)))
    assert filters_match(filters, tag="v1")
    assert not filters_match(filters, tag="1.0")
    assert filters_match(filters, branch="feature")


def test_where_there_are_a_branch_and_a_tag_the_branch_counts() -> None:
    filters = Filters(branches=Filter(ignore=("main",)), tags=Filter(only=("/.*/",)))
    assert not filters_match(filters, branch="main", tag="v1")


def test_outside_of_a_branch_only_what_asks_for_no_branch_runs() -> None:
    assert filters_match(Filters())
    assert not filters_match(Filters(branches=Filter(only=("main",))))


def test_a_pattern_that_takes_too_long_is_an_error_of_the_user() -> None:
    filters = Filters(branches=Filter(only=("/(?:a|aa)+$(?<!a)/",)))
    with pytest.raises(InvalidInput, match="takes too long"):
        filters_match(filters, branch="a" * 100)


def test_a_filtered_job_is_left_out_and_named() -> None:
    (workflow,) = plan_run(CHAIN, Choice(), branch="feature")
    assert names(workflow) == ["build", "lint", "test"]
    assert workflow.left_out == ("deploy",)
    (workflow,) = plan_run(CHAIN, Choice(), branch="main")
    assert names(workflow) == ["build", "lint", "test", "deploy"]
    assert workflow.left_out == ()


FILTERED = config("""
  w:
    jobs:
      - build: {filters: {branches: {only: main}}}
      - lint
      - test: {requires: [build]}
      - deploy: {requires: [test]}
      - deploy: {name: both, requires: [build, lint]}
""")


def test_a_job_is_dropped_with_all_that_it_requires_and_so_are_those_that_follow_on_it() -> None:
    (workflow,) = plan_run(FILTERED, Choice(), branch="feature")
    assert names(workflow) == ["lint", "both"]
    assert workflow.left_out == ("build", "test", "deploy")


def test_of_several_requirements_those_that_are_dropped_are_not_waited_for() -> None:
    (workflow,) = plan_run(FILTERED, Choice(), branch="feature")
    assert [need.name for need in workflow.jobs[1].requires] == ["lint"]


def test_a_tag_starts_only_jobs_with_a_filter_for_tags() -> None:
    compiled = config("""
  w:
    jobs:
      - lint
      - build: {filters: {tags: {only: /v.*/}}}
      - deploy: {requires: [build], filters: {tags: {only: /v.*/}, branches: {ignore: /.*/}}}
""")
    (workflow,) = plan_run(compiled, Choice(), tag="v1.2")
    assert names(workflow) == ["build", "deploy"]
    (workflow,) = plan_run(compiled, Choice(), branch="main")
    assert names(workflow) == ["lint", "build"]


def test_where_nothing_runs_the_error_names_the_branch_or_the_tag() -> None:
    with pytest.raises(InvalidInput, match="no workflow runs for the tag 'v1'") as caught:
        plan_run(CHAIN, Choice(), tag="v1")
    assert "--branch" in (caught.value.hint or "")
    compiled = config("  w: {jobs: [{build: {filters: {branches: {only: main}}}}]}")
    with pytest.raises(InvalidInput, match="no workflow runs for the branch 'feature'"):
        plan_run(compiled, Choice(), branch="feature")


def test_a_workflow_of_which_nothing_remains_is_not_run_and_others_are() -> None:
    compiled = config("""
  release: {jobs: [{build: {filters: {branches: {only: main}}}}]}
  check: {jobs: [lint]}
""")
    assert [flow.name for flow in plan_run(compiled, Choice(), branch="x")] == ["check"]
    assert [flow.name for flow in plan_run(compiled, Choice(), branch="main")] == [
        "release",
        "check",
    ]


NIGHTLY = config("""
  nightly:
    triggers: [{schedule: {cron: 0 0 * * *, filters: {branches: {only: main}}}}]
    jobs: [build, {deploy: {requires: [build]}}, {test: {requires: [build]}}]
  check: {jobs: [lint, test]}
""")


def test_a_scheduled_workflow_is_not_started_by_a_push() -> None:
    assert [flow.name for flow in plan_run(NIGHTLY, Choice(), branch="main")] == ["check"]


def test_a_scheduled_workflow_is_run_when_it_is_named() -> None:
    (workflow,) = plan_run(NIGHTLY, Choice(workflow="nightly"), branch="main")
    assert names(workflow) == ["build", "deploy", "test"]


def test_a_job_of_a_scheduled_workflow_can_be_named() -> None:
    (workflow,) = plan_run(NIGHTLY, Choice(job="deploy"), branch="main")
    assert (workflow.name, names(workflow)) == ("nightly", ["build", "deploy"])


def test_a_job_of_several_workflows_is_that_of_the_one_that_a_push_starts() -> None:
    (workflow,) = plan_run(NIGHTLY, Choice(job="test"), branch="main")
    assert (workflow.name, names(workflow)) == ("check", ["test"])
    (workflow,) = plan_run(NIGHTLY, Choice(workflow="nightly", job="test"), branch="main")
    assert (workflow.name, names(workflow)) == ("nightly", ["build", "test"])


def test_a_job_brings_all_that_it_needs_whatever_its_filters_say() -> None:
    (workflow,) = plan_run(CHAIN, Choice(job="test"), branch="feature")
    assert names(workflow) == ["build", "test"]
    (workflow,) = plan_run(CHAIN, Choice(job="deploy"), branch="feature")
    assert names(workflow) == ["build", "lint", "test", "deploy"]


def test_a_job_alone_waits_for_nothing() -> None:
    (workflow,) = plan_run(CHAIN, Choice(job="deploy", only=True))
    assert names(workflow) == ["deploy"]
    assert workflow.jobs[0].requires == ()


def test_an_unknown_workflow_is_an_error_with_the_nearest_name() -> None:
    with pytest.raises(InvalidInput, match="there is no workflow 'shp'") as caught:
        plan_run(CHAIN, Choice(workflow="shp"))
    assert caught.value.hint == "did you mean 'ship'?"


def test_an_unknown_job_is_an_error_with_the_nearest_name_or_all_names() -> None:
    with pytest.raises(InvalidInput, match="there is no job 'biuld'") as caught:
        plan_run(CHAIN, Choice(job="biuld"))
    assert caught.value.hint == "did you mean 'build'?"
    with pytest.raises(InvalidInput) as caught:
        plan_run(NIGHTLY, Choice(job="zzz"))
    assert caught.value.hint == "there are: lint, test, build, deploy"


def test_a_job_of_another_workflow_than_the_named_one_is_unknown() -> None:
    with pytest.raises(InvalidInput, match="there is no job 'lint'"):
        plan_run(NIGHTLY, Choice(workflow="nightly", job="lint"))


PARALLEL = compile_config("""
version: 2.1
jobs:
  build: {docker: [{image: a}], steps: [checkout]}
  test: {docker: [{image: a}], parallelism: 3, steps: [checkout]}
workflows: {main: {jobs: [build, test: {requires: [build]}]}}
""")


def test_one_instance_of_a_parallel_job_runs_alone_and_what_it_requires_as_ever() -> None:
    (workflow,) = plan_run(PARALLEL, Choice(job="test", node_index=2))
    assert list(workflow.indexes("test", 3)) == [2]
    assert list(workflow.indexes("build", 1)) == [0]
    assert workflow.with_total(PARALLEL).jobs["test"].parallelism == 3


def test_a_job_gets_as_many_instances_as_are_asked_for() -> None:
    (workflow,) = plan_run(PARALLEL, Choice(job="test", node_total=5))
    config_of_run = workflow.with_total(PARALLEL)
    assert config_of_run.jobs["test"].parallelism == 5
    assert config_of_run.jobs["build"].parallelism == 1
    assert list(workflow.indexes("test", 5)) == [0, 1, 2, 3, 4]
    (workflow,) = plan_run(PARALLEL, Choice(job="test", node_index=4, node_total=5))
    assert list(workflow.indexes("test", 5)) == [4]


def test_an_instance_that_the_job_has_not_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'test' has 3 instances, counted from 0"):
        plan_run(PARALLEL, Choice(job="test", node_index=3))
