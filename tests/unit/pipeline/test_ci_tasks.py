"""The tasks ci.*, as a user runs them: what they print where, and with which exit code."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.pipeline.in_process import Done, Orbyard, run_program

CONFIG = """\
version: 2.1
parameters:
  run-e2e: {type: boolean, default: false}
  ruby: {type: string, default: "3.3.4"}
  shards: {type: integer, default: 2}
jobs:
  test:
    docker: [{image: "cimg/ruby:<< pipeline.parameters.ruby >>"}]
    parallelism: << pipeline.parameters.shards >>
    steps:
      - checkout
      - run: echo << pipeline.git.branch >>
      - when:
          condition: << pipeline.parameters.run-e2e >>
          steps: [{run: bin/e2e}]
workflows:
  main:
    jobs: [test]
"""
BROKEN = CONFIG.replace("[test]", "[tset]")
UNWISE = CONFIG.replace("jobs:\n  test:", "commands: {spare: {steps: [checkout]}}\njobs:\n  test:")
WITH_ORB = """\
version: 2.1
orbs: {house: acme/house@1}
jobs:
  a: {docker: [{image: cimg/base:current}], steps: [house/greet]}
workflows: {main: {jobs: [a]}}
"""
ORB = "version: 2.1\ncommands: {greet: {steps: [{run: echo hello}]}}\n"


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
    monkeypatch.delenv("COLUMNS", raising=False)

    def run(*words: str, folder: Path = repository, stdin: bytes = b"") -> Done:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        return run_program(words, capsys)

    return run


def processed(done: Done) -> dict[str, Any]:
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


# Which configuration ------------------------------------------------------------------------------


def test_the_configuration_of_the_repository_is_the_default_from_each_of_its_folders(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / "app/models").mkdir(parents=True)
    for folder in (repository, repository / "app/models"):
        done = orbyard("ci.validate", folder=folder)
        assert (done.code, done.out) == (0, "")
        assert 'Config file at ".circleci/config.yml" is valid.' in done.err


def test_several_files_are_checked_and_each_gets_a_word(repository: Path, orbyard: Orbyard) -> None:
    (repository / "good.yml").write_text(CONFIG)
    (repository / "bad.yml").write_text(BROKEN)
    for words in (("good.yml", "bad.yml"), ("--config", "good.yml", "--config", "bad.yml")):
        done = orbyard("ci.validate", *words)
        assert done.code == 2
        assert 'Config file at "good.yml" is valid.' in done.err
        assert '"bad.yml" is valid' not in done.err
        assert "--> bad.yml:18:12 (workflows.main.jobs[0])" in done.out
        assert "did you mean 'test'?" in done.out


def test_standard_input_is_read_for_a_dash(orbyard: Orbyard) -> None:
    assert orbyard("ci.validate", "-", stdin=CONFIG.encode()).code == 0
    done = orbyard("ci.validate", "-", "--short", stdin=BROKEN.encode())
    assert done.code == 2
    assert "standard input:18:12: error: " in done.out


@pytest.mark.parametrize("name", ["nothing.yml", ".circleci", "binary.yml", "utf16.yml"])
@pytest.mark.parametrize("task", ["ci.validate", "ci.process"])
def test_what_cannot_be_read_is_bad_input_with_its_name_and_advice(
    task: str, name: str, repository: Path, orbyard: Orbyard
) -> None:
    (repository / "binary.yml").write_bytes(bytes(range(128, 256)))
    (repository / "utf16.yml").write_text(CONFIG, encoding="utf-16")
    done = orbyard(task, name)
    assert (done.code, done.out) == (2, "")
    assert name in done.err
    assert "what to do:" in done.err
    assert "unexpected" not in done.err


def test_standard_input_that_is_no_text_is_bad_input(orbyard: Orbyard) -> None:
    done = orbyard("ci.validate", "-", stdin=b"\xff\xfe\x00")
    assert done.code == 2
    assert "standard input is not UTF-8 text" in done.err


def test_an_empty_file_is_an_error_of_that_file(repository: Path, orbyard: Orbyard) -> None:
    (repository / "empty.yml").write_text("")
    done = orbyard("ci.validate", "empty.yml")
    assert done.code == 2
    assert "the configuration is empty" in done.out


def test_a_file_outside_of_any_project_is_checked_as_well(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / ".git").rmdir()
    (repository / "ci.yml").write_text(CONFIG)
    assert orbyard("ci.validate", "ci.yml").code == 0
    assert orbyard("ci.process", "ci.yml").code == 0
    assert orbyard("ci.validate", "-", stdin=CONFIG.encode()).code == 0


def test_settings_say_where_the_configuration_stands(repository: Path, orbyard: Orbyard) -> None:
    (repository / "ci.yml").write_text(BROKEN)
    (repository / "orbyard.yml").write_text("ci: {config: ci.yml}\n")
    assert "--> ci.yml:18:12" in orbyard("ci.validate").out


# Parameters and values ----------------------------------------------------------------------------


def image_of(document: dict[str, Any]) -> str:
    image: str = document["jobs"]["test"]["docker"][0]["image"]
    return image


def test_parameters_are_typed_as_yaml_reads_them(orbyard: Orbyard) -> None:
    document = processed(
        orbyard("ci.process", "--json", "--param", "run-e2e=true", "--param", "shards=7")
    )
    assert document["jobs"]["test"]["parallelism"] == 7
    assert {"run": {"command": "bin/e2e"}} in document["jobs"]["test"]["steps"]


@pytest.mark.parametrize("written", ["3.3", "'3.3'", '"3.3"'])
def test_a_number_stays_a_text_where_a_text_is_declared(written: str, orbyard: Orbyard) -> None:
    document = processed(orbyard("ci.process", "--json", "--param", f"ruby={written}"))
    assert image_of(document) == "cimg/ruby:3.3"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("shards=two", "Type error for argument shards: expected type: integer"),
        ("shards=3.5", "Type error for argument shards: expected type: integer"),
        ("run-e2e=1", "Type error for argument run-e2e: expected type: boolean"),
        ("ruby_=3", "did you mean 'ruby'?"),
    ],
)
def test_a_parameter_that_does_not_fit_is_an_error(
    written: str, said: str, orbyard: Orbyard
) -> None:
    done = orbyard("ci.validate", "--param", written)
    assert done.code == 2
    assert said in done.out


@pytest.mark.parametrize("flag", ["--param", "--value"])
@pytest.mark.parametrize("written", ["shards", "=3", ""])
def test_a_pair_without_name_or_value_is_bad_input(
    flag: str, written: str, orbyard: Orbyard
) -> None:
    done = orbyard("ci.validate", f"{flag}={written}")
    assert done.code == 2
    assert f"{flag} takes name=value, found {written!r}" in done.err


def test_parameters_come_from_yaml_and_json_files_and_flags_win(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / "p.yml").write_text("ruby: '3.1'\nshards: 5\n")
    (repository / "p.json").write_text('{"ruby": "3.1", "shards": 5}')
    for name in ("p.yml", "p.json"):
        document = processed(
            orbyard("ci.process", "--json", "--params-file", name, "--param", "shards=6")
        )
        assert image_of(document) == "cimg/ruby:3.1"
        assert document["jobs"]["test"]["parallelism"] == 6


@pytest.mark.parametrize("text", ["- a\n", "a: [\n", None])
def test_a_wrong_parameters_file_is_bad_input(
    text: str | None, repository: Path, orbyard: Orbyard
) -> None:
    if text is not None:
        (repository / "p.yml").write_text(text)
    done = orbyard("ci.validate", "--params-file", "p.yml")
    assert (done.code, done.out) == (2, "")
    assert "p.yml" in done.err
    assert "onfig file" not in done.err


def test_branch_tag_and_other_values_are_what_the_pipeline_is_for(
    repository: Path, orbyard: Orbyard
) -> None:
    def echoed(*words: str) -> str:
        steps = processed(orbyard("ci.process", "--json", *words))["jobs"]["test"]["steps"]
        command: str = steps[1]["run"]["command"]
        return command

    assert echoed("--branch", "topic") == "echo topic"
    assert echoed("--value", "pipeline.git.branch=other") == "echo other"
    text = CONFIG.replace("pipeline.git.branch", "pipeline.git.tag")
    (repository / ".circleci/config.yml").write_text(text)
    assert echoed("--tag", "v1.2") == "echo v1.2"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--branch", "a", "--tag", "b"), "give --branch or --tag, not both"),
        (("--value", "pipeline.git.branhc=a"), "did you mean 'pipeline.git.branch'?"),
        (("--value", "pipeline.parameters.shards=3"), "`--param shards=…`"),
        (("--disable", "unused-comand"), "did you mean 'unused-command'?"),
        (("--disable", "nonsense"), "[brackets]"),
        (("--disable", "unknown-job"), "is an error, and cannot be turned off"),
        (("--orb", "house=x"), "--orb takes namespace/name=path"),
        (("--orb", "acme/house=nowhere"), "there is no file or folder nowhere"),
        (("--json", "--sarif"), "give one of --json and --sarif"),
        (("--jsno",), "did you mean '--json'?"),
        (("--nothing-like-it",), "--help"),
    ],
)
def test_a_wrong_option_says_what_would_be_right(
    words: tuple[str, ...], said: str, orbyard: Orbyard
) -> None:
    done = orbyard("ci.validate", *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


# Orbs ---------------------------------------------------------------------------------------------


def test_an_orb_that_is_missing_says_the_command_to_fetch_it(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / ".circleci/config.yml").write_text(WITH_ORB)
    done = orbyard("ci.validate")
    assert done.code == 2
    assert "orbyard orb.fetch acme/house@1" in done.out


def test_an_orb_is_taken_from_where_flags_or_settings_say(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / ".circleci/config.yml").write_text(WITH_ORB)
    (repository / "house.yml").write_text(ORB)
    assert orbyard("ci.validate", "--orb", "acme/house=house.yml").code == 0
    (repository / "orbyard.yml").write_text("ci: {orbs: {acme/house: house.yml}}\n")
    assert orbyard("ci.validate").code == 0
    assert "house.yml" in orbyard("orb.list").out


def test_an_override_that_is_not_there_says_which_setting_to_correct(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / ".circleci/config.yml").write_text(WITH_ORB)
    (repository / "orbyard.yml").write_text("ci: {orbs: {acme/house: ../nowhere}}\n")
    done = orbyard("ci.validate")
    assert done.code == 2
    assert "ci.orbs" in done.out


def test_a_configuration_whose_orb_is_wrong_is_not_called_valid(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / ".circleci/config.yml").write_text(WITH_ORB)
    (repository / "house.yml").write_text(ORB.replace("echo hello", "echo << parameters.x >>"))
    done = orbyard("ci.validate", "--orb", "acme/house=house.yml")
    assert done.code == 2
    assert "--> house.yml:" in done.out
    assert "is valid" not in done.err


# Warnings -----------------------------------------------------------------------------------------


def test_a_warning_is_shown_and_the_configuration_is_valid(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / ".circleci/config.yml").write_text(UNWISE)
    done = orbyard("ci.validate")
    assert done.code == 0
    assert "warning[unused-command]" in done.out
    assert "is valid" in done.err


@pytest.mark.parametrize("by", ["flag", "settings"])
def test_strictness_makes_warnings_fail_and_calls_nothing_valid(
    by: str, repository: Path, orbyard: Orbyard
) -> None:
    (repository / ".circleci/config.yml").write_text(UNWISE)
    if by == "settings":
        (repository / "orbyard.yml").write_text("ci: {warnings_are_errors: true}\n")
    done = orbyard("ci.validate", *(["--strict"] if by == "flag" else []))
    assert done.code == 2
    assert "is valid" not in done.err
    assert "warnings" in done.err


@pytest.mark.parametrize("by", ["flag", "settings"])
def test_a_warning_that_is_not_wanted_is_not_shown(
    by: str, repository: Path, orbyard: Orbyard
) -> None:
    (repository / ".circleci/config.yml").write_text(UNWISE)
    if by == "settings":
        (repository / "orbyard.yml").write_text("ci: {disable: [unused-command]}\n")
    words = ["--disable", "unused-orb, unused-command"] if by == "flag" else []
    done = orbyard("ci.validate", "--strict", *words)
    assert (done.code, done.out) == (0, "")


def test_wrong_settings_say_where_they_stand(repository: Path, orbyard: Orbyard) -> None:
    (repository / "orbyard.yml").write_text("ci: {disable: [unusd-orb]}\n")
    assert "ci.disable: 'unusd-orb'" in orbyard("ci.validate").err
    (repository / "orbyard.yml").write_text("ci: {orbs: {house: x}}\n")
    assert "ci.orbs takes paths by namespace/name" in orbyard("ci.validate").err
    (repository / "orbyard.yml").write_text("ci:\n  confg: x\n")
    assert "orbyard.yml:2:3 (ci.confg)" in orbyard("ci.validate").err


def test_workflows_that_do_not_run_are_checked_when_asked_for(
    repository: Path, orbyard: Orbyard
) -> None:
    sleeping = "  nightly: {when: << pipeline.parameters.run-e2e >>, jobs: [nothing]}\n"
    (repository / ".circleci/config.yml").write_text(CONFIG + sleeping)
    assert orbyard("ci.validate").code == 0
    done = orbyard("ci.validate", "--all-workflows")
    assert done.code == 2
    assert "nothing" in done.out


# Forms of output ----------------------------------------------------------------------------------


def test_findings_are_json_for_programs(repository: Path, orbyard: Orbyard) -> None:
    (repository / "bad.yml").write_text(BROKEN)
    done = orbyard("ci.validate", "--json", "bad.yml")
    content = json.loads(done.out)
    assert (done.code, done.err, content["valid"]) == (2, "", False)
    (found,) = (one for one in content["findings"] if one["severity"] == "error")
    assert (found["code"], found["file"], found["line"]) == ("unknown-job", "bad.yml", 18)
    assert json.loads(orbyard("ci.validate", "--json").out)["findings"] == []


def test_findings_are_sarif_for_code_scanning(repository: Path, orbyard: Orbyard) -> None:
    (repository / "bad.yml").write_text(BROKEN)
    done = orbyard("ci.validate", "--sarif", "bad.yml")
    assert (done.code, done.err) == (2, "")
    results = json.loads(done.out)["runs"][0]["results"]
    assert "unknown-job" in {result["ruleId"] for result in results}
    assert json.loads(orbyard("ci.validate", "--sarif").out)["runs"][0]["results"] == []


def test_findings_are_lines_for_editors(repository: Path, orbyard: Orbyard) -> None:
    (repository / "bad.yml").write_text(BROKEN)
    done = orbyard("ci.validate", "--short", "bad.yml")
    assert done.code == 2
    assert all(line.startswith("bad.yml:") for line in done.out.splitlines())
    assert orbyard("ci.validate", "--short").out == ""


def test_lines_of_the_source_are_cut_to_the_terminal(
    repository: Path, orbyard: Orbyard, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_step = "[checkout, {run: echo a text that goes on and on and on and on}, tset, checkout]"
    text = WITH_ORB.replace("[house/greet]", long_step).replace("orbs:", "x-orbs:")
    (repository / ".circleci/config.yml").write_text(text)
    monkeypatch.setenv("COLUMNS", "50")
    shown = [line for line in orbyard("ci.validate").out.splitlines() if " | " in line]
    assert any("tset" in line for line in shown)
    assert max(map(len, shown)) <= 50


def test_h_is_help_and_no_option_of_the_task(orbyard: Orbyard) -> None:
    for task in ("ci.validate", "ci.process", "orb.fetch"):
        done = orbyard(task, "-h")
        assert (done.code, "Usage: orbyard" in done.out) == (0, True), done.err


# ci.process, ci.schema and ci.explain -------------------------------------------------------------


def test_what_was_processed_can_be_processed_again(orbyard: Orbyard) -> None:
    once = orbyard("ci.process", "--param", "run-e2e=true")
    again = orbyard("ci.process", "-", stdin=once.out.encode())
    assert (once.code, once.err) == (0, "")
    assert again.out == once.out
    as_json = processed(orbyard("ci.process", "--json", "-", stdin=once.out.encode()))
    assert as_json["jobs"]["test"]["parallelism"] == 2


def test_what_cannot_be_processed_prints_errors_and_nothing_else(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / "bad.yml").write_text(BROKEN)
    done = orbyard("ci.process", "bad.yml")
    assert (done.code, done.out) == (2, "")
    assert "error[unknown-job]" in done.err
    assert "warning" not in done.err


def test_one_configuration_is_processed_at_a_time(repository: Path, orbyard: Orbyard) -> None:
    (repository / "a.yml").write_text(CONFIG)
    done = orbyard("ci.process", "a.yml", "a.yml")
    assert done.code == 2
    assert "one configuration at a time" in done.err


def test_the_schema_is_json(orbyard: Orbyard) -> None:
    assert json.loads(orbyard("ci.schema").out)["title"] == "CircleCI configuration"


def test_a_code_is_explained_and_an_unknown_one_gets_the_nearest(orbyard: Orbyard) -> None:
    done = orbyard("ci.explain", "unused-orb")
    assert done.code == 0
    assert "--disable unused-orb" in done.out
    done = orbyard("ci.explain", "unused-orbs")
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'unused-orb'?" in done.err


SETUP = """\
version: 2.1
setup: true
jobs: {choose: {docker: [{image: cimg/base:current}], steps: [checkout]}}
workflows: {setup: {jobs: [choose]}}
"""


def test_a_setup_configuration_is_continued_with_the_parameters_it_hands_on(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / "setup.yml").write_text(SETUP)
    words = ("ci.process", "setup.yml", "--continue", ".circleci/config.yml")
    assert "bin/e2e" not in orbyard(*words).out
    done = orbyard(*words, "--passed", "run-e2e=true", "--passed", "ruby=3.2")
    assert (done.code, "bin/e2e" in done.out, "cimg/ruby:3.2" in done.out) == (0, True, True)
    wrong = orbyard(*words, "--passed", "run-e2e=perhaps")
    assert (wrong.code, "expected type: boolean" in wrong.err) == (2, True)


def test_only_a_setup_configuration_can_be_continued(orbyard: Orbyard) -> None:
    done = orbyard("ci.process", "--continue", ".circleci/config.yml")
    assert (done.code, "setup: true" in done.err) == (2, True)


def test_the_older_form_of_requirements_compiles_to_the_same(
    repository: Path, orbyard: Orbyard
) -> None:
    (repository / ".circleci/config.yml").write_text(
        CONFIG.replace("[test]", "[test, report: {requires: [test: [success, failed]]}]").replace(
            "workflows:", "  report: {docker: [{image: a}], steps: [checkout]}\nworkflows:"
        )
    )
    older = orbyard("ci.process", "--no-upstream").out
    assert "upstream" not in older
    (repository / "older.yml").write_text(older)
    assert orbyard("ci.process", "older.yml").out == orbyard("ci.process").out
