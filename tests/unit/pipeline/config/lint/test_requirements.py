"""Jobs that require others which the filters leave out."""

from __future__ import annotations

import pytest

from tests.unit.pipeline.config.lint.support import warned

CODE = "requires-filtered"


def config(jobs: str) -> str:
    return f"""
version: 2.1
jobs:
  a: &job {{docker: [{{image: cimg/base:current}}], steps: [checkout]}}
  b: *job
  c: *job
workflows:
  main:
    jobs:
{jobs}
"""


TAGS = "{tags: {only: /^v.*/}}"


def test_a_job_for_tags_that_requires_one_without_is_named_with_what_to_write() -> None:
    text = config(f"""
      - a
      - b: {{requires: [a], filters: {TAGS}}}
      - c: {{requires: [b], filters: {TAGS}}}
""")
    (found,) = warned(text, CODE)  # c does not run either, but the mistake is that of b
    assert found.where.key == "workflows.main.jobs[1].b.requires"
    assert found.message == (
        "the job 'b' never runs for a tag: it requires 'a', without a filter for tags"
    )
    assert found.hint == "give 'a' `filters: {tags: {only: …}}` as well, for the same tags"


@pytest.mark.parametrize(
    "jobs",
    [
        f"      - a: {{filters: {TAGS}}}\n      - b: {{requires: [a], filters: {TAGS}}}",
        f"      - a\n      - c: {{filters: {TAGS}}}\n      - b: {{requires: [a, c], filters: {TAGS}}}",
        f"      - a: {{filters: pipeline.git.tag}}\n      - b: {{requires: [a], filters: {TAGS}}}",
        f"      - a\n      - b: {{requires: [{{a: terminal}}], filters: {TAGS}}}",
        "      - a\n      - b: {requires: [a]}",
    ],
)
def test_a_requirement_that_may_be_left_is_enough(jobs: str) -> None:
    assert warned(config(jobs), CODE) == []


def test_branches_for_which_the_requirement_does_not_run_are_named() -> None:
    text = config("""
      - a: {filters: {branches: {only: [main]}}}
      - b: {requires: [a], filters: {branches: {only: [develop]}}}
      - c: {requires: [a], filters: {branches: {only: [main, staging]}}}
""")
    first, second = warned(text, CODE)
    assert first.message == (
        "the job 'b' never runs for any of its branches: it requires 'a', which the filters leave out there"
    )
    assert first.hint == "let 'a' run for 'develop' as well"
    assert second.message.startswith("the job 'c' never runs for 'staging':")


@pytest.mark.parametrize(
    "filters",
    [
        "{only: [main, develop]}",
        "{only: /.*/}",
        "{ignore: [main]}",
        "{only: [x<< pipeline.number >>]}",
    ],
)
def test_requirements_that_may_run_there_are_left_alone(filters: str) -> None:
    text = config(f"""
      - a: {{filters: {{branches: {filters}}}}}
      - b: {{requires: [a], filters: {{branches: {{only: develop}}}}}}
""")
    assert warned(text, CODE) == []


def test_names_and_aliases_are_followed() -> None:
    text = config(f"""
      - a: {{name: first}}
      - b: {{requires: [first], filters: {TAGS}}}
""")
    assert [f.message for f in warned(text, CODE)] == [
        "the job 'b' never runs for a tag: it requires 'first', without a filter for tags"
    ]
