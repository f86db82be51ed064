"""Secrets in plain text. The messages never show them, and the finding carries no excerpt."""

from __future__ import annotations

import re

from pipeline.config.findings import Report
from pipeline.config.lint.secret_shapes import (
    SHORTEST,
    is_random,
    is_telling_name,
    is_trivial,
    secrets_in,
)
from pipeline.config.lint.survey import Environment, Survey, entry, items, text_of
from pipeline.config.nodes import Mark, Node, Scalar, Source

__all__ = ["find_plain_secrets"]

_HINT = (
    "put it into a context or the project's environment variables, and replace it with a new one: it is"
    " in the repository's history"
)
_TEST = re.compile(r"(?:RAILS|RACK|NODE|APP|MIX|HANAMI)_ENV\Z")
_OF_THE_APPLICATION = re.compile(
    r"(?:[A-Z]+_)?SECRET_(?:KEY|KEY_BASE|TOKEN)\Z|RAILS_MASTER_KEY\Z|APP_KEY\Z|\w+_KEY_BASE\Z"
)
"""Secrets that an application makes up for itself; in a test environment they guard nothing."""

_USUAL = re.compile(
    r"(?:admin|changeit|changeme|ci|circle|circleci|circle_test|default|dev|dummy|example|fake|foo|guest|local"
    r"|mysql|none|pass|passwd|password|placeholder|postgres|root|sa|secret|test|testing|user|xxx)\Z",
    re.IGNORECASE,
)
"""Passwords of databases in tests."""


def find_plain_secrets(survey: Survey, report: Report) -> None:
    """Warn of what looks like a secret: by its own shape anywhere, by its name where variables are set."""
    told: set[tuple[int, int]] = set()
    source = survey.namespace.source
    for mark, kind in _by_shape(source):
        _warn(f"{kind} seems to stand here in plain text", mark, told, report)
    for environment in survey.environments:
        _check_environment(environment, told, report)
    for element in survey.elements("job", "executor"):
        for image in items(element.node.get("docker")):
            _check_login(image, told, report)


def _by_shape(source: Source) -> list[tuple[Mark, str]]:
    text = source.text
    found = []
    for offset, kind in secrets_in(text):
        begin = text.rfind("\n", 0, offset) + 1
        if "aws_access_key_id:" in text[begin:offset]:
            continue  # a name, which CircleCI's documentation writes out; the secret stands beside it
        found.append((Mark(source, text.count("\n", 0, offset) + 1, offset - begin + 1), kind))
    return found


def _check_environment(
    environment: Environment, told: set[tuple[int, int]], report: Report
) -> None:
    if environment.place == "service":
        return
    for name, node in environment.settings():
        if len(text_of(node)) < SHORTEST or not is_telling_name(name) or not is_random(node.value):
            continue
        if _OF_THE_APPLICATION.match(name) and _is_for_tests(environment):
            continue
        message = f"the value of {name} looks like a secret in plain text"
        _warn(message, node.mark, told, report)


def _is_for_tests(environment: Environment) -> bool:
    return any(
        _TEST.match(name) and text_of(node) in ("test", "testing", "development")
        for name, node in environment.settings()
    )


def _check_login(image: Node, told: set[tuple[int, int]], report: Report) -> None:
    for section, key in (("auth", "password"), ("aws_auth", "aws_secret_access_key")):
        node = entry(entry(image, section), key)
        text = text_of(node)
        if not text or "$" in text or "<<" in text or _USUAL.match(text) or is_trivial(text):
            continue
        assert type(node) is Scalar
        _warn(
            f"`{section}.{key}` of this image is written in plain text",
            node.mark,
            told,
            report,
            hint=f"name a variable of a context or the project there, as `{key}: $REGISTRY_PASSWORD`, and"
            " replace the secret: it is in the repository's history",
        )


def _warn(
    message: str, mark: Mark, told: set[tuple[int, int]], report: Report, hint: str = _HINT
) -> None:
    """Warn once for each line: a secret may be found by its shape and by its name."""
    if (id(mark.source), mark.line) not in told:
        told.add((id(mark.source), mark.line))
        report.warn("plain-secret", message, mark, hint=hint)
