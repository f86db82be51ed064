"""Variables and contexts of real runs: which value a step sees, and where the values come from."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest

from orbs.sops import encrypt_for_run
from pipeline.command import Run
from pipeline.output import Console
from tests.conftest import KmsStandIn, missing
from tests.integration.runner.harness import PLAIN_IMAGE, Checkout
from tests.integration.sops.support import EXAMPLE_KEY_FILE, RECIPIENT


def encrypt(checkout: Checkout, name: str, text: str, key: str = f"age: {RECIPIENT}") -> None:
    """Write an encrypted file of the checkout, for the example's key."""
    (checkout.folder / ".sops.yaml").write_text(f"creation_rules:\n  - {key}\n")
    console = Console(out=io.StringIO(), err=io.StringIO(), colour=False)
    run = Run(console=console, cwd=checkout.folder)
    path = checkout.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(encrypt_for_run(run, text, Path(name)))


@pytest.fixture
def age_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(EXAMPLE_KEY_FILE))


@pytest.mark.parametrize("executor", ["docker", "host"])
def test_of_two_values_a_step_sees_the_stronger(checkout: Checkout, executor: str) -> None:
    # Three letters each: longer values of contexts would be masked.
    files = {
        "project.env": "CONTAINER_PROJECT=prj\nPROJECT_CONTEXT=prj\n",
        "first.env": "PROJECT_CONTEXT=one\nTWO_CONTEXTS=one\n",
        "second.env": "TWO_CONTEXTS=two\nCIRCLE_JOB=two\nCI=two\nCONTEXT_JOB=two\n",
    }
    for name, text in files.items():
        (checkout.folder / name).write_text(text)
    checkout.write("""
version: 2.1
jobs:
  build:
    docker: [{image: PLAIN, environment: {CONTAINER_PROJECT: img, CONTAINER_ALONE: img}}]
    environment: {CONTEXT_JOB: job, CIRCLE_BRANCH: job, JOB_STEP: job}
    steps:
      - run: echo 'export STEP_EXPORT=exp EXPORT_SHELL=exp' >> "$BASH_ENV"
      - run:
          name: look
          environment: {JOB_STEP: stp, STEP_EXPORT: stp}
          command: |
            EXPORT_SHELL=shl
            for name in CONTAINER_ALONE CONTAINER_PROJECT PROJECT_CONTEXT TWO_CONTEXTS CIRCLE_JOB CI \\
                CONTEXT_JOB CIRCLE_BRANCH JOB_STEP STEP_EXPORT EXPORT_SHELL; do
              echo "got $name=${!name}"
            done
workflows: {main: {jobs: [build: {context: [first, second]}]}}
""")
    words = ["--env-file", "project.env", "--context", "first=first.env"]
    done = checkout.run(*words, "--context", "second=second.env", "--executor", executor)
    assert done.returncode == 0, done.stderr
    lines = [line for line in checkout.steps()["look"]["lines"] if line.startswith("got ")]
    assert dict(line[4:].split("=") for line in lines) == {
        "CONTAINER_ALONE": "img",
        "CONTAINER_PROJECT": "prj",
        "PROJECT_CONTEXT": "one",
        "TWO_CONTEXTS": "two",
        "CIRCLE_JOB": "build",
        "CI": "true",
        "CONTEXT_JOB": "job",
        "CIRCLE_BRANCH": "job",
        "JOB_STEP": "stp",
        "STEP_EXPORT": "exp",
        "EXPORT_SHELL": "shl",
    }


def test_values_of_the_configuration_reach_the_shell_as_on_circleci(checkout: Checkout) -> None:
    done = checkout.build(
        """
        - run:
            name: look
            environment: {ON: true, OFF: false, WORD: "true", SIX: 123456, SEVEN: 1234567, FRACTION: 1.50}
            command: |
              echo "got $ON $OFF $WORD $SIX $SEVEN $FRACTION"
              echo "got $LITERAL"
        """,
        image="PLAIN",
        keys="environment: {LITERAL: 'v${CIRCLE_JOB} $HOME ~'}\n",
    )
    assert done.returncode == 0, done.stderr
    lines = checkout.steps()["look"]["lines"]
    assert "got 1 0 true 123456 1.234567e+06 1.5" in lines
    assert "got v${CIRCLE_JOB} $HOME ~" in lines


def test_a_file_of_variables_means_what_it_means_to_docker(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = shutil.which("docker")
    if program is None:
        missing("no docker command to compare with")
    monkeypatch.setenv("T_MINE", "own value")
    text = (
        "\ufeffT_WORDS=b c\r\nT_EMPTY=\r\n# comment\n\n  \nT_MINE\nT_NOT_THERE\nT_EQUALS=a=b==\n"
        "T_HASH=b#c\nT_DOLLAR=$T_MINE ${T_MINE}\nT_SLASH=a\\nb\nT_TWICE=1\nT_TWICE=2\n  T_INDENTED=x\nT_U=ü"
    )
    (checkout.folder / "some.env").write_bytes(text.encode())
    words = [program, "run", "--rm", "--env-file", "some.env", PLAIN_IMAGE, "env"]
    told = subprocess.run(words, cwd=checkout.folder, capture_output=True, text=True, check=True)
    expected = [line for line in told.stdout.splitlines() if line.startswith("T_")]
    assert len(expected) == 10
    step = "- run: {name: look, command: 'env > seen'}\n- store_artifacts: {path: seen}\n"
    done = checkout.build(step, "--env-file", "some.env", image="PLAIN")
    assert done.returncode == 0, done.stderr
    seen = (checkout.newest() / "jobs/build/artifacts/seen").read_text().splitlines()
    assert sorted(line for line in seen if line.startswith("T_")) == sorted(expected)


ASKING = """
version: 2.1
jobs: {build: {docker: [{image: PLAIN}], steps: [run: {name: look, command: 'COMMAND'}]}}
workflows: {main: {jobs: [build: {context: production}]}}
"""
PLAIN_FORMS = {
    "production.env.enc": "# comment\nTOKEN=sesame-opens\nexport PIN=12\n",
    "production.enc.env": "TOKEN='sesame-opens'\nPIN=12\n",
    "production.yml.enc": "TOKEN: sesame-opens\nPIN: 12\n",
    "production.enc.yaml": "TOKEN: sesame-opens\nPIN: 12\n",
    "production.json.enc": '{"TOKEN": "sesame-opens", "PIN": 12}',
    "production.enc": "TOKEN=sesame-opens\nPIN=12\n",
}


@pytest.mark.parametrize("name", PLAIN_FORMS)
@pytest.mark.usefixtures("age_key")
def test_an_encrypted_context_is_opened_in_each_of_its_forms(checkout: Checkout, name: str) -> None:
    encrypt(checkout, name, PLAIN_FORMS[name])
    assert "sesame" not in (checkout.folder / name).read_text()
    checkout.write(ASKING.replace("COMMAND", 'echo "got ${TOKEN%-*} $TOKEN $PIN"'))
    done = checkout.run("--context", f"production={name}", "--executor", "host")
    assert done.returncode == 0, done.stderr
    assert "got sesame **** 12" in checkout.steps()["look"]["lines"]
    assert "not masked in the output: PIN (production)" in done.stderr


@pytest.mark.usefixtures("age_key")
def test_contexts_and_variables_come_from_the_settings_and_the_usual_place(
    checkout: Checkout,
) -> None:
    encrypt(checkout, "deploy/contexts/production.env.enc", "TOKEN=sesame-opens\n")
    encrypt(checkout, "deploy/project.yml.enc", "TOKEN: not this one\nOTHER: 'two words'\n")
    (checkout.folder / "orbyard.yml").write_text("ci: {env_file: deploy/project.yml.enc}\n")
    checkout.write(ASKING.replace("COMMAND", 'echo "got ${TOKEN%-*} ${OTHER% *}"'))
    done = checkout.run("--executor", "host")
    assert done.returncode == 0, done.stderr
    assert "context production: 1 variable of deploy/contexts/production.env.enc" in done.stderr
    assert "got sesame two" in checkout.steps()["look"]["lines"]
    (checkout.folder / "deploy/contexts/production.env").write_text("TOKEN=own-value\n")
    assert checkout.run("--executor", "host").returncode == 0
    assert "got own two" in checkout.steps()["look"]["lines"]


def test_an_encrypted_context_without_its_key_says_what_to_do(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SOPS_AGE_KEY_FILE", raising=False)
    monkeypatch.delenv("SOPS_AGE_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    encrypt(checkout, "production.env.enc", "TOKEN=sesame-opens\n")
    checkout.write(ASKING.replace("COMMAND", "true"))
    words = ("--context", "production=production.env.enc")
    done = checkout.run(*words)
    assert done.returncode == 3
    assert "production.env.enc" in done.stderr
    assert "what to do:" in done.stderr
    assert "SOPS_AGE_KEY" in done.stderr
    assert not (checkout.folder / ".orbyard").exists()
    monkeypatch.setenv("ORBYARD_SOPS_PROGRAM", "/nowhere/sops")
    done = checkout.run(*words)
    assert done.returncode == 3
    assert "/nowhere/sops" in done.stderr


def test_a_context_for_a_kms_key_is_opened(
    checkout: Checkout, kms: KmsStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in kms.environ().items():
        monkeypatch.setenv(name, value)
    encrypt(checkout, "production.env.enc", "TOKEN=sesame-opens\n", f"kms: {kms.key_arn}")
    checkout.write(ASKING.replace("COMMAND", 'echo "got ${TOKEN%-*} $AWS_SECRET_ACCESS_KEY."'))
    done = checkout.run("--context", "production=production.env.enc")
    assert done.returncode == 0, done.stderr
    assert "got sesame ." in checkout.steps()["look"]["lines"]


def test_a_missing_context_is_told_with_the_line_of_the_job(checkout: Checkout) -> None:
    checkout.write(ASKING.replace("COMMAND", "echo ran"))
    refused = checkout.run()
    assert refused.returncode == 2
    assert ".circleci/config.yml:4:" in refused.stderr
    for way in ("--context production=FILE", "ci.contexts", "deploy/contexts/production.env"):
        assert way in refused.stderr
    assert checkout.run("--context", "production=").returncode == 0


def test_a_context_missing_behind_an_approval_lets_the_rest_run(checkout: Checkout) -> None:
    checkout.write("""
version: 2.1
jobs:
  test: {docker: [{image: PLAIN}], steps: [run: echo tested]}
  deploy: {docker: [{image: PLAIN}], steps: [run: echo deployed]}
workflows:
  main:
    jobs:
      - test
      - hold: {type: approval, requires: [test]}
      - deploy: {requires: [hold], context: production}
""")
    done = checkout.run("--executor", "host")
    assert "'production' is not given, so that deploy cannot run" in done.stderr
    assert checkout.statuses()["test"] == "success"
    refused = checkout.run("--executor", "host", "--approve", "hold")
    assert refused.returncode == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"A=b\nB C=s3cret-word\n", "bad.env:2: 'B C' is not a variable's name"),
        (b"A='s3cret-word\n", "bad.env:1: the quote of A is not closed"),
        (b"\xff\xfeA\0=\0", "bad.env:1: not UTF-8 text"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(
    checkout: Checkout, text: bytes, words: str
) -> None:
    (checkout.folder / "bad.env").write_bytes(text)
    checkout.write(ASKING.replace("COMMAND", "true"))
    for option in (
        ["--env-file", "bad.env", "--context", "production="],
        ["--context", "production=bad.env"],
    ):
        done = checkout.run(*option)
        assert done.returncode == 2
        assert words in done.stderr
        assert "s3cret" not in done.stderr


def test_a_variable_to_pass_on_that_is_not_set_stops_the_run_before_it_begins(
    checkout: Checkout,
) -> None:
    checkout.write("version: 2.1\njobs: {build: {docker: [{image: PLAIN}], steps: [run: echo]}}\n")
    done = checkout.run("--env", "NOBODY_HAS_IT")
    assert done.returncode == 2
    assert "error: --env NOBODY_HAS_IT passes on your own NOBODY_HAS_IT" in done.stderr
    assert not (checkout.folder / ".orbyard").exists()
