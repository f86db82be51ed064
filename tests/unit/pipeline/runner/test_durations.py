"""Durations are read and written as Go does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidInput, Location
from pipeline.runner.durations import format_go_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20m", 1200),
        ("1.25h", 4500),
        ("5s", 5),
        ("1h30m", 5400),
        ("1h15m30.5s", 4530.5),
        ("100ms", 0.1),
        (".5s", 0.5),
        ("1.s", 1),
        ("10us", 0.00001),
        ("10µs", 0.00001),
        (" 10s ", 10),
        ("0", 0),
        (0, 0),
    ],
)
def test_a_duration_is_read_as_seconds(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value", [10, "10", 1.5, "", "-5s", "5 s", "m", "5d", None, True, "1h30", "9" * 99]
)
def test_what_is_no_duration_is_an_error_that_names_the_key(value: object) -> None:
    with pytest.raises(InvalidInput, match=r"no_output_timeout: .* is not a duration") as caught:
        parse_duration(value, key="no_output_timeout", where=Location("config.yml", 7))
    assert str(caught.value).startswith("config.yml:7: ")


def test_a_number_without_a_unit_is_told_what_to_add() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_duration(10)
    assert caught.value.hint == "add the unit: 10s, 10m or 10h"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (600, "10m0s"),
        (4500, "1h15m0s"),
        (1.5, "1.5s"),
        (60, "1m0s"),
        (3600, "1h0m0s"),
        (0, "0s"),
        (0.25, "250ms"),
        (0.0000015, "1.5µs"),
        (0.000000002, "2ns"),
        (90.25, "1m30.25s"),
        (-1.5, "-1.5s"),
        (360000, "100h0m0s"),
    ],
)
def test_seconds_are_written_as_go_prints_them(seconds: float, text: str) -> None:
    assert format_go_duration(seconds) == text


@given(st.integers(0, 10**15))
def test_what_is_written_is_read_back(microseconds: int) -> None:
    seconds = microseconds / 10**6
    assert parse_duration(format_go_duration(seconds)) == pytest.approx(seconds, abs=1e-9)
