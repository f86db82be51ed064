"""The whole build by the real program: source in, reference by digest out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest

from orbs.rails.build import Build
from orbs.rails.engine import Engine
from tests.integration.rails.support import BASE_IMAGE, App, CountingEngine


class WatchingEngine(CountingEngine):
    """Counts pushes as well."""

    pushes = 0

    def push(self, *args, **kwargs):
        self.pushes += 1
        return super().push(*args, **kwargs)


@pytest.fixture
def watching(engine: Engine) -> WatchingEngine:
    return WatchingEngine(engine._client, engine.endpoint)


@pytest.fixture
def whole(app: App, engine: Engine, registry: str) -> Iterator[App]:
    """An app of one installer and a two-line Dockerfile, with a repository to push to."""
    app.declare(
        'copying: {lockfile: lock, path: made, command: "cp lock made/"}',
        more=f"image: {{repository: {registry}/{app.name}}}\n",
    )
    app.write(
        "deploy/Dockerfile", f"FROM {BASE_IMAGE}\nENV A={app.name}\nWORKDIR /app\nADD made made\n"
    )
    git(app, "init", "--quiet")
    app.write(".gitignore", "made/\n")
    commit(app)
    yield app
    for image in engine.list_images("orbyard.dev/role=app"):
        if any(app.name in tag for tag in image.tags):
            engine.remove_image(image.id, force=True)


def git(app: App, *words: str) -> str:
    argv = ["git", "-c", "user.name=x", "-c", "user.email=x@example.com", *words]
    return subprocess.run(
        argv, cwd=app.root, check=True, capture_output=True, text=True, env=app.environ
    ).stdout.strip()


def commit(app: App) -> None:
    git(app, "add", "--all")
    git(app, "commit", "--quiet", "--message", "x")


def run(app: App, *words: str, **environ: str) -> tuple[int, str]:
    child = app.start(*words, **environ)
    output, _ = child.communicate(timeout=300)
    return child.returncode, output


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_second_build_runs_no_container_and_builds_and_pushes_nothing(whole, watching, ci):
    first = Build(whole.run(CI=ci), watching).result(push=True)
    before = watching.containers, watching.builds, watching.pushes
    second = Build(whole.run(CI=ci), watching).result(push=True)
    assert (watching.containers, watching.builds, watching.pushes) == before
    assert second.reference == first.reference
    assert second.builder is None
    assert second.image.reused
    assert all(home.reused for home in second.homes)


def test_the_reference_by_digest_alone_is_printed_and_written_for_later_steps(
    whole, registry, tmp_path
):
    env = tmp_path / "bash_env"
    env.touch()
    words = ("build", "--output", "out/image", "--bash-env", "--tag", "v1")
    child = whole.start(*words, stderr=subprocess.PIPE, BASH_ENV=str(env))
    output, errors = child.communicate(timeout=300)
    assert child.returncode == 0, errors
    reference = output.strip()
    assert reference.startswith(f"{registry}/{whole.name}@sha256:")
    assert output == f"{reference}\n"
    assert (whole.root / "out/image").read_text() == f"{reference}\n"
    assert env.read_text() == f"export ORBYARD_IMAGE={reference}\n"


def test_the_image_holds_what_was_installed(whole, watching, docker_engine):
    image = Build(whole.run(), watching).image
    output = docker_engine.containers.run(image.image_id, ["cat", "/app/made/lock"], remove=True)
    assert output == b"one\n"


def test_without_push_the_images_id_is_printed_and_nothing_is_sent(whole, watching):
    result = Build(whole.run(), watching).result(push=False)
    assert str(result) == result.image.image_id
    assert watching.pushes == 0


def test_json_says_what_was_new_and_what_was_there(whole):
    code, output = run(whole, "build", "--json", "--no-push")
    assert code == 0, output
    value = json.loads(output[output.index("{\n") :])
    assert value["reference"] is None
    assert value["dependencies"][0]["installer"] == "copying"
    assert not value["reused"]


def test_a_push_without_a_repository_is_bad_input_before_anything_is_built(whole):
    settings = whole.root / "orbyard.yml"
    settings.write_text(settings.read_text().partition("image:")[0])
    code, output = run(whole, "build.push")
    assert code == 2
    assert "image.repository" in output
    assert "==>" not in output


def test_bash_env_is_asked_for_before_anything_is_built(whole):
    code, output = run(whole, "build", "--bash-env", BASH_ENV="")
    assert code == 2
    assert "==>" not in output
