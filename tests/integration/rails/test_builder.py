from __future__ import annotations

import pytest

from orbs.rails.build import Build
from pipeline.errors import InvalidInput, WorkFailed
from tests.integration.rails.support import BASE_IMAGE


def remove_builder(app, engine) -> None:
    for image in engine.list_images(f"orbyard.dev/project={app.name}"):
        engine.remove_image(image.id, force=True)


def test_the_context_is_just_the_named_files(app, engine):
    app.write("other", "x")
    app.write("sub/file", "x")
    app.write(
        "deploy/Dockerfile.builder",
        f"FROM {BASE_IMAGE}\nENV APP={app.name}\nWORKDIR /app\nADD . .\nRUN find . -type f | sort\n",
    )
    app.write("orbyard.yml", "builder: {files: [lock, sub]}\n")
    Build(app.run(), engine).builder()
    words = app.err.getvalue().split()
    assert [word for word in words if word.startswith("./")] == ["./lock", "./sub/file"]


def test_a_dockerfile_that_needs_buildkit_gets_it(app, engine):
    dockerfile = app.root / "deploy/Dockerfile.builder"
    dockerfile.write_text(
        dockerfile.read_text() + "RUN --mount=type=cache,target=/cache echo cached >/made\n"
    )
    made = Build(app.run(), engine).builder()
    image = engine.inspect_image(made.image_id)
    assert image is not None
    assert image.labels["orbyard.dev/identity"] == made.identity
    assert engine.builds == 0


def test_build_arguments_choose_the_base_and_are_part_of_the_identity(app, engine):
    app.write(
        "deploy/Dockerfile.builder", f"ARG TAG=none\nFROM ruby:${{TAG}}\nENV APP={app.name}\n"
    )
    tag = BASE_IMAGE.partition(":")[2]
    app.write("orbyard.yml", f"builder: {{args: {{TAG: {tag}}}}}\n")
    made = Build(app.run(), engine).builder()
    image = engine.inspect_image(made.image_id)
    assert image is not None
    assert image.labels["orbyard.dev/identity"] == made.identity


def test_a_failing_build_shows_its_last_lines_and_names_the_dockerfile(app, engine):
    dockerfile = app.root / "deploy/Dockerfile.builder"
    dockerfile.write_text(dockerfile.read_text() + "RUN echo the reason && exit 7\n")
    with pytest.raises(WorkFailed) as caught:
        Build(app.run(), engine).builder()
    assert caught.value.where is not None
    assert caught.value.where.file == "deploy/Dockerfile.builder"
    assert "the reason" in caught.value.details


def test_a_file_that_the_context_lacks_leads_to_the_setting(app, engine):
    dockerfile = app.root / "deploy/Dockerfile.builder"
    dockerfile.write_text(dockerfile.read_text() + "ADD lock .\n")
    with pytest.raises(WorkFailed) as caught:
        Build(app.run(), engine).builder()
    assert "builder.files" in (caught.value.hint or "")


def test_a_missing_dockerfile_is_bad_input(app, engine):
    (app.root / "deploy/Dockerfile.builder").unlink()
    with pytest.raises(InvalidInput) as caught:
        Build(app.run(), engine).builder()
    assert "deploy/Dockerfile.builder" in str(caught.value)


def test_a_pushed_builder_image_is_pulled_by_a_machine_that_starts_empty(app, engine, registry):
    app.write(
        "orbyard.yml", f"builder: {{push: true, repository: {registry}/{app.name}-builder}}\n"
    )
    made = Build(app.run(), engine).builder()
    remove_builder(app, engine)
    again = Build(app.run(), engine).builder()
    assert engine.builds == 1
    assert again.reused
    assert again.identity == made.identity
    assert "pulled" in app.err.getvalue()


def test_an_image_made_from_a_builder_image_is_not_taken_for_it(app, engine, docker_engine):
    made = Build(app.run(), engine).builder()
    name = next(iter(engine.inspect_image(made.image_id).tags))
    container = docker_engine.api.create_container(name, ["true"])
    child = docker_engine.api.commit(container["Id"])["Id"]
    docker_engine.api.remove_container(container["Id"])
    try:
        assert Build(app.run(), engine).builder().image_id == made.image_id
    finally:
        engine.remove_image(child)


def test_the_oldest_builder_images_of_the_project_go(app, engine):
    app.write("orbyard.yml", "builder: {files: [lock]}\ndependencies: {keep: 2}\n")
    for lock in "abc":
        app.write("lock", lock)
        Build(app.run(), engine).builder()
    assert len(engine.list_images(f"orbyard.dev/project={app.name}")) == 2
