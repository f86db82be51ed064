"""Comments that turn warnings off."""

from __future__ import annotations

import pytest

from pipeline.config.compiler import check
from pipeline.config.suppressions import comments

UNUSED = "jobs.unused"
IMAGE = "jobs.build.docker[0].image"


def found(text: str) -> list[str]:
    return [str(finding.where.key) for finding in check(text)]


def config(above: str = "", beside: str = "", image: str = "", end: str = "") -> str:
    return f"""version: 2.1
jobs:
  build:
    docker:
      {above}
      - image: circleci/ruby:2.6 {image}
    steps: [checkout]
  unused: {{docker: [{{image: cimg/base:current}}], steps: [checkout]}} {beside}
  {end}
workflows: {{main: {{jobs: [build]}}}}
"""


def test_without_comments_all_warnings_are_there() -> None:
    assert found(config()) == [IMAGE, UNUSED]


@pytest.mark.parametrize(
    "comment", ["# cci-ignore", "#cci-ignore", "# why not # cci-ignore", "# orbyard: ignore"]
)
def test_a_comment_turns_off_the_warnings_of_its_line(comment: str) -> None:
    assert found(config(image=comment)) == [UNUSED]
    assert found(config(beside=comment)) == [IMAGE]


@pytest.mark.parametrize(
    "comment", ["# cci-ignore-next-line", "# orbyard: ignore", "# orbyard: ignore — old runner"]
)
def test_a_comment_of_its_own_turns_off_the_line_below(comment: str) -> None:
    assert found(config(above=comment)) == [UNUSED]


def test_a_plain_cci_ignore_is_for_its_own_line_only() -> None:
    assert found(config(above="# cci-ignore")) == [IMAGE, UNUSED]


def test_codes_in_brackets_turn_off_these_only() -> None:
    assert found(config(image="# orbyard: ignore[deprecated-image, unused-job]")) == [UNUSED]
    assert found(config(image="# orbyard: ignore[unused-job]")) == [IMAGE, UNUSED]


def test_a_range_reaches_from_its_start_to_its_end() -> None:
    assert found(config(above="# cci-ignore-start", end="# cci-ignore-end")) == []


def test_a_range_without_an_end_turns_nothing_off() -> None:
    assert found(config(above="# cci-ignore-start")) == [IMAGE, UNUSED]


def test_the_whole_file_can_be_turned_off() -> None:
    assert found("# cci-ignore-file\n" + config()) == []


@pytest.mark.parametrize("comment", ["# cci-ignore please", "# cci-ignored", "# orbyard ignore"])
def test_other_words_turn_nothing_off(comment: str) -> None:
    assert found(config(image=comment)) == [IMAGE, UNUSED]


def test_errors_stay() -> None:
    text = (
        "# cci-ignore-file\nversion: 2.1\njobs: {build: {machine: true, stepz: []}}  # cci-ignore\n"
    )
    assert "unknown-key" in {finding.code for finding in check(text)}


YAML = """# 1
a: b # 2
c: "d # no" # 3
e: 'f '' # no' # 4
g: |
  # no
  x # no

  y # no
# 10
h:
  - run: |
     # no
   # 14
  - |
    # no
  - "multi
    # no
    end" # 19
  - [a, "b # no", {c: 'd'}] # 20
  - echo don't # 21
  - awk -F:'x' # 22
  - &x "q # no" # 23
  - key: !!str 'z # no' # 24
  - url#no
  - { a: b, # 26
      "c": "d # no" } # 27
  - >- # 28
    # no
last: [
  a, # 31
  'b' ]
run: echo "foo # 33
k: "esc \\" # no" # 34
name: it's # 35
"""


def test_comments_are_told_from_texts_with_a_number_sign() -> None:
    assert [(number, text) for number, text, _ in comments(YAML)] == [
        (number, f"# {number}")
        for number in (1, 2, 3, 4, 10, 14, 19, 20, 21, 22, 23, 24, 26, 27, 28, 31, 33, 34, 35)
    ]
    assert [number for number, _, alone in comments(YAML) if alone] == [1, 10, 14]
