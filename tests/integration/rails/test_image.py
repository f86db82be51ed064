"""The app image on a real engine: built once, from volumes, the same each time."""

from __future__ import annotations

import os
import subprocess
import uuid

import pytest

from orbs.rails.build import Build
from orbs.rails.push import push_image
from pipeline.errors import InvalidInput, OrbyardError, WorkFailed
from tests.integration.rails.support import remove_images

COMMAND = "mkdir -p made/deps/lib; cp lock made/deps/lib/lock"
INSTALLER = f'copying: {{lockfile: lock, path: made/deps, command: "{COMMAND}"}}'
DOCKERFILE = """FROM debian:bookworm-slim
WORKDIR /app
ADD made/deps made/deps
ADD . .
RUN mkdir -p tmp/x && cat made/deps/lib/lock hello > tmp/x/both
LABEL who=us
"""


@pytest.fixture
def rails(app, engine):
    """An app with a Dockerfile, committed to git."""
    app.declare(INSTALLER)
    app.write("deploy/Dockerfile", DOCKERFILE)
    app.write("hello", "hello\n")
    app.write(".dockerignore", ".git\nsecret\n")
    app.write("secret", "not for the image\n")
    commit(app)
    yield app
    for name in names(engine, app):
        engine.remove_image(name, force=True)
    head = ["git", "-C", str(app.root), "rev-parse", "HEAD"]
    revision = subprocess.run(head, capture_output=True, text=True, check=True).stdout.strip()
    # One that was built anew has taken the name.
    remove_images(engine, f"org.opencontainers.image.revision={revision}")


def commit(app) -> None:
    environ = {
        **os.environ,
        **dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2024-05-01T12:00:00Z"),
        **dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "t"),
        **dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "t@example.com"),
    }
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run(["git", *words], cwd=app.root, env=environ, check=True)


def names(engine, app) -> list[str]:
    listed = subprocess.run(
        ["docker", "images", f"orbyard-app/{app.name}", "--format", "{{.Repository}}:{{.Tag}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return listed.stdout.split()


def build(app, engine, *, backend: str = "auto", no_cache: bool = False, **environ: str):
    run = app.run(ORBYARD_IMAGE_BACKEND=backend, **environ)
    return Build(run, engine, no_cache=no_cache).image


def inside(image: str, command: str) -> str:
    done = subprocess.run(
        ["docker", "run", "--rm", image, "sh", "-c", command],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("backend", ["api", "buildkit"])
def test_the_image_has_checkout_and_dependencies_and_is_the_same_each_time(rails, engine, backend):
    first = build(rails, engine, backend=backend)
    assert inside(first.image_id, "cat tmp/x/both; ls") == "one\nhello\n" + "\n".join(
        ["deploy", "hello", "lock", "made", "orbyard.yml", "tmp", ""]
    )
    info = engine.inspect_image(first.image_id)
    assert info.labels["who"] == "us"
    assert len(info.labels["org.opencontainers.image.revision"]) == 40
    assert info.labels["org.opencontainers.image.created"] == "2024-05-01T12:00:00Z"
    again = build(rails, engine, backend=backend, no_cache=True)
    assert engine.inspect_image(again.image_id).diff_ids == info.diff_ids


def test_nothing_is_built_twice_and_a_changed_file_is_noticed(rails, engine):
    environ = {"ORBYARD_IMAGE_REPRODUCIBLE": "false"}
    first = build(rails, engine, **environ)
    before = engine.containers, engine.builds
    second = build(rails, engine, **environ)
    assert (engine.containers, engine.builds) == before
    assert (second.reused, second.image_id) == (True, first.image_id)
    rails.write("secret", "a change that is ignored\n")
    assert build(rails, engine, **environ).reused
    rails.write("hello", "changed\n")
    third = build(rails, engine, **environ)
    assert not third.reused
    assert inside(third.image_id, "cat hello") == "changed\n"
    assert third.tags[0].endswith("-dirty")


@pytest.mark.parametrize("backend", ["api", "buildkit"])
def test_a_failing_instruction_is_named_with_its_line_and_output(rails, engine, backend):
    rails.write(
        "deploy/Dockerfile", "FROM debian:bookworm-slim\n\nRUN echo why it failed; exit 7\n"
    )
    with pytest.raises(WorkFailed) as caught:
        build(rails, engine, backend=backend)
    error = caught.value
    assert str(error.where) == "deploy/Dockerfile:3"
    assert "RUN echo why it failed; exit 7" in error.message
    assert any("why it failed" in line for line in error.details)
    assert error.exit_code == 1


@pytest.mark.parametrize("backend", ["api", "buildkit"])
def test_a_file_that_is_not_in_the_context_is_said_so(rails, engine, backend):
    rails.write("deploy/Dockerfile", "FROM debian:bookworm-slim\nADD secret secret\n")
    with pytest.raises(WorkFailed) as caught:
        build(rails, engine, backend=backend)
    assert ".dockerignore" in str(caught.value.hint)
    assert str(caught.value.where) == "deploy/Dockerfile:2"


def test_a_missing_dockerfile_is_bad_input(rails, engine):
    (rails.root / "deploy/Dockerfile").unlink()
    with pytest.raises(InvalidInput, match="Dockerfile is missing"):
        build(rails, engine)


def test_a_build_secret_is_mounted_and_in_no_layer(rails, engine):
    rails.write(
        "deploy/Dockerfile",
        "FROM debian:bookworm-slim\nRUN --mount=type=secret,id=token "
        "test $(cat /run/secrets/token | wc -c) = 8 && echo the token is $(cat /run/secrets/token)\n",
    )
    settings = (rails.root / "orbyard.yml").read_text()
    rails.write("orbyard.yml", settings + "image: {secrets: {token: NPM_TOKEN}}\n")
    made = build(rails, engine, no_cache=True, NPM_TOKEN="hunter22")
    saved = b"".join(engine.save_image(made.image_id))
    assert b"hunter22" not in saved
    assert "hunter22" not in rails.err.getvalue()
    assert "****" in rails.err.getvalue()


def test_a_pushed_image_is_known_by_its_digest_and_not_pushed_again(rails, engine, registry):
    repository = f"{registry}/test-{uuid.uuid4().hex[:8]}"
    made = build(rails, engine, ORBYARD_IMAGE_REPRODUCIBLE="false")
    run = rails.run()
    first = push_image(run, engine, made, repository=repository)
    assert str(first).startswith(f"{repository}@sha256:")
    assert "pushed" in rails.err.getvalue()
    second = push_image(rails.run(), engine, made, repository=repository)
    assert second == first
    assert "is there already" in rails.err.getvalue()
    engine.remove_image(f"{repository}:{made.tags[0]}", force=False)


def test_a_registry_that_is_not_there_is_told_after_some_tries(rails, engine):
    made = build(rails, engine, ORBYARD_IMAGE_REPRODUCIBLE="false")

    class NoSleep:
        def now_s(self) -> float:
            return 0.0

        def sleep(self, seconds: float, wake: object = None) -> None:
            pass

    with pytest.raises(OrbyardError) as caught:
        push_image(rails.run(), engine, made, repository="127.0.0.1:9/x", clock=NoSleep())
    assert caught.value.exit_code == 3
    assert rails.err.getvalue().count("again in") == 3
    engine.remove_image(f"127.0.0.1:9/x:{made.tags[0]}", force=False)
