"""What programs print, on its way to a screen."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runner.view_text import cut, safe_line, width_of

RED, RESET = "\x1b[31m", "\x1b[0m"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("plain", "plain"),
        (f"{RED}red{RESET} rest", f"{RED}red{RESET} rest{RESET}"),
        (f"{RED}never ended", f"{RED}never ended{RESET}"),
        ("\x1b[2J\x1b[1;1Hover everything", "over everything"),
        ("\x1b[?1049halternate\x1b[?1049l", "alternate"),
        ("\x1b]0;title\x07named", "named"),
        ("\x1b]8;;http://example.com\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]52;c;Y2xpcA==\x07clipboard", "clipboard"),
        ("\x1bPquery\x1b\\asked", "asked"),
        ("\x1b(0box\x1bc", "box"),
        ("\x9b2Jeight bits", "2Jeight bits"),
        ("half a sequence \x1b[", "half a sequence "),
        ("bell\x07 and nul\x00", "bell and nul"),
        ("10%\r20%\r30%", "30%"),
        ("10%\r20%\r", "20%"),
        ("done\r\x1b[K", "done"),
        ("\r\r", ""),
        ("wrong\b\b\b\b\bright", "right"),
        ("a\tb", "a       b"),
        ("\u202etxt.exe", "txt.exe"),
    ],
)
def test_only_colours_are_left_of_control_sequences(printed: str, shown: str) -> None:
    assert safe_line(printed, colours=True) == shown


def test_without_colours_nothing_is_left_of_them() -> None:
    assert safe_line(f"{RED}red{RESET}", colours=False) == "red"


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("日本", 4), ("e\u0301", 1), (f"{RED}red{RESET}", 3), ("a\u200db", 2), ("", 0)],
)
def test_texts_are_measured_in_cells(text: str, width: int) -> None:
    assert width_of(text) == width


@pytest.mark.parametrize(
    ("text", "width", "kept"),
    [
        ("abcdef", 6, "abcdef"),
        ("abcdef", 5, "abcd…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        (f"{RED}abcdef{RESET}", 4, f"{RED}abc…{RESET}"),
        ("abc", 0, ""),
    ],
)
def test_what_does_not_fit_is_cut_between_characters(text: str, width: int, kept: str) -> None:
    assert cut(text, width) == kept


ODD = st.text(
    st.one_of(
        st.sampled_from(list("\x1b[]0;mJHK\r\b\t\x07\x9b日é\u0301\u202e😀a ")), st.characters()
    ),
    max_size=60,
)


@given(ODD)
def test_nothing_that_a_program_prints_reaches_the_terminal_as_a_command(text: str) -> None:
    for colours in (True, False):
        shown = safe_line(text, colours=colours)
        rest = shown.replace("\x1b[", "") if colours else shown
        assert not [char for char in rest if unicodedata.category(char) == "Cc"]


@given(ODD, st.integers(0, 40))
def test_what_is_cut_fits(text: str, width: int) -> None:
    assert width_of(cut(safe_line(text, colours=True), width)) <= width
