"""What variables a job has, and which of several values wins."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidInput
from pipeline.runner.environment import (
    BuildIdentity,
    PullRequest,
    builtin_variables,
    environment_text,
    job_environment,
    parse_env_option,
    read_env_file,
)

BUILD = BuildIdentity(
    build_number=7,
    previous_build_number=6,
    build_url="file:///runs/7/index.html",
    pipeline_id="11111111-1111-4111-8111-111111111111",
    workflow_id="22222222-2222-4222-8222-222222222222",
    job_id="33333333-3333-4333-8333-333333333333",
    workspace_id="44444444-4444-4444-8444-444444444444",
    project_id="55555555-5555-4555-8555-555555555555",
    organization_id="66666666-6666-4666-8666-666666666666",
    node_index=1,
    node_total=4,
)
VALUES = {
    "pipeline.git.branch": "feature/x",
    "pipeline.git.revision": "a" * 40,
    "pipeline.git.repo_owner": "acme",
    "pipeline.git.repo_name": "shop",
    "pipeline.git.repo_url": "https://github.com/acme/shop",
    "pipeline.git.commit.author_login": "jo",
}


def builtin(**changes: Any) -> dict[str, str]:
    return builtin_variables(**{"job": "test-3.3", "values": VALUES, "build": BUILD} | changes)


def test_every_built_in_variable_has_a_value_of_this_machine() -> None:
    assert builtin() == {
        "CI": "true",
        "CIRCLECI": "true",
        "CIRCLE_BRANCH": "feature/x",
        "CIRCLE_BUILD_NUM": "7",
        "CIRCLE_BUILD_URL": "file:///runs/7/index.html",
        "CIRCLE_INTERNAL_TASK_DATA": (
            "/tmp/.circleci-task-data-33333333-3333-4333-8333-333333333333-1-build"
        ),
        "CIRCLE_JOB": "test-3.3",
        "CIRCLE_NODE_INDEX": "1",
        "CIRCLE_NODE_TOTAL": "4",
        "CIRCLE_ORGANIZATION_ID": BUILD.organization_id,
        "CIRCLE_PIPELINE_ID": BUILD.pipeline_id,
        "CIRCLE_PREVIOUS_BUILD_NUM": "6",
        "CIRCLE_PROJECT_ID": BUILD.project_id,
        "CIRCLE_PROJECT_REPONAME": "shop",
        "CIRCLE_PROJECT_USERNAME": "acme",
        "CIRCLE_REPOSITORY_URL": "git@github.com:acme/shop.git",
        "CIRCLE_SHA1": "a" * 40,
        "CIRCLE_USERNAME": "jo",
        "CIRCLE_WORKFLOW_ID": BUILD.workflow_id,
        "CIRCLE_WORKFLOW_JOB_ID": BUILD.job_id,
        "CIRCLE_WORKFLOW_WORKSPACE_ID": BUILD.workspace_id,
        "CIRCLE_WORKING_DIRECTORY": "~/project",
    }


def test_the_first_node_has_index_0() -> None:
    first = BuildIdentity(1, "", "p", "w", "j", "s", "r", "o")
    assert builtin(build=first)["CIRCLE_NODE_INDEX"] == "0"
    assert builtin(build=first)["CIRCLE_NODE_TOTAL"] == "1"
    assert "CIRCLE_PREVIOUS_BUILD_NUM" not in builtin(build=first)


def test_a_run_of_a_tag_has_no_branch() -> None:
    of_tag = builtin(values=VALUES | {"pipeline.git.tag": "v1.0"})
    assert of_tag["CIRCLE_TAG"] == "v1.0"
    assert "CIRCLE_BRANCH" not in of_tag
    assert "CIRCLE_TAG" not in builtin()


def test_a_folder_without_git_has_no_git_variables() -> None:
    assert {"CIRCLE_SHA1", "CIRCLE_BRANCH", "CIRCLE_REPOSITORY_URL"} & set(
        builtin(values={})
    ) == set()


def test_pull_request_variables_of_forks_are_for_forks_alone() -> None:
    own = builtin(pull_request=PullRequest("https://github.com/acme/shop/pull/12"))
    assert own["CIRCLE_PULL_REQUEST"] == own["CIRCLE_PULL_REQUESTS"]
    assert not any(name.startswith("CIRCLE_PR_") for name in own)
    fork = builtin(pull_request=PullRequest("https://github.com/acme/shop/pull/12", "jo", "shop2"))
    assert fork["CIRCLE_PR_NUMBER"] == "12"
    assert (fork["CIRCLE_PR_USERNAME"], fork["CIRCLE_PR_REPONAME"]) == ("jo", "shop2")


def test_a_setup_workflow_has_its_continuation_key_and_bash_its_file() -> None:
    variables = builtin(continuation_key="key", bash_env="/tmp/.bash_env-1")
    assert variables["CIRCLE_CONTINUATION_KEY"] == "key"
    assert variables["BASH_ENV"] == variables["CIRCLE_SHELL_ENV"] == "/tmp/.bash_env-1"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "1"),
        (False, "0"),
        ("true", "true"),
        (None, "<nil>"),
        (0, "0"),
        (-5, "-5"),
        (999999, "999999"),
        (1000000, "1e+06"),
        (1234567, "1.234567e+06"),
        (-1234567, "-1.234567e+06"),
        (12345678901234567890, "1.2345678901234567e+19"),
        (1.0, "1"),
        (0.1, "0.1"),
        (3.3, "3.3"),
        (123456.5, "123456.5"),
        (1234567.5, "1.2345675e+06"),
        (100000.0, "100000"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (0.0, "0"),
        (-0.0, "-0"),
        (1e100, "1e+100"),
        (float("inf"), "+Inf"),
        (float("-inf"), "-Inf"),
        (float("nan"), "NaN"),
        (10**400, "+Inf"),
        ("", ""),
    ],
)
def test_a_value_becomes_what_go_prints(value: Any, text: str) -> None:
    assert environment_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_keeps_its_value(value: float) -> None:
    assert math.isclose(float(environment_text(value)), value, rel_tol=0, abs_tol=0)


def test_the_stronger_value_wins() -> None:
    order = ["image", "project", "context", "later context", "builtin", "job", "step"]
    layers: dict[str, dict[str, str]] = {
        name: {f"V{level}": name for level in range(i + 1)} for i, name in enumerate(order)
    }
    assert job_environment(
        image=layers["image"],
        project=layers["project"],
        contexts=[layers["context"], layers["later context"]],
        builtin=layers["builtin"],
        job=layers["job"],
        step=layers["step"],
    ) == {f"V{level}": "step" for level in range(7)}
    weakened = {}
    for name in order:
        weakened |= {f"V{order.index(name)}": name}
    assert [
        job_environment(
            image={"V": "image"},
            project={"V": "project"} if depth > 0 else None,
            contexts=[{"V": name} for name in order[2 : depth + 1] if "context" in name],
            builtin={"V": "builtin"} if depth > 3 else None,
            job={"V": "job"} if depth > 4 else None,
            step={"V": "step"} if depth > 5 else None,
        )["V"]
        for depth in range(7)
    ] == order


@pytest.mark.parametrize(
    ("weaker", "stronger"),
    [
        ({"image": {"V": "weak"}}, {"project": {"V": "strong"}}),
        ({"project": {"V": "weak"}}, {"contexts": [{"V": "strong"}]}),
        ({}, {"contexts": [{"V": "weak"}, {"V": "strong"}]}),
        ({"contexts": [{"V": "weak"}]}, {"builtin": {"V": "strong"}}),
        ({"builtin": {"V": "weak"}}, {"job": {"V": "strong"}}),
        ({"job": {"V": "weak"}}, {"step": {"V": "strong"}}),
    ],
)
def test_of_two_neighbours_the_stronger_wins(
    weaker: dict[str, Any], stronger: dict[str, Any]
) -> None:
    assert job_environment(**weaker, **stronger) == {"V": "strong"}


def test_a_job_may_overwrite_a_built_in_variable_and_a_context_may_not() -> None:
    assert job_environment(
        contexts=[{"CIRCLE_SHA1": "context", "CI": "context"}],
        builtin={"CIRCLE_SHA1": "builtin", "CI": "true"},
        job={"CI": False},
    ) == {"CIRCLE_SHA1": "builtin", "CI": "0"}


def test_a_variable_in_a_value_stays_as_written() -> None:
    assert job_environment(job={"TAG": "v${CIRCLE_BUILD_NUM}"})["TAG"] == "v${CIRCLE_BUILD_NUM}"


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("A=b", {"A": "b"}),
        ("A=b=c", {"A": "b=c"}),
        ("A=", {"A": ""}),
        ("\ufeffA=b\r\nB=c\r\n", {"A": "b", "B": "c"}),
        ("# comment\n\n  \n  # another\nA=b\n", {"A": "b"}),
        ("A=b # comment", {"A": "b"}),
        ("A=b#c", {"A": "b#c"}),
        ("A= # comment", {"A": ""}),
        ("A=# comment", {"A": ""}),
        ("export A=b\nexport\tB='c'", {"A": "b", "B": "c"}),
        ("exported=1", {"exported": "1"}),
        (" A = b c  ", {"A": "b c"}),
        ("A='b # \\n c'", {"A": "b # \\n c"}),
        ('A="b # c" # d', {"A": "b # c"}),
        ('A="b\\n\\t\\"c\\" \\\\ \\$D \\x"', {"A": 'b\n\t"c" \\ $D \\x'}),
        ('A="one\ntwo\n# three"\nB=c', {"A": "one\ntwo\n# three", "B": "c"}),
        ("A='one\ntwo'\nB=c", {"A": "one\ntwo", "B": "c"}),
        ("A=it's", {"A": "it's"}),
        ("A=$B ${C}", {"A": "$B ${C}"}),
        ("A=1\nA=2", {"A": "2"}),
        ("HOST\nA=b", {"HOST": "mine", "A": "b"}),
        ("export HOST", {"HOST": "mine"}),
        ("NOT_THERE\nA=b", {"A": "b"}),
        ('A=""', {"A": ""}),
        ("A=ü", {"A": "ü"}),
    ],
)
def test_a_dotenv_file_is_read(text: str, variables: dict[str, str]) -> None:
    assert read_env_file(text, ".env", caller={"HOST": "mine"}) == variables


def test_each_line_that_cannot_be_read_is_told_with_its_place() -> None:
    text = 'A=b\n=c\n1A=d\nTWO WORDS=e\nB="f" g\nC="not\nclosed\n'
    with pytest.raises(InvalidInput) as caught:
        read_env_file(text, "deploy.env")
    assert [(p.where.line, p.message) for p in caught.value.problems if p.where][:5] == [
        (2, "a variable has no name"),
        (3, "'1A' is not a variable's name"),
        (4, "'TWO WORDS' is not a variable's name"),
        (5, "text stands after the closing quote of B"),
        (6, "the quote of C is not closed"),
    ]
    assert "deploy.env:5: " in str(caught.value)


def test_messages_do_not_show_values() -> None:
    text = (
        'A=\'s3cret-value\nMY KEY: s3cret-value\nB="s3cret-value" s3cret-value\nC=s3cret-value\0\n'
    )
    with pytest.raises(InvalidInput) as caught:
        read_env_file(text, ".env")
    assert "s3cret" not in str(caught.value)


@given(st.text(alphabet="AB= \n\"'#\\$e\t\r"))
def test_no_file_breaks_the_reading(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        variables = read_env_file(text, ".env", caller={})
        assert all(name.strip() == name != "" for name in variables)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("A=b=c", {"A": "b=c"}),
        ("A=", {"A": ""}),
        ("A", {"A": "mine"}),
        ("A= 'b' # c", {"A": " 'b' # c"}),
        ("A=one\ntwo", {"A": "one\ntwo"}),
    ],
)
def test_an_env_option_is_taken_to_the_letter(text: str, variables: dict[str, str]) -> None:
    assert parse_env_option(text, caller={"A": "mine"}) == variables


def test_an_env_option_that_passes_on_what_is_not_set_is_an_error() -> None:
    with pytest.raises(
        InvalidInput, match="--env B passes on your own B, which is not in"
    ) as found:
        parse_env_option("B", caller={"A": "mine"})
    assert (
        found.value.hint == "`export B` first, or give --env B=VALUE, or --env B= for an empty one"
    )
    with pytest.raises(InvalidInput) as found:
        parse_env_option("GITHUB_TOKN", caller={"GITHUB_TOKEN": "hoge-sesame"})
    assert found.value.hint == "did you mean 'GITHUB_TOKEN'?"


@pytest.mark.parametrize("text", ["", "=b", "A B=c", "1=2", "A=\0"])
def test_an_env_option_without_a_name_is_an_error(text: str) -> None:
    with pytest.raises(InvalidInput, match="--env: "):
        parse_env_option(text)
