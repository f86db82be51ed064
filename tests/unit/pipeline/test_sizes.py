"""Sizes as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sizes import format_size, parse_size


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [
        (1000, 1000),
        (0, 0),
        ("1000", 1000),
        ("20GB", 20_000_000_000),
        ("20 gb", 20_000_000_000),
        ("500MB", 500_000_000),
        ("1.5GiB", 1_610_612_736),
        ("2KiB", 2048),
        (" 3 kB ", 3000),
        ("1TB", 10**12),
    ],
)
def test_a_size_has_a_unit_or_is_bytes(written: Any, size_bytes: int) -> None:
    assert parse_size(written) == size_bytes


@pytest.mark.parametrize(
    "written", ["", "GB", "20 gigs", "-1", -1, "1e9", True, None, 1.5, "1 GB x"]
)
def test_what_is_no_size_is_refused_with_what_was_found(written: Any) -> None:
    with pytest.raises(ValueError, match="expected a size such as 20GB") as caught:
        parse_size(written)
    assert repr(written) in str(caught.value)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1_530_000_000, "1.5 GB"),
        (9_960_000, "10 MB"),
        (999_600, "1 MB"),
        (20_000_000_000, "20 GB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_a_size_is_shown_in_the_unit_that_suits_it(size_bytes: int, text: str) -> None:
    assert format_size(size_bytes) == text


@given(st.integers(0, 10**15))
def test_what_is_shown_can_be_written_again_and_is_nearly_the_same(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == pytest.approx(size_bytes, rel=0.06)
