"""Where the variables of a run come from, and what is said where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.config.compiler import compile as compile_config
from pipeline.errors import InvalidInput
from pipeline.process import run_process
from pipeline.run_variables import read_contexts, read_project
from pipeline.runner.plan import Choice, plan_run
from tests.unit.pipeline.variables_run import VariablesRun

CONFIG = """
version: 2.1
jobs:
  test: {docker: [{image: i}], steps: [checkout]}
  deploy: {docker: [{image: i}], steps: [checkout]}
workflows:
  main:
    jobs:
      - test:
          context: [ci]
      - hold: {type: approval, requires: [test]}
      - deploy:
          requires: [hold]
          context: [production, org-global]
"""


def contexts(
    run: VariablesRun,
    *options: str,
    approved: Sequence[str] = (),
    choice: Choice = Choice(),  # noqa: B008  # frozen
) -> dict[str, dict[str, str]]:
    config = compile_config(CONFIG)
    planned = plan_run(config, choice, branch="main")
    return read_contexts(run, config, planned, options, approved)


FLAG = ("ci=flag.env",)
SETTING = "ci: {contexts: {ci: set.env}}\n"


def test_the_flag_wins_over_the_settings_and_these_over_the_usual_place(tmp_path: Path) -> None:
    files = {
        "flag.env": "FROM=flag\n",
        "set.env": "FROM=settings\n",
        "deploy/contexts/ci.env": "FROM=place\n",
        "deploy/contexts/ci.env.enc": "",
    }
    all_ways = VariablesRun(tmp_path / "1", {**files, "orbyard.yml": SETTING})
    assert contexts(all_ways, "ci=flag.env")["ci"] == {"FROM": "flag"}
    assert contexts(all_ways)["ci"] == {"FROM": "settings"}
    by_place = VariablesRun(tmp_path / "2", files)
    assert contexts(by_place)["ci"] == {"FROM": "place"}
    assert "context ci: 1 variable of deploy/contexts/ci.env\n" in by_place.screen.getvalue()


@pytest.mark.parametrize("ending", [".env.enc", ".yml.enc", ".yaml.enc", ".json.enc"])
def test_an_encrypted_context_is_found_in_the_usual_place(tmp_path: Path, ending: str) -> None:
    name = f"ci{ending}"
    run = VariablesRun(
        tmp_path, {f"deploy/contexts/{name}": ""}, decrypted={name: "TOKEN=s3cret-value\n"}
    )
    assert contexts(run)["ci"] == {"TOKEN": "s3cret-value"}
    run.console.line("token s3cret-value")
    assert "s3cret" not in run.screen.getvalue()


def test_a_context_that_is_not_given_is_told_with_its_place_and_every_way(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        contexts(VariablesRun(tmp_path), approved=["all"])
    assert caught.value.message == "no variables are given for the contexts 'ci', 'production'"
    assert [(p.where.line, p.message) for p in caught.value.problems if p.where] == [
        (9, "the job 'test' asks for the context 'ci'"),
        (12, "the job 'deploy' asks for the context 'production'"),
    ]
    hint = caught.value.hint or ""
    for way in ("--context ci=FILE", "ci.contexts", "deploy/contexts/ci.env", "`--context ci=`"):
        assert way in hint
    assert caught.value.exit_code == 2


def test_what_waits_for_an_approval_may_lack_its_context(tmp_path: Path) -> None:
    run = VariablesRun(tmp_path, {"a.env": "A=b\n"})
    assert contexts(run, "ci=a.env") == {"org-global": {}, "ci": {"A": "b"}}
    said = run.screen.getvalue()
    assert "'production' is not given, so that deploy cannot run after the approval" in said
    for approved in (["hold"], ["all"]):
        with pytest.raises(InvalidInput, match="'production'"):
            contexts(run, "ci=a.env", approved=approved)
    with pytest.raises(InvalidInput, match="'production'"):
        contexts(run, choice=Choice(job="deploy", only=True))


def test_an_empty_file_name_stands_for_no_variables(tmp_path: Path) -> None:
    run = VariablesRun(tmp_path, {"orbyard.yml": "ci: {contexts: {production: ''}}\n"})
    given = contexts(run, "ci=", approved=["all"])
    assert given == {"org-global": {}, "ci": {}, "production": {}}


def test_only_contexts_that_a_job_of_the_run_asks_for_are_opened(tmp_path: Path) -> None:
    names = ("ci", "production", "org-global", "other")
    files = {f"deploy/contexts/{name}.env.enc": "" for name in names}
    run = VariablesRun(
        tmp_path, files, decrypted={f"{name}.env.enc": "SHARED=value\n" for name in names}
    )
    contexts(run, choice=Choice(job="test"))
    assert run.opened == ["ci.env.enc"]
    assert contexts(run)["org-global"] == {"SHARED": "value"}
    assert "other.env.enc" not in run.opened


def test_a_context_that_no_job_asks_for_is_told(tmp_path: Path) -> None:
    run = VariablesRun(tmp_path)
    contexts(run, "ci=", "production=", "prodution=nope.env", choice=Choice(job="test"))
    said = run.screen.getvalue()
    assert "no job asks for the context 'prodution'" in said
    assert "did you mean 'production'?" in said
    assert said.count("no job asks") == 1


@pytest.mark.parametrize("option", ["ci", "=file.env", ""])
def test_an_option_without_name_or_file_is_an_error(tmp_path: Path, option: str) -> None:
    with pytest.raises(InvalidInput, match="--context takes NAME=FILE"):
        contexts(VariablesRun(tmp_path), option)


def test_a_context_given_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="twice"):
        contexts(VariablesRun(tmp_path), "ci=a.env", "ci=b.env")


def test_a_name_that_is_no_file_name_is_not_looked_for(tmp_path: Path) -> None:
    config = compile_config(CONFIG.replace("context: [ci]", "context: ['../../ci']"))
    run = VariablesRun(tmp_path / "app", {"deploy/contexts/x": ""})
    (tmp_path / "app" / "ci.env").write_text("A=b\n")
    planned = plan_run(config, Choice(), branch="main")
    with pytest.raises(InvalidInput) as caught:
        read_contexts(run, config, planned, ())
    assert "deploy/contexts" not in (caught.value.hint or "")


def test_more_than_circleci_takes_is_a_warning(tmp_path: Path) -> None:
    lines = [f"V{number}={'x' * 5}\n" for number in range(100)]
    run = VariablesRun(
        tmp_path,
        {
            "fits.env": "".join(lines[:99]) + f"BIG={'x' * 32768}\n",
            "beyond.env": "".join(lines) + f"BIG={'x' * 32769}\n",
        },
    )
    contexts(run, "ci=fits.env", "production=")
    assert "CircleCI would not take" not in run.screen.getvalue()
    contexts(run, "ci=beyond.env", "production=")
    said = run.screen.getvalue()
    assert "would not take the context ci: it has 101 variables, and 100 are the most" in said
    assert "BIG has 32769 bytes, and 32768 are the most for a value" in said


def test_a_context_name_that_is_too_long_is_a_warning(tmp_path: Path) -> None:
    name = "n" * 201
    config = compile_config(CONFIG.replace("context: [ci]", f"context: [{name}]"))
    run = VariablesRun(tmp_path, {"a.env": "A=b\n"})
    planned = plan_run(config, Choice(job="test"), branch="main")
    read_contexts(run, config, planned, [f"{name}=a.env"])
    assert "its name has 201 characters, and 200 are the most" in run.screen.getvalue()


def test_values_too_short_to_be_masked_are_told(tmp_path: Path) -> None:
    text = "PIN=123\nEMPTY=\nFLAG=true\nTOKEN=long-enough\n"
    run = VariablesRun(tmp_path, {"a.env": text, "b.env": "OFF=0\n"})
    contexts(run, "ci=a.env", "production=b.env")
    said = run.screen.getvalue()
    assert (
        "shorter than 4 characters are not masked in the output: PIN (ci), OFF (production)" in said
    )


def test_plain_text_that_jobs_check_out_is_told(tmp_path: Path) -> None:
    root = tmp_path / "app"
    files = {"seen.env": "A=b\n", "ignored.env": "A=b\n", ".gitignore": "/ignored.env\n"}
    run = VariablesRun(root, {**files, "closed.env.enc": ""}, decrypted={"closed.env.enc": "A=b\n"})
    (tmp_path / "outside.env").write_text("A=b\n")
    contexts(run, "ci=seen.env", "production=")
    assert "git does not ignore" not in run.screen.getvalue(), "there is no git here"
    run_process(["git", "init", "-q", str(root)])
    for quiet in ("ignored.env", "closed.env.enc", "../outside.env"):
        contexts(run, f"ci={quiet}", "production=")
    assert "git does not ignore" not in run.screen.getvalue()
    contexts(run, "ci=seen.env", "production=")
    said = run.screen.getvalue()
    assert (
        "seen.env is plain text that git does not ignore: every job that checks out gets it" in said
    )


def test_env_wins_over_the_file_and_the_flag_over_the_settings(tmp_path: Path) -> None:
    files = {
        "orbyard.yml": "ci: {env_file: deploy/project.env}\n",
        "deploy/project.env": "A=settings\nB=settings\n",
        "flag.env": "A=flag\nC=flag\n",
    }
    run = VariablesRun(tmp_path, files, environ={"MINE": "own-value"})
    assert read_project(run, (), "") == {"A": "settings", "B": "settings"}
    assert read_project(run, ("A=env", "MINE"), "flag.env") == {
        "A": "env",
        "C": "flag",
        "MINE": "own-value",
    }
    run.console.line("it is own-value")
    assert "own-value" not in run.screen.getvalue()


def test_a_missing_file_of_the_settings_is_told_with_its_key(tmp_path: Path) -> None:
    run = VariablesRun(tmp_path, {"orbyard.yml": "ci: {env_file: a.env, contexts: {ci: b.env}}\n"})
    with pytest.raises(
        InvalidInput, match=r"orbyard\.yml \(ci\.env_file\): there is no file a\.env"
    ):
        read_project(run, (), "")
    with pytest.raises(
        InvalidInput, match=r"orbyard\.yml \(ci\.contexts\.ci\): there is no file b"
    ):
        contexts(run)
