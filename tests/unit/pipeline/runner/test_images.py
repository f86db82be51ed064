"""The login of a registry, and which images are pulled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from pipeline.config.model import DockerImage
from pipeline.errors import InvalidInput
from pipeline.runner.engine import ContainerEngine
from pipeline.runner.images import ensure_images, registry_login


def image(**auth: Any) -> DockerImage:
    return DockerImage("registry.test/app:1", auth=auth)


class Engine:
    """Knows some images, and notes what is pulled with which login."""

    def __init__(self, *images: str) -> None:
        self.images = set(images)
        self.pulled: list[tuple[str, Mapping[str, str] | None]] = []

    def has_image(self, name: str) -> bool:
        return name in self.images

    def pull(
        self, name: str, login: Mapping[str, str] | None, on_progress: Callable[[str], None]
    ) -> None:
        self.pulled.append((name, login))


def ensure(engine: Engine, *images: DockerImage, pull: bool = False) -> list[str]:
    said: list[str] = []
    ensure_images(
        cast(ContainerEngine, engine), images, {"TOKEN": "s3cret"}, said.append, pull=pull
    )
    return said


def test_an_image_without_auth_needs_no_login() -> None:
    assert registry_login(DockerImage("a"), {}) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("$TOKEN", "s3cret"),
        ("${TOKEN}", "s3cret"),
        ("a-${TOKEN}_b", "a-s3cret_b"),
        ("$TOKEN-$USER_1", "s3cret-robot"),
        ("plain", "plain"),
        ("100$", "100$"),
        ("$5 and $", "$5 and $"),
        ("${}", "${}"),
    ],
)
def test_variables_in_a_login_are_replaced(written: str, meant: str) -> None:
    login = registry_login(
        image(username="me", password=written), {"TOKEN": "s3cret", "USER_1": "robot"}
    )
    assert login == {"username": "me", "password": meant}


def test_a_value_that_looks_like_a_variable_is_not_replaced_again() -> None:
    assert registry_login(image(password="$A"), {"A": "$B", "B": "no"}) == {"password": "$B"}


@pytest.mark.parametrize("written", ["$TOKEN", "${TOKEN}"])
def test_a_variable_that_is_not_given_is_named_with_its_image(written: str) -> None:
    with pytest.raises(InvalidInput, match=r"registry\.test/app:1 needs the variable TOKEN") as e:
        registry_login(image(password=written), {"OTHER": "x"})
    assert "--env TOKEN" in (e.value.hint or "")


def test_only_images_that_are_missing_are_pulled_with_their_login() -> None:
    engine = Engine("there")
    said = ensure(engine, DockerImage("there"), image(username="me", password="$TOKEN"))
    assert engine.pulled == [("registry.test/app:1", {"username": "me", "password": "s3cret"})]
    assert said == ["pulling registry.test/app:1"]


def test_all_images_are_pulled_when_that_is_asked_for() -> None:
    engine = Engine("there")
    ensure(engine, DockerImage("there"), pull=True)
    assert engine.pulled == [("there", None)]
