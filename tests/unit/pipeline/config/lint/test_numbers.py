"""Numbers that are not what they look like."""

from __future__ import annotations

import pytest

from tests.unit.pipeline.config.lint.support import job, warned


@pytest.mark.parametrize(
    ("text", "value"), [("22:22", "1342"), ("1:30:00", "5400"), ("12:30.5", "750.5")]
)
def test_colons_without_quotes_are_read_in_base_60(text: str, value: str) -> None:
    (found,) = warned(
        job(more=f"environment: {{START: {text}}}"), "sexagesimal", "environment-number"
    )
    assert found.code == "sexagesimal"
    assert found.where.key == "jobs.build.environment.START"
    assert found.message == f"{text} without quotes is the number {value}: YAML reads it in base 60"
    assert found.hint == f'put it in quotes: "{text}"'


@pytest.mark.parametrize("text", ['"22:22"', "1342", "22:99", "localhost:5432", "1.5", "0x16"])
def test_quoted_texts_and_plain_numbers_are_left_alone(text: str) -> None:
    assert warned(job(more=f"environment: {{START: {text}}}"), "sexagesimal") == []


@pytest.mark.parametrize(
    ("number", "arrives"),
    [("1234567", "1.234567e+06"), ("1000000", "1e+06"), ("-20000000", "-2e+07")],
)
def test_a_long_number_reaches_the_job_with_an_exponent(number: str, arrives: str) -> None:
    (found,) = warned(job(more=f"environment: {{ACCOUNT: {number}}}"), "environment-number")
    assert found.message == f"ACCOUNT reaches the job as {arrives}"
    assert found.hint == f'put it in quotes: "{number}"'


@pytest.mark.parametrize("number", ["999999", '"1234567"', "true", "1234567.5"])
def test_short_and_quoted_numbers_are_left_alone(number: str) -> None:
    assert warned(job(more=f"environment: {{ACCOUNT: {number}}}"), "environment-number") == []


def test_environments_of_steps_and_lists_of_maps_are_looked_at_too() -> None:
    text = job(
        "[{run: {command: make, environment: {A: 1234567}}}]",
        "environment: [{B: 7654321}, C=1234567]",
    )
    assert [f.message.split()[0] for f in warned(text, "environment-number")] == ["B", "A"]
