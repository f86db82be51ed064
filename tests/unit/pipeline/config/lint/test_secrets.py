"""Secrets in plain text. The values are put together here, so that nothing in this file looks like one."""

from __future__ import annotations

import base64
import hashlib

import pytest

from pipeline.config.compiler import check
from pipeline.config.lint.secret_shapes import is_random, is_telling_name
from tests.unit.pipeline.config.lint.support import RUNS_BUILD, job, warned

CODE = "plain-secret"


def made_up(length: int, alphabet: str = "base64") -> str:
    """Return characters that look like chance, the same each time."""
    digest = hashlib.sha512(b"orbyard").digest() * 4
    if alphabet == "hex":
        return digest.hex()[:length]
    text = base64.b64encode(digest).decode().replace("+", "").replace("/", "").replace("=", "")
    return text[:length]


def environment(name: str, value: str, more: str = "") -> str:
    return job(more=f'environment: {{{more}{name}: "{value}"}}')


SHAPES = {
    "a GitHub token": "ghp" + "_" + made_up(36),
    "a Slack token": "xox" + "b-" + "2847561903-" + made_up(24),
    "a Stripe key": "sk_" + "live_" + made_up(24),
    "a Google API key": "AI" + "za" + made_up(35),
    "an npm token": "npm" + "_" + made_up(36),
    "an AWS access key": "AK" + "IA" + "JQ3PZ7RT5WXN2VKD",
    "a JSON web token": "ey" + "J" + made_up(20) + ".ey" + "J" + made_up(30) + "." + made_up(40),
    "a password in a URL": "https://bot:" + made_up(20) + "@git.company.io/x.git",
}


@pytest.mark.parametrize("kind", SHAPES)
def test_what_has_the_shape_of_a_secret_is_found_anywhere_and_not_shown(kind: str) -> None:
    secret = SHAPES[kind]
    (found,) = warned(job(f"[{{run: 'tool --with {secret}'}}]"), CODE)
    assert found.message == f"{kind} seems to stand here in plain text"
    assert found.where.line == 6
    assert secret not in str(found.as_json())
    assert found.hint is not None
    assert "context" in found.hint


def test_a_private_key_is_found_by_its_content() -> None:
    begin = "-----BEGIN RSA PRIVATE " + "KEY-----"
    block = f"""
      - run: |
          cat > key \\<<END
          {begin}
          {made_up(64)}
          END
"""
    assert len(warned(job("\n" + block), CODE)) == 1
    outside = f"[{{run: 'echo \"{begin}\\n$KEY\" > key'}}]"
    assert warned(job(outside), CODE) == []


@pytest.mark.parametrize(
    "name",
    ["NPM_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD", "HEROKU_API_KEY", "CLIENT_SECRET"],
)
def test_a_telling_name_with_a_random_value_is_a_secret(name: str) -> None:
    secret = made_up(40, "hex")
    (found,) = warned(environment(name, secret), CODE)
    assert found.message == f"the value of {name} looks like a secret in plain text"
    assert found.where.key == f"jobs.build.environment.{name}"
    assert secret not in str(found.as_json())


@pytest.mark.parametrize(
    "value",
    [
        "",
        "$NPM_TOKEN",
        "${NPM_TOKEN}",
        "password",
        "postgres",
        "changeme",
        "test-token-1234567890",
        "not-a-real-secret-9f8e7d",
        "circleci_test_123",
        "0123456789abcdef0123456789abcdef",
        "s3cr3t",
        "true",
        "/run/secrets/token-1a2b3c4d",
        "xxxxxxxxxxxxxxxx1234",
        "00000000-0000-0000-0000-000000000000",
        "1.2.3-beta.4567",
    ],
)
def test_values_that_tests_use_are_left_alone(value: str) -> None:
    assert warned(environment("NPM_TOKEN", value), CODE) == []


@pytest.mark.parametrize(
    "name",
    ["CACHE_KEY", "PUBLIC_KEY", "STRIPE_PUBLISHABLE_KEY", "GIT_SHA", "TEST_SECRET", "KEY_ID"],
)
def test_names_that_tell_nothing_are_left_alone(name: str) -> None:
    assert warned(environment(name, made_up(40, "hex")), CODE) == []


def test_what_an_application_makes_up_for_its_tests_guards_nothing() -> None:
    text = environment("SECRET_KEY_BASE", made_up(64, "hex"), "RAILS_ENV: test, ")
    assert warned(text, CODE) == []
    assert len(warned(environment("SECRET_KEY_BASE", made_up(64, "hex")), CODE)) == 1


def test_services_are_left_alone_and_the_first_image_is_not() -> None:
    text = f"""
version: 2.1
jobs:
  build:
    docker:
      - {{image: cimg/base:current, environment: {{API_TOKEN: {made_up(32)}}}}}
      - {{image: cimg/postgres:16.1, environment: {{POSTGRES_PASSWORD: {made_up(32)}}}}}
    steps: [checkout]
"""
    (found,) = warned(text + RUNS_BUILD, CODE)
    assert found.where.key == "jobs.build.docker[0].environment.API_TOKEN"


def test_logins_of_images_are_to_name_a_variable() -> None:
    text = """
version: 2.1
jobs:
  build:
    docker:
      - image: a/b:c
        auth: {username: me, password: %s}
      - image: d/e:f
        aws_auth: {aws_access_key_id: AKIAQWERVA, aws_secret_access_key: %s}
    steps: [checkout]
"""
    found = warned(text % ("hunter2-Sommer", "hunter2-Winter") + RUNS_BUILD, CODE)
    assert [f.message for f in found] == [
        "`auth.password` of this image is written in plain text",
        "`aws_auth.aws_secret_access_key` of this image is written in plain text",
    ]
    assert not any("hunter2" in str(f.as_json()) for f in found)
    assert warned(text % ("$PASSWORD", "$SECRET") + RUNS_BUILD, CODE) == []


def test_assignments_in_commands_are_looked_at() -> None:
    (found,) = warned(job(f"[{{run: 'export DEPLOY_TOKEN={made_up(30)} && go'}}]"), CODE)
    assert found.message == "the value of DEPLOY_TOKEN seems to stand here in plain text"
    harmless = "[{run: 'export DEPLOY_TOKEN=$(cat file) CACHE_KEY=" + made_up(30) + "'}]"
    assert warned(job(harmless), CODE) == []


def test_one_secret_is_one_warning_even_with_shape_and_name() -> None:
    secret = "ghp" + "_" + made_up(36)
    assert len(warned(environment("GITHUB_TOKEN", secret), CODE)) == 1


def test_a_comment_is_in_the_history_as_well() -> None:
    text = job() + "# " + "ghp" + "_" + made_up(36) + "\n"
    assert [f.where.line for f in check(text) if f.code == CODE] == [text.count("\n")]


def test_randomness_is_letters_and_digits_without_words() -> None:
    assert is_random(made_up(20))
    assert not is_random("correct-horse-battery-1")
    assert not is_random("abc123")
    assert is_telling_name("apiKey")
    assert not is_telling_name("MONKEY")
