"""Filters that can never match."""

from __future__ import annotations

import pytest

from pipeline.config.compiler import check
from tests.unit.pipeline.config.lint.support import warned

CODE = "filter-never"


def config(filters: str) -> str:
    return f"""
version: 2.1
jobs:
  build: {{docker: [{{image: cimg/base:current}}], steps: [checkout]}}
workflows:
  main:
    jobs:
      - build:
          filters: {filters}
"""


@pytest.mark.parametrize(
    ("name", "regex"),
    [
        ("release-.*", "/release-.*/"),
        ("^v.*", "/^v.*/"),
        ("feature/*", "/feature/.*/"),
        (r"v\d+", r"/v\d+/"),
        ("main|develop", "/main|develop/"),
        ("/^v.*", "/^v.*/"),
    ],
)
def test_a_regular_expression_without_slashes_is_taken_literally(name: str, regex: str) -> None:
    (found,) = warned(config(f"{{branches: {{only: [main, '{name}']}}}}"), CODE)
    assert found.where.key == "workflows.main.jobs[0].build.filters.branches.only[1]"
    assert found.where.line == 8
    assert "is taken literally, and no branch has such a name" in found.message
    assert found.hint == f"write a regular expression between slashes: {regex}"


def test_flags_of_other_languages_are_moved_into_the_expression() -> None:
    (found,) = warned(config("{tags: {only: '/^V.*/i'}}"), CODE)
    assert found.hint == (
        "put flags inside of the expression, and the slashes around all of it: /(?i)^V.*/"
    )


def test_several_names_in_one_text_are_to_be_a_list() -> None:
    (found,) = warned(config("{branches: {ignore: 'main develop'}}"), CODE)
    assert found.hint == "write several names as a list: [main, develop]"


@pytest.mark.parametrize(
    "name",
    [
        "main",
        "feature/x",
        "v1.0.0",
        "a+b",
        "user@host",
        "/release-.*/",
        "/.*/",
        "/v1 ?x/",
        "release.x",
    ],
)
def test_names_and_expressions_are_left_alone(name: str) -> None:
    assert warned(config(f"{{branches: {{only: '{name}'}}}}"), CODE) == []


def test_an_expression_that_needs_what_git_refuses_can_match_nothing() -> None:
    (found,) = warned(config("{branches: {only: '/^my branch$/'}}"), CODE)
    assert found.message.startswith('no branch can match "/^my branch$/"')


def test_an_empty_list_lets_the_job_run_for_nothing() -> None:
    (found,) = warned(config("{branches: {only: []}}"), CODE)
    assert found.where.key == "workflows.main.jobs[0].build.filters.branches.only"


def test_names_that_are_all_ignored_as_well_are_none() -> None:
    (found,) = warned(config("{branches: {only: [main], ignore: [main, develop]}}"), CODE)
    assert found.where.key == "workflows.main.jobs[0].build.filters.branches.ignore"
    assert warned(config("{branches: {only: [main, x], ignore: [main]}}"), CODE) == []
    assert warned(config("{branches: {only: /main/, ignore: [main]}}"), CODE) == []


def test_a_job_that_ignores_every_branch_needs_a_filter_for_tags() -> None:
    (found,) = warned(config("{branches: {ignore: /.*/}}"), CODE)
    assert found.message == (
        "the job 'build' never runs: it ignores every branch, and has no filter for tags"
    )
    assert warned(config("{branches: {ignore: /.*/}, tags: {only: /^v.*/}}"), CODE) == []


def test_tags_and_expressions_may_become_anything() -> None:
    assert warned(config('pipeline.git.branch == "a*"'), CODE) == []
    text = config("{branches: {only: << pipeline.parameters.b >>}}")
    text += "parameters: {b: {type: string, default: main}}\n"
    assert warned(text, CODE) == []


def test_jobs_of_job_groups_are_looked_at_as_well() -> None:
    text = """
version: 2.1
jobs:
  build: {docker: [{image: cimg/base:current}], steps: [checkout]}
job-groups:
  g: {jobs: [{build: {filters: {branches: {only: release-*}}}}]}
workflows:
  main: {jobs: [g]}
"""
    assert [f.code for f in check(text) if f.code == CODE] == [CODE]
