"""A failed build points at the instruction, in the words of either builder."""

from __future__ import annotations

import pytest

from orbs.rails.dockerfile_syntax import parse_dockerfile
from orbs.rails.engine_types import EngineError
from orbs.rails.image_errors import explain_failure

DOCKERFILE = """FROM ruby:3.1
WORKDIR /app
ADD vendor/bundle vendor/bundle
RUN bin/rails assets:precompile \\
    && rm -rf tmp
"""


def explained(text: str, *tail: str) -> tuple[str, int, str]:
    parsed = parse_dockerfile(DOCKERFILE, "deploy/Dockerfile")
    error = explain_failure(EngineError(text, text=text), parsed, "deploy/Dockerfile", tail)
    assert error.where is not None
    return error.message, error.where.line, str(error.hint)


@pytest.mark.parametrize(
    ("tail", "text", "line"),
    [
        (["Step 3/4 : ADD vendor/bundle vendor/bundle"], "ADD failed: file not found", 3),
        (
            ["Step 4/4 : RUN bin/rails assets:precompile     && rm -rf tmp"],
            "returned a non-zero code: 1",
            4,
        ),
        (["#5 [2/4] WORKDIR /app", "#6 [3/4] ADD vendor/bundle vendor/bundle"], "not found", 3),
        (
            [
                "#7 [4/4] RUN bin/rails assets:precompile     && rm -rf tmp",
                "boom",
                " > [4/4] RUN bin/rails assets:precompile     && rm -rf tmp:",
            ],
            "process did not complete successfully: exit code: 1",
            4,
        ),
        (["Step 1/4 : FROM ruby:3.1"], "pull access denied for ruby", 1),
    ],
)
def test_the_instruction_that_failed_is_found(tail: list[str], text: str, line: int) -> None:
    assert explained(text, *tail)[1] == line


def test_a_missing_file_comes_with_advice_about_the_context() -> None:
    message, _, hint = explained(
        "ADD failed: no such file", "Step 3/4 : ADD vendor/bundle vendor/bundle"
    )
    assert message.startswith("`ADD vendor/bundle vendor/bundle` failed: ADD failed")
    assert ".dockerignore" in hint


def test_an_unknown_failure_still_names_the_dockerfile() -> None:
    message, line, hint = explained("something odd")
    assert (line, message) == (0, "the app image could not be built: something odd")
    assert hint
