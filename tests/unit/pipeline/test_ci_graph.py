"""The task ci.graph, as a user runs it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.runner.store import Store
from tests.unit.pipeline.in_process import Done, Orbyard, run_program

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
        return run_program(words, capsys)

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
    assert f"e2e does not run: {reason}" in " ".join(done.out.split())
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


# Lists and plans ----------------------------------------------------------------------------------


def test_a_list_says_what_starts_what_does_not_and_why(orbyard: Orbyard) -> None:
    done = orbyard("ci.run", "--list", "--branch", "feature")
    assert done.code == 0
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[0] == "main starts for branch feature"
    assert "test ×3 docker cimg/ruby:3.3, large build" in lines
    assert "hold approval test" in lines
    assert "left out: deploy (its filters: only branches main)" in lines
    assert "nightly scheduled at 0 3 * * * on main (UTC)" in lines
    assert "pipeline.parameters.run-e2e is false" in lines


def test_a_list_is_there_also_where_nothing_starts(orbyard: Orbyard) -> None:
    done = orbyard("ci.run", "--list", "--tag", "v1")
    assert done.code == 0
    assert "main  does not run: no job of it is for tag v1" in done.out


def test_a_list_of_one_workflow_and_for_programs(orbyard: Orbyard) -> None:
    done = orbyard("ci.run", "--list", "--workflow", "e2e", "--json")
    (flow,) = json.loads(done.out)
    assert (flow["name"], flow["state"], flow["jobs"]) == ("e2e", "skipped", [])
    done = orbyard("ci.run", "--list", "--workflow", "e3e")
    assert done.code == 2
    assert "did you mean 'e2e'?" in done.err


@pytest.mark.parametrize("what", ["--list", "--dry-run"])
def test_lists_and_plans_show_the_images_that_are_taken(
    repository: Path, orbyard: Orbyard, what: str
) -> None:
    (repository / "orbyard.yml").write_text("ci: {images: {cimg/: mirror.test/cimg/}}\n")
    done = orbyard("ci.run", what, "--branch", "x")
    assert "docker mirror.test/cimg/ruby:3.3" in done.out
    assert "in place of cimg/ruby:3.3" in done.out
    option = orbyard("ci.run", what, "--branch", "x", "--image", "cimg/ruby=acme/ruby:1")
    assert "docker acme/ruby:1" in option.out
    wrong = orbyard("ci.run", what, "--branch", "x", "--image", "cimg/ruby")
    assert (wrong.code, "--image is written as IMAGE=OTHER" in wrong.err) == (2, True)


@pytest.mark.parametrize("what", ["--list", "--dry-run"])
def test_lists_and_plans_of_a_job_show_how_many_instances_run(orbyard: Orbyard, what: str) -> None:
    def shown(*words: str) -> str:
        return orbyard("ci.run", what, "--job", "test", *words).out

    assert "test ×3  " in shown()
    assert "test ×8  " in shown("--node-total", "8")
    assert "test[2] of 3  " in shown("--node-index", "2")
    assert "deploy" not in shown()
    (flow,) = json.loads(shown("--node-index", "2", "--node-total", "8", "--json"))
    jobs = {job["name"]: (job["parallelism"], job["node_index"]) for job in flow["jobs"]}
    assert jobs == {"build": (1, None), "test": (8, 2)}
    assert "has 3 instances" in orbyard("ci.run", what, "--job", "test", "--node-index", "3").err


def test_a_dry_run_shows_jobs_and_steps_and_leaves_nothing_behind(
    repository: Path, orbyard: Orbyard
) -> None:
    done = orbyard("ci.run", "--dry-run", "--branch", "main", "--approve", "hold")
    assert done.code == 0
    assert done.out.splitlines()[:4] == [
        "main  starts for branch main",
        "  1  build  docker cimg/ruby:3.3",
        "     checkout: Checkout code",
        "     run: make",
    ]
    assert "hold  approval: passes by --approve; after test" in done.out
    assert "caches and workspaces: " in done.err
    assert not (repository / ".orbyard").exists()


def test_a_dry_run_says_which_caches_are_there(
    repository: Path, orbyard: Orbyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = """[
      'gems-{{ checksum "Gemfile.lock" }}', gems-, 'made-{{ checksum "made.txt" }}',
      'outside-{{ checksum "../../etc/hostname" }}', 'env-{{ .Environment.X }}', other-]"""
    saved = """{key: 'gems-{{ checksum "Gemfile.lock" }}', paths: [vendor]}"""
    steps = f"[checkout, {{restore_cache: {{keys: {keys}}}}}, {{save_cache: {saved}}}]"
    job = f"{{docker: [{{image: cimg/ruby:3.3}}], steps: {steps}}}"
    config = f"version: 2.1\njobs: {{build: {job}}}\nworkflows: {{main: {{jobs: [build]}}}}\n"
    (repository / ".circleci/config.yml").write_text(config)
    (repository / "Gemfile.lock").write_text("rails\n")
    monkeypatch.setenv("XDG_CACHE_HOME", str(repository / "cache"))
    key = f"gems-{_sum(b'rails' + bytes([10]))}"

    before = [line.strip() for line in orbyard("ci.run", "--dry-run").out.splitlines()]
    assert f"{key}: not stored here" in before
    assert not (repository / "cache").exists()

    folder = repository / "cache/orbyard/store"
    store = Store(folder, size_limit_bytes=10**9, warn=pytest.fail)
    store.save_cache(str(repository.resolve()), key, [bytes(1024)], created_by="a test")
    after = [line.strip() for line in orbyard("ci.run", "--dry-run").out.splitlines()]
    assert f"{key}: stored, 0.0 MB" in after
    assert f"gems-: stored as {key}, 0.0 MB" in after
    assert 'made-{{ checksum "made.txt" }}' in after
    assert 'outside-{{ checksum "../../etc/hostname" }}' in after
    assert "env-{{ .Environment.X }}" in after
    assert "other-: not stored here" in after
    assert f"{key}: stored, 0.0 MB, and so kept as it is" in after


def _sum(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


def test_a_plan_for_programs_has_the_steps_with_all_their_keys(orbyard: Orbyard) -> None:
    (flow,) = json.loads(orbyard("ci.run", "--dry-run", "--json", "--branch", "main").out)
    assert flow["jobs"][0]["steps"][1]["options"] == {"command": "make"}
