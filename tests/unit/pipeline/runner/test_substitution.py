"""``circleci env subst`` puts variables into a text as a8m/envsubst does."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidInput
from pipeline.runner.substitution import substitute

VARIABLES = {"FOO": "foo", "BAR": "b$FOO", "EMPTY": "", "_x": "under", "1": "one"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("", ""),
        ("plain", "plain"),
        ("$FOO", "foo"),
        ("${FOO}", "foo"),
        ("a$FOO-$FOO.b", "afoo-foo.b"),
        ("${FOO}bar", "foobar"),
        ("$NOTSET|${NOTSET}", "|"),
        ("$BAR", "b$FOO"),
        ("$_x $1", "under one"),
        ("$_ ${_}", "$_ ${_}"),
        ("5$ $ $, $", "5$ $ $, $"),
        ("${}", "${}"),
        # defaults
        ("${NOTSET-d}${NOTSET:-d}${NOTSET=d}${NOTSET:=d}", "dddd"),
        ("${EMPTY-d}|${EMPTY:-d}|${EMPTY=d}|${EMPTY:=d}", "|d||d"),
        ("${FOO-d}${FOO:-d}${FOO=d}${FOO:=d}", "foofoofoofoo"),
        ("${NOTSET:-$FOO}", "foo"),
        ("${NOTSET:-$ALSO}", ""),
        ("${NOTSET:-}|${EMPTY:-}|${FOO:-}", "||foo"),
        ("${URL-http://localhost:8080/a-b+c=d}", "http://localhost:8080/a-b+c=d"),
        ("${NOTSET:-two words}", "two words"),
        ("${NOTSET:-http://$FOO}", "http://$FOO"),
        # alternatives
        ("${FOO+x}|${EMPTY+x}|${NOTSET+x}", "x|x|"),
        ("${FOO:+x}|${EMPTY:+x}|${NOTSET:+x}", "x|x|"),
        ("${FOO+$FOO}|${FOO+}", "foo|foo"),
        # escapes
        ("$$FOO $${FOO}", "$FOO ${FOO}"),
        ("$$$FOO", "$foo"),
        ("$$${NOTSET:-d}", "$d"),
        # what is not part of the language
        ("${#FOO}", ""),
        ("${FOO:1:2}|${FOO%o}|${FOO/o/x}|${FOO?e}", "foo|foo|foo|foo"),
        ("${-FOO}", "${-FOO}"),
        # where envsubst garbles
        ("${NOTSET:-$FOO/c}", "foo/c"),
        ("${NOTSET:-${FOO}}", "foo"),
        ("${NOTSET:-${ALSO:-d}}", "d"),
        ("a\n$FOO\nb\n", "a\nfoo\nb\n"),
    ],
)
def test_a_text_gets_its_variables(text: str, result: str) -> None:
    assert substitute(text, VARIABLES) == result


@pytest.mark.parametrize(
    "text", ["hello ${", "${FOO", "${FOO\n}", "${FOO:-a\nb}", "${\n}", "${NOTSET:-${FOO"]
)
def test_a_brace_that_is_not_closed_on_its_line_is_an_error(text: str) -> None:
    with pytest.raises(InvalidInput, match="closing brace expected"):
        substitute(text, VARIABLES)


def test_the_error_names_the_line() -> None:
    with pytest.raises(InvalidInput, match="line 3"):
        substitute("a\nb\n${FOO", VARIABLES)


@given(st.text(alphabet="${}:-=+_AB1 \n#"))
def test_no_text_breaks_it(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        assert "${A}" not in substitute(text.replace("$$", ""), {"A": "a", "B": ""})


def test_defaults_are_not_followed_without_end() -> None:
    with pytest.raises(InvalidInput, match="deep"):
        substitute("${A:-" * 100_000 + "}" * 100_000, {})
