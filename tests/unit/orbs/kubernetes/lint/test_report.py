from __future__ import annotations

import io

import pytest

from orbs.kubernetes.lint import Finding, report
from pipeline.errors import InvalidInput, Location
from pipeline.output import Console

WARNING = Finding("latest-tag", "warning", "the image has no tag", Location("a.yml", 3), "name one")
ERROR = Finding("schema", "error", "the field x is not known", Location("b.yml", 7), None)


def shown(findings: list[Finding], **options: bool) -> str:
    stream = io.StringIO()
    report(findings, Console(err=stream, colour=False), **options)
    return stream.getvalue()


def test_warnings_are_printed_with_place_rule_and_hint() -> None:
    text = shown([WARNING])

    assert "a.yml:3: the image has no tag [latest-tag]" in text
    assert "name one" in text


def test_errors_stop_the_deploy_with_exit_code_2_and_all_of_them() -> None:
    with pytest.raises(InvalidInput) as caught:
        shown([WARNING, ERROR, ERROR])

    assert caught.value.exit_code == 2
    assert [str(item) for item in caught.value.problems] == [
        "b.yml:7: the field x is not known [schema]"
    ] * 2
    assert "deploy.lint_disable" in str(caught.value.hint)


def test_warnings_count_as_errors_where_the_settings_say_so() -> None:
    with pytest.raises(InvalidInput) as caught:
        shown([WARNING], warnings_are_errors=True)

    assert len(caught.value.problems) == 1


def test_nothing_is_said_of_manifests_that_are_fine() -> None:
    assert shown([]) == ""
