"""Which lines of a log are shown."""

from __future__ import annotations

from orbs.kubernetes.logtail import telling_lines

TRACE = [f"\tfrom /app/vendor/bundle/gem.rb:{n}:in `load'" for n in range(50)]


def test_a_short_log_is_shown_whole() -> None:
    assert telling_lines(["a", "b"], 10) == ["a", "b"]


def test_of_a_long_log_without_an_error_the_last_lines_are_shown() -> None:
    assert telling_lines([str(n) for n in range(100)], 10) == [str(n) for n in range(90, 100)]


def test_the_error_above_a_long_trace_is_shown() -> None:
    lines = ["booting", "app.rb:1:in `top': no way (RuntimeError)", *TRACE]
    shown = telling_lines(lines, 10)
    assert shown[0] == "app.rb:1:in `top': no way (RuntimeError)"
    assert "… 42 lines …" in shown
    assert shown[-1] == TRACE[-1]
    assert len(shown) == 10


def test_the_last_of_several_errors_counts() -> None:
    lines = ["FirstError: a", *TRACE, "SecondError: b", *TRACE]
    assert telling_lines(lines, 10)[0] == "SecondError: b"
