"""Keys of caches that never change, or that change every time."""

from __future__ import annotations

import pytest

from tests.unit.pipeline.config.lint.support import job, warned

CONSTANT, CHANGING = "cache-key-constant", "cache-key-always-changes"


def save(key: str) -> str:
    return f"{{save_cache: {{key: '{key}', paths: [x]}}}}"


def restore(*keys: str) -> str:
    return f"{{restore_cache: {{keys: {list(keys)}}}}}"


@pytest.mark.parametrize(
    "key", ["v1-gems", "gems-{{ arch }}", "deps-{{ .Environment.CIRCLE_JOB }}"]
)
def test_a_key_without_anything_that_changes_is_constant(key: str) -> None:
    (found,) = warned(job(f"[{save(key)}]"), CONSTANT)
    assert found.where.key == "jobs.build.steps[0].save_cache.key"
    assert found.hint == 'add what the content depends on, as {{ checksum "Gemfile.lock" }}'


@pytest.mark.parametrize(
    "key",
    [
        'v1-{{ checksum "Gemfile.lock" }}',
        "v1-{{ .Branch }}",
        "v1-{{ .Revision }}",
        "v1-{{ epoch }}",
        "v1-{{ .Environment.CACHE_VERSION }}",
        "dockerize-v0.6.1",
        "v1-<< pipeline.number >>",
    ],
)
def test_keys_that_change_or_name_a_version_are_left_alone(key: str) -> None:
    assert warned(job(f"[{save(key)}]"), CONSTANT) == []


@pytest.mark.parametrize("part", ["{{ epoch }}", "{{ .BuildNum }}"])
def test_a_restored_key_that_changes_every_time_finds_nothing(part: str) -> None:
    key = f"v1-{part}"
    (found,) = warned(job(f"[{restore(key)}, {save(key)}]"), CHANGING)
    assert found.where.key == "jobs.build.steps[0].restore_cache.keys[0]"
    assert found.hint == "restore with `keys:` that end in a shorter one, as 'v1-'"


def test_a_shorter_key_to_fall_back_to_is_enough() -> None:
    key = "v1-{{ epoch }}"
    assert warned(job(f"[{restore(key, 'v1-')}, {save(key)}]"), CHANGING) == []
    assert warned(job(f"[{restore('v1-')}, {save(key)}]"), CHANGING) == []


def test_a_saved_key_that_no_restored_one_begins_is_never_found() -> None:
    text = job(f"[{restore('v2-')}, {save('v1-{{ epoch }}')}]")
    (found,) = warned(text, CHANGING)
    assert found.where.key == "jobs.build.steps[1].save_cache.key"


def test_the_revision_hands_files_on_within_a_workflow() -> None:
    key = "src-{{ .Revision }}"
    assert warned(job(f"[{restore(key)}, {save(key)}]"), CHANGING) == []
    assert warned(job(f"[{restore(key)}]"), CHANGING) == []  # another configuration may save it
    (found,) = warned(job(f"[{restore(key)}, {save('other-{{ .Branch }}')}]"), CHANGING)
    assert found.message.startswith("{{ .Revision }} is another each time")


def test_a_cache_that_nothing_here_restores_may_be_restored_elsewhere() -> None:
    assert warned(job(f"[{save('v1-{{ epoch }}')}]"), CHANGING) == []


def test_a_branch_in_the_key_may_be_written_out_where_it_is_restored() -> None:
    text = job(f"[{restore('dist-main-')}, {save('dist-{{ .Branch }}-{{ .Revision }}')}]")
    assert warned(text, CHANGING) == []
