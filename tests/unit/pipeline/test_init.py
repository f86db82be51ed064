"""`orbyard init`: what it writes, keeps and undoes; and that what it writes is right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.scaffold import fill_template, missing_lines

PROJECT = Path(__file__).resolve().parents[3]
AGE = "age1wwzy8s5xhg6cnlu2cvaa76p7j2ncg6pnft37wezwxy6stkcyeshsu6qepj"
KEY = PROJECT / "examples" / "rails-app" / "test-only.agekey"
EXTRAS = [
    "",
    "ingress",
    "assets",
    "hpa",
    "iam-role",
    "pvc",
    "passenger",
    "ingress,assets,hpa,iam-role",
    "assets,pvc",
]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A folder with what says that it is a Rails app."""
    folder = tmp_path / "Hoge App"
    folder.mkdir()
    (folder / "Gemfile").write_text('ruby "3.1.2"\n')
    (folder / "Gemfile.lock").write_text("")
    (folder / ".gitignore").write_text("/log/*\n")
    return folder


def orbyard(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from pipeline.program import main; main()", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT), "SOPS_AGE_KEY_FILE": str(KEY)},
        capture_output=True,
        text=True,
        check=False,
    )


def init(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = orbyard(folder, "init", "--image", "registry.example.com/hoge", *words)
    assert done.returncode == 0, done.stderr
    return done


def test_a_folder_gets_all_that_a_deploy_needs_and_keeps_what_it_has(app: Path) -> None:
    init(app, "--age", AGE, "--env", "staging")
    written = {str(path.relative_to(app)) for path in app.rglob("*") if path.is_file()}
    assert written == {
        ".dockerignore",
        ".gitignore",
        ".sops.yaml",
        "Gemfile",
        "Gemfile.lock",
        "orbyard.yml",
        "deploy/Dockerfile",
        "deploy/Dockerfile.builder",
        "deploy/configmaps/staging.configmap.yml",
        "deploy/dbmigration.job.yml",
        "deploy/deploy.yml",
        "deploy/kubeconfig/staging.kubeconfig.enc",
        "deploy/secrets/staging.secret.yml.enc",
        "deploy/service.yml",
    }
    assert (app / ".gitignore").read_text().startswith("/log/*\n")
    assert "!/deploy/secrets/*.enc" in (app / ".gitignore").read_text()
    assert "FROM ruby:3.1" in (app / "deploy/Dockerfile").read_text()
    assert "name: hoge-app" in (app / "deploy/deploy.yml").read_text()
    assert "put the output" not in (app / "deploy/secrets/staging.secret.yml.enc").read_text()


def test_a_second_run_changes_nothing_and_says_so(app: Path) -> None:
    init(app, "--age", AGE)
    (app / "deploy/deploy.yml").write_text("mine\n")
    before = {path: path.read_bytes() for path in app.rglob("*") if path.is_file()}
    done = init(app, "--age", AGE)
    assert {path: path.read_bytes() for path in app.rglob("*") if path.is_file()} == before
    assert "kept deploy/deploy.yml: it is there already" in done.stderr


def test_a_dry_run_writes_nothing(app: Path) -> None:
    done = init(app, "--age", AGE, "--dry-run")
    assert not (app / "deploy").exists()
    assert "deploy/deploy.yml" in done.stdout


def test_without_a_key_secrets_are_left_out_and_the_way_to_one_is_told(app: Path) -> None:
    done = init(app)
    assert not (app / "deploy/secrets").exists()
    assert "secretRef" not in (app / "deploy/deploy.yml").read_text()
    assert "age-keygen" in done.stderr


@pytest.mark.parametrize("extras", EXTRAS)
def test_what_is_written_passes_every_check_without_a_warning_and_deploys(
    app: Path, extras: str
) -> None:
    init(app, "--age", AGE, *(["--with", extras] if extras else []))
    done = orbyard(app, "deploy", "--env", "staging", "--rehearse")
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--with", "ingres"), "did you mean 'ingress'?"),
        (("--app", "Hoge_App"), "cannot be the app's name"),
        (("--env", "a/b"), "cannot be an environment"),
    ],
)
def test_a_wrong_name_is_bad_input_and_nothing_is_written(
    app: Path, words: tuple[str, ...], said: str
) -> None:
    done = orbyard(app, "init", "--age", AGE, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (app / "deploy").exists()


def test_a_key_that_is_none_leaves_the_folder_as_it_was(app: Path) -> None:
    before = {path: path.read_bytes() for path in app.rglob("*") if path.is_file()}
    done = orbyard(app, "init", "--age", "age1nonsense")
    assert done.returncode == 2, done.stderr
    assert {path: path.read_bytes() for path in app.rglob("*") if path.is_file()} == before


def test_a_template_keeps_the_lines_of_the_parts_that_are_wanted() -> None:
    text = "a: @app@\nb: 1   #+x\nc: 2   #-x\nd: 3   #+x #-y\n"
    assert fill_template(text, {"app": "hoge"}, {"x"}) == "a: hoge\nb: 1\nd: 3\n"
    assert fill_template(text, {"app": "hoge"}, set()) == "a: hoge\nc: 2\n"


def test_only_missing_lines_are_added_and_exceptions_come_after_their_pattern() -> None:
    assert missing_lines("a\n", "a\nb\n") == "b\n"
    assert missing_lines("a\n!c\n", "b/*\n!c\n") == "b/*\n!c\n"
    assert missing_lines("a\nb\n", "a\nb\n") == ""
