"""Terminal output as reports show it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runner.report_ansi import Line, TerminalText
from pipeline.runner.report_jobs import render_lines


def shown(text: str) -> Line:
    return TerminalText().line(text)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("plain <b> & text", "plain <b> & text"),
        ("\x1b[31mred\x1b[0m rest", ["f1", "red", "", " rest"]),
        ("\x1b[1;32mbold\x1b[22m green\x1b[39m", ["f2 b", "bold", "f2", " green"]),
        ("\x1b[41;97m FAIL \x1b[m", ["f15 g1", " FAIL "]),
        ("\x1b[38;5;9mbright\x1b[0m", ["f9", "bright"]),
        ("\x1b[38;5;208morange", ["f3", "orange"]),
        ("\x1b[38;2;250;10;5mtrue", ["f9", "true"]),
        ("\x1b[38;2;250mcut", "cut"),
        ("\x1b[48;5;250mgrey", ["g7", "grey"]),
        ("\x1b[38:5:4mcolons", ["f4", "colons"]),
        ("\x1b[2mdim\x1b[3m both", ["d", "dim", "d e", " both"]),
        ("\x1b[999m\x1b[12345678901mnothing", "nothing"),
        ("10%\r50%\r100%", "100%"),
        ("a longer line\rshort", "shorter line".replace("shorter", "shortger")),
        ("a longer line\rshort\x1b[K", "short"),
        ("\x1b[2Kafter", "after"),
        ("12345\x1b[3Gx", "12x45"),
        ("12345\x1b[9999999999Gx", "x2345"),
        ("oops\b\bps", "oops"),
        ("\x1b[32mgreen\r\x1b[0mre", ["", "re", "f2", "een"]),
        ("\x1b[Aup\x1b[?25l\x1b(B", "up"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;javascript:alert(1)\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]never ended", ""),
        ("nul\x00 and \x9b31m", "nul and 31m"),
        ("abc\u202egnp.exe", "abc⟨U+202E⟩gnp.exe"),
        ("tab\tstays", "tab\tstays"),
        ("ends in the middle \x1b[", "ends in the middle "),
    ],
)
def test_what_a_terminal_shows_is_shown(written: str, expected: Line) -> None:
    assert shown(written) == expected


def test_a_colour_holds_over_the_ends_of_lines() -> None:
    lines = TerminalText().lines(["\x1b[31mfirst", "second", "\x1b[0mthird"])
    assert lines == [["f1", "first"], ["f1", "second"], "third"]


def test_a_very_long_line_is_cut_and_says_so() -> None:
    assert shown("x" * 5_000) == "x" * 4_000 + " … 1,000 more characters"
    coloured = shown("\x1b[31m" + "x" * 3_000 + "\x1b[32m" + "y" * 3_000)
    assert [len(text) for text in coloured[1::2]] == [3_000, 1_000, len(" … 2,000 more characters")]


@given(st.lists(st.text(st.characters(codec="utf-8")), max_size=4))
def test_nothing_that_is_printed_becomes_an_element_or_is_unseen(texts: list[str]) -> None:
    html = render_lines(list(enumerate(TerminalText().lines(texts), 1)))
    rest = html.replace("</div>", "").replace("</span>", "").replace("<br>", "")
    for start in ('<div class="l" data-n="', '<span class="'):
        rest = rest.replace(start, "")
    assert "<" not in rest
    assert not {"\x1b", "\x00", "\r", "\u202e", "\u2066"} & set(html)


@given(st.text("\x1b[]0123456789;:mKGA\r\bab\x07\\", max_size=60))
def test_no_sequence_breaks_it(text: str) -> None:
    line = shown(text)
    assert "\x1b" not in (line if isinstance(line, str) else "".join(line))
