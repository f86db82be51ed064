"""Settings: the file, the environment and the flags; and every mistake with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from pipeline.errors import InvalidInput
from pipeline.settings import load_settings, parse_duration, setting


@dataclass(frozen=True, slots=True)
class Inner:
    """Something nested."""

    size: int = setting(1, doc="How large.")


@dataclass(frozen=True, slots=True)
class Image:
    """An image."""

    repository: str = setting("", doc="Where.")
    tags: tuple[str, ...] = setting(("latest",), doc="Names.")
    backend: Literal["auto", "api"] = setting("auto", doc="How.")
    push: bool = setting(False, doc="Whether.")
    timeout_s: float = setting(60.0, key="timeout", parse=parse_duration, doc="How long.")
    inner: Mapping[str, Inner] = setting(factory=dict, doc="By name.")


SECTIONS = {"image": Image}


def load(
    tmp_path: Path, text: str, *, environ: dict[str, str] | None = None, **flags: Any
) -> Image:
    (tmp_path / "orbyard.yml").write_text(text)
    return load_settings(tmp_path, SECTIONS, environ=environ or {}, flags=flags).get(Image)


def problems(tmp_path: Path, text: str, **options: Any) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, text, **options)
    return [str(problem) for problem in caught.value.problems]


def test_without_a_file_every_key_has_its_default(tmp_path: Path) -> None:
    image = load_settings(tmp_path, SECTIONS, environ={}).get(Image)
    assert image == Image()


def test_a_file_sets_what_it_names(tmp_path: Path) -> None:
    image = load(
        tmp_path,
        "image:\n  repository: a/b\n  timeout: 1m30s\n  inner: {x: {size: 3}}\n  tags: one\n",
    )
    assert image == Image(repository="a/b", timeout_s=90, inner={"x": Inner(3)}, tags=("one",))


def test_the_environment_wins_over_the_file_and_a_flag_over_both(tmp_path: Path) -> None:
    text = "image: {repository: file, push: false, tags: [a]}\n"
    environ = {
        "ORBYARD_IMAGE_REPOSITORY": "environment",
        "ORBYARD_IMAGE_PUSH": "yes",
        "ORBYARD_IMAGE_TAGS": "b, c",
        "ORBYARD_IMAGE_TIMEOUT": "2m",
    }
    image = load(
        tmp_path, text, environ=environ, **{"image.repository": "flag", "image.push": None}
    )
    assert image == Image(repository="flag", push=True, tags=("b", "c"), timeout_s=120)


def test_an_unknown_key_is_named_with_its_place_and_the_nearest_one(tmp_path: Path) -> None:
    assert problems(tmp_path, "image:\n  repositry: x\n") == [
        "orbyard.yml:2:3 (image.repositry): the key 'repositry' is not known\n"
        "  did you mean 'repository'?"
    ]


def test_every_mistake_is_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "imag: {}\nimage:\n  push: maybe\n  backend: magic\n  timeout: soon\n"
        "  inner:\n    x: {size: big}\n",
    )
    assert [line.split(" ")[0] for line in found] == [
        "orbyard.yml:1:1",
        "orbyard.yml:3:3",
        "orbyard.yml:4:3",
        "orbyard.yml:5:3",
        "orbyard.yml:7:9",
    ]
    assert "expected true or false, found 'maybe'" in found[1]
    assert "expected one of auto, api, found 'magic'" in found[2]
    assert "expected a whole number, found 'big'" in found[4]


def test_a_wrong_environment_variable_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path, "", environ={"ORBYARD_IMAGE_PUSH": "perhaps"}) == [
        "ORBYARD_IMAGE_PUSH: expected true or false, found 'perhaps'"
    ]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [(90, 90), ("90", 90), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("500ms", 0.5), (1.5, 1.5)],
)
def test_durations_are_read(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", ["", "soon", "5x", "m", "1m 3", True])
def test_what_is_no_duration_is_refused(written: object) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(written)
