"""Which image stands in for one that the configuration names."""

from __future__ import annotations

import pytest

from pipeline.config.model import DockerImage
from pipeline.runner.image_names import check_image_rules, image_in_place, name_in_place

RULES = {
    "cimg/": "mirror.test/cimg/",
    "cimg/ruby": "acme/ruby",
    "cimg/postgres": "acme/db:latest",
    "cimg/postgres:16.2": "acme/db@sha256:0123",
    "host.test:5000/app": "app",
    "redis": "acme/redis",
}


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        ("cimg/python:3.12", "mirror.test/cimg/python:3.12"),
        ("cimg/python", "mirror.test/cimg/python"),
        ("cimg/ruby:3.3-node", "acme/ruby:3.3-node"),
        ("cimg/ruby", "acme/ruby"),
        ("cimg/ruby:3.3@sha256:ab", "acme/ruby:3.3@sha256:ab"),
        ("cimg/ruby-extra:1", "mirror.test/cimg/ruby-extra:1"),
        ("cimg/postgres:15", "acme/db:latest"),
        ("cimg/postgres:16.2", "acme/db@sha256:0123"),
        ("host.test:5000/app:2", "app:2"),
        ("redis:7", "acme/redis:7"),
        ("other/redis:7", "other/redis:7"),
        ("postgres:16", "postgres:16"),
    ],
)
def test_the_most_particular_rule_holds(written: str, taken: str) -> None:
    assert name_in_place(RULES, written) == taken


def test_a_folder_within_another_wins() -> None:
    rules = {"acme/": "one/", "acme/tools/": "two/"}
    assert name_in_place(rules, "acme/tools/lint:1") == "two/lint:1"
    assert name_in_place(dict(reversed(rules.items())), "acme/tools/lint:1") == "two/lint:1"


def test_a_login_goes_to_no_registry_but_the_one_that_is_written() -> None:
    login = {"username": "me", "password": "$TOKEN"}
    image = DockerImage("cimg/ruby:3.3", name="app", user="root", auth=login, aws_auth={"a": "b"})
    taken = image_in_place(RULES, image)
    assert taken == DockerImage("acme/ruby:3.3", name="app", user="root")
    private = DockerImage("private/ruby:3.3", auth=login)
    assert image_in_place(RULES, private) is private


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"cimg/ruby": ""}, "two images"),
        ({"": "a"}, "two images"),
        ({"a b": "c"}, "two images"),
        ({"cimg/": "acme/ruby"}, "both end with a slash"),
        ({"cimg/ruby": "acme/"}, "both end with a slash"),
    ],
)
def test_rules_that_cannot_be_meant_are_mistakes(rules: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_image_rules(rules)
