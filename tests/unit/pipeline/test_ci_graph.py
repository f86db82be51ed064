"""The task ci.graph, as a user runs it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.program import OrbyardProgram

CONFIG = """\
version: 2.1
parameters:
  run-e2e: {type: boolean, default: false}
jobs:
  build: &job {docker: [{image: cimg/ruby:3.3}], steps: [checkout, {run: make}]}
  test: {<<: *job, parallelism: 3, resource_class: large}
  deploy: *job
  e2e: *job
workflows:
  main:
    jobs:
      - build
      - test: {requires: [build]}
      - hold: {type: approval, requires: [test]}
      - deploy:
          requires: [hold]
          context: [aws]
          filters: {branches: {only: main}}
  nightly:
    triggers: [{schedule: {cron: 0 3 * * *, filters: {branches: {only: main}}}}]
    jobs: [test]
  e2e:
    when: << pipeline.parameters.run-e2e >>
    jobs: [e2e]
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Orbyard = Callable[..., Done]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".circleci").mkdir()
    (tmp_path / ".circleci/config.yml").write_text(CONFIG)
    return tmp_path


@pytest.fixture
def orbyard(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Orbyard:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(repository)

    def run(*words: str) -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        code = 0
        try:
            OrbyardProgram(name="orbyard", binary="orbyard").run(["orbyard", *words])
        except SystemExit as stopped:
            code = int(stopped.code or 0)
        return Done(code, *capsys.readouterr())

    return run


def test_the_workflows_that_a_branch_starts_are_drawn(orbyard: Orbyard) -> None:
    done = orbyard("ci.graph", "--branch", "main")
    assert done.code == 0
    assert done.out.splitlines() == [
        "main  starts for branch main",
        "╭───────╮  ╭─────────╮  ╔═════════════════╗  ╭────────╮",
        "│ build ├─▸│ test ×3 ├─▸║ hold (approval) ╟─▸│ deploy │",
        "╰───────╯  ╰─────────╯  ╚═════════════════╝  ╰────────╯",
    ]


def test_what_a_filter_leaves_out_is_named_with_the_reason(orbyard: Orbyard) -> None:
    done = orbyard("ci.graph", "--branch", "feature", "--ascii")
    assert done.out.isascii()
    assert "deploy |" not in done.out
    assert done.out.endswith("left out: deploy (its filters: only branches main)\n")


def test_all_workflows_are_drawn_with_how_they_start(orbyard: Orbyard) -> None:
    done = orbyard("ci.graph", "--all", "--branch", "main")
    assert "nightly  scheduled at 0 3 * * * on main (UTC)" in done.out
    reason = "when: << pipeline.parameters.run-e2e >>, where pipeline.parameters.run-e2e is false"
    assert f"e2e  does not run: {reason}" in done.out
    assert "left out: e2e" in done.out


def test_a_workflow_whose_condition_is_false_is_drawn_when_it_becomes_true(
    orbyard: Orbyard,
) -> None:
    done = orbyard("ci.graph", "--workflow", "e2e")
    assert done.code == 2
    assert "the workflow 'e2e' does not run: when: << pipeline.parameters.run-e2e >>" in done.err
    assert "│ e2e │" in orbyard("ci.graph", "--workflow", "e2e", "--param", "run-e2e=true").out


def test_a_picture_and_a_page_are_written(repository: Path, orbyard: Orbyard) -> None:
    done = orbyard("ci.graph", "--branch", "main", "--svg", "a.svg", "--html", "a.html")
    assert (done.code, done.out) == (0, "")
    assert "wrote a.svg" in done.err
    assert ElementTree.parse(repository / "a.svg").getroot().tag.endswith("svg")
    page = (repository / "a.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "cimg/ruby:3.3, large" in page


def test_a_picture_of_several_workflows_has_them_all(orbyard: Orbyard) -> None:
    done = orbyard("ci.graph", "--all", "--branch", "main", "--svg", "-")
    root = ElementTree.fromstring(done.out)
    titles = [node.text for node in root if node.get("class") == "og-title"]
    assert titles == ["main", "nightly"]


def test_programs_get_json(orbyard: Orbyard) -> None:
    (flow,) = json.loads(orbyard("ci.graph", "--branch", "main", "--json").out)
    assert [job["name"] for job in flow["jobs"]] == ["build", "test", "hold", "deploy"]
    assert flow["jobs"][3]["requires"] == {"hold": ["success"]}
    assert flow["jobs"][3]["contexts"] == ["aws"]
    assert flow["jobs"][1]["where"].endswith("config.yml:13:9")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--workflow", "mian"), "did you mean 'main'?"),
        (("--workflow", "main", "--all"), "give --workflow or --all, not both"),
        (("--width", "5"), "--width is a number of columns from 20 on"),
        (("--svg", "-", "--json"), "only one of --svg, --html and --json"),
        (("--svg", "no/such/folder.svg"), "no/such/folder.svg cannot be written"),
        (("--tag", "v1"), "no workflow runs for the tag 'v1'"),
        (("--config", "none.yml"), 'No config file found at "none.yml".'),
    ],
)
def test_wrong_options_are_bad_input(words: tuple[str, ...], said: str, orbyard: Orbyard) -> None:
    done = orbyard("ci.graph", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
