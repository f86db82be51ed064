"""Secrets do not show, in whatever form a program prints them."""

from __future__ import annotations

import base64
import json
import pickle
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.secret import Masker, Secret

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
