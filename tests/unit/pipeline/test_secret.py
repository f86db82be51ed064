"""Secrets do not show, in whatever form a program prints them."""

from __future__ import annotations

import base64
import html
import json
import pickle
import xml.sax.saxutils
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.secret import Masker, Secret, is_masked

VALUE = 'p@ss/w0rd+"quoted"&more'


def test_a_secret_prints_as_a_placeholder() -> None:
    secret = Secret(VALUE)
    assert VALUE not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == VALUE


def test_a_secret_is_not_pickled() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Secret(VALUE))


@pytest.mark.parametrize(
    "printed",
    [
        VALUE,
        base64.b64encode(VALUE.encode()).decode(),
        base64.urlsafe_b64encode(VALUE.encode()).decode(),
        base64.b64encode(VALUE.encode() + b"\n").decode(),
        quote(VALUE, safe=""),
        json.dumps(VALUE)[1:-1],
        html.escape(VALUE),
        xml.sax.saxutils.escape(VALUE),
        xml.sax.saxutils.quoteattr(VALUE)[1:-1],
        f"postgres://user:{VALUE}@db/app",
    ],
)
def test_each_form_of_a_value_is_masked(printed: str) -> None:
    masker = Masker()
    masker.add(VALUE)
    shown = masker.mask(f"before {printed} after")
    assert "****" in shown
    assert VALUE not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


def test_each_line_of_a_value_of_several_lines_is_masked() -> None:
    masker = Masker()
    masker.add("-----BEGIN KEY-----\nMIIEowIBAAKCAQEA\nq83vEjRWeJq83vEj\n-----END KEY-----\n")
    assert masker.mask("log: q83vEjRWeJq83vEj") == "log: ****"


def test_short_and_ordinary_words_stay_readable() -> None:
    masker = Masker()
    for word in ("", "abc", "true", "production"):
        masker.add(word)
    assert masker.mask("abc is true in production") == "abc is true in production"


@given(
    st.text(min_size=8, max_size=40, alphabet=st.characters(min_codepoint=33, max_codepoint=126)),
    st.binary(max_size=7),
    st.binary(max_size=7),
)
def test_a_value_inside_longer_base64_is_not_readable(value: str, lead: bytes, tail: bytes) -> None:
    masker = Masker()
    masker.add(value)
    encoded = base64.b64encode(lead + value.encode() + tail).decode()
    masked = masker.mask(encoded)
    assert masked != encoded


@pytest.mark.parametrize("width", [76, 64])
@pytest.mark.parametrize("end", ["", "\n"])
def test_wrapped_base64_of_a_long_value_is_masked(width: int, end: str) -> None:
    value = "".join(chr(33 + number % 90) for number in range(200))
    masker = Masker()
    masker.add(value)
    encoded = base64.b64encode((value + end).encode()).decode()
    lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
    assert {masker.mask(line) for line in lines if len(line) >= 8} == {"****"}


@pytest.mark.parametrize("printed", ["it'\\''s-open", "$'it\\'s-open'", '"it\'s-open"'])
def test_a_value_is_masked_as_the_shell_quotes_it(printed: str) -> None:
    masker = Masker()
    masker.add("it's-open")
    assert "open" not in masker.mask(f"+ echo '{printed}'")


@given(
    st.lists(st.text("ab.*\\'/", min_size=4, max_size=9), max_size=8),
    st.text("ab.*\\'/ ", max_size=60),
)
def test_the_longest_of_the_values_is_masked_wherever_one_begins(
    values: list[str], text: str
) -> None:
    masker = Masker()
    for value in values:
        masker.add(value)
    words = sorted(masker._words, key=len, reverse=True)
    expected, at = "", 0
    while at < len(text):
        word = next((word for word in words if text.startswith(word, at)), None)
        expected += "****" if word else text[at]
        at += len(word) if word else 1
    assert masker.mask(text) == expected


def test_a_value_that_is_no_valid_unicode_is_masked() -> None:
    masker = Masker()
    masker.add("sesame-\udcff-opens")
    assert masker.mask("sesame-\udcff-opens") == "****"


def test_data_is_masked_in_its_texts() -> None:
    masker = Masker()
    masker.add("sesame-opens")
    data = {"sesame-opens": ["a sesame-opens", 1, None, {"x": ("sesame-opens",)}]}
    assert masker.mask_data(data) == {"sesame-opens": ["a ****", 1, None, {"x": ("****",)}]}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("abc", False),
        ("abcd", True),
        (" abc\n", False),
        ("true", False),
        ("False", False),
        ("", False),
    ],
)
def test_it_is_told_whether_a_value_is_masked(value: str, expected: bool) -> None:
    assert is_masked(value) is expected
