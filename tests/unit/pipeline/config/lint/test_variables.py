"""Variables in an environment, which nothing expands."""

from __future__ import annotations

import pytest

from tests.unit.pipeline.config.lint.support import job, warned

CODE = "environment-variable-literal"


@pytest.mark.parametrize(
    "value",
    [
        "$CIRCLE_SHA1",
        "${CIRCLE_SHA1}",
        "$PATH:/opt/bin",
        "v${CIRCLE_BUILD_NUM}",
        "${X:-y}",
        "$(date)",
        "~/bin",
    ],
)
def test_what_a_shell_would_expand_stays_as_it_is(value: str) -> None:
    (found,) = warned(job(more=f"environment: {{A: '{value}'}}"), CODE)
    assert found.where.key == "jobs.build.environment.A"
    assert found.message.startswith("A is set to this text itself:")
    assert found.hint == (
        f"set it in a run step for those after it: `echo 'export A={value}' >> \"$BASH_ENV\"`"
    )


def test_a_step_sets_it_in_its_own_command() -> None:
    (found,) = warned(job("[{run: {command: make, environment: {A: $HOME/x}}}]"), CODE)
    assert found.hint == "set it in the step's command: `export A=…`"


@pytest.mark.parametrize(
    "value", ["plain", "5$", "pa$$word", r"\$HOME", "a$b", "^x$", "<< pipeline.id >>"]
)
def test_texts_that_no_shell_would_expand_are_left_alone(value: str) -> None:
    assert warned(job(more=f"environment: {{A: '{value}'}}"), CODE) == []


@pytest.mark.parametrize("command", ['eval "echo $A"', "circleci env subst $A", 'echo "${!A}"'])
def test_a_step_that_expands_it_by_itself_means_it(command: str) -> None:
    steps = f"[{{run: {{command: '{command}', environment: {{A: $HOME}}}}}}]"
    assert warned(job(steps), CODE) == []


def test_names_that_orbs_expand_later_are_left_alone() -> None:
    assert warned(job(more="environment: {ORB_EVAL_PATH: $HOME/x}"), CODE) == []


def test_the_login_of_an_image_is_expanded_and_so_left_alone() -> None:
    text = job().replace(
        "{image: cimg/base:current}", "{image: a/b, auth: {username: $U, password: $P}}"
    )
    assert warned(text, CODE) == []


def test_what_may_hold_a_password_is_not_shown_in_the_advice() -> None:
    for name, value in (("DB_URL", "postgres://me:word@$HOST/db"), ("API_TOKEN", "word-$SUFFIX")):
        (found,) = warned(job(more=f"environment: {{{name}: '{value}'}}"), CODE)
        assert "word" not in str(found.as_json())
