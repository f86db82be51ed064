"""The thread that writes to the screen, before a terminal that is no real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from pipeline.runner.view_screen import Screen
from tests.terminal import Terminal


class Drawn:
    """A screen with a live part whose lines a test changes."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal
        self.live: list[str] = []
        self.screen = Screen(
            terminal.write,
            frame=lambda _width, _height: list(self.live),
            size=self._size,
        )
        self.narrow_to = 0

    def _size(self) -> tuple[int, int]:
        if self.narrow_to:
            self.terminal.resize(self.narrow_to)
            self.narrow_to = 0
        return self.terminal.width, self.terminal.height

    def until(self, *lines: str) -> None:
        """Wait until the terminal ends with these lines."""
        for _ in range(400):
            if self.terminal.screen[-len(lines) :] == list(lines):
                return
            threading.Event().wait(0.02)
        raise AssertionError(self.terminal.screen)


def test_lines_scroll_by_above_the_live_part_which_stays_at_the_bottom() -> None:
    drawn = Drawn(Terminal(40, 6))
    drawn.live = ["* job", "2 running"]
    for number in range(20):
        drawn.screen.put(f"line {number}")
    drawn.until("line 18", "line 19", "* job", "2 running")
    drawn.live = ["1 running"]
    drawn.screen.put("line 20")
    drawn.until("line 19", "line 20", "1 running")
    drawn.screen.close()
    assert drawn.terminal.everything == [f"line {number}" for number in range(21)]


def test_the_cursor_and_the_breaking_of_lines_are_as_they_were_afterwards() -> None:
    drawn = Drawn(Terminal())
    drawn.live = ["x"]
    drawn.screen.start()
    drawn.until("x")
    assert not drawn.terminal.shows_cursor
    drawn.screen.close()
    assert drawn.terminal.shows_cursor
    assert drawn.terminal.wraps
    assert drawn.terminal.everything == []


def test_a_live_line_is_cut_and_a_printed_one_is_whole() -> None:
    drawn = Drawn(Terminal(20, 10))
    drawn.live = ["日本語" * 20]
    drawn.screen.put("p" * 30)
    drawn.until("p" * 20, "p" * 10, "日本語日本語日本語…")
    drawn.screen.close()


def test_a_terminal_that_gets_narrower_keeps_nothing_of_what_was_drawn_before() -> None:
    drawn = Drawn(Terminal(60, 20))
    drawn.live = ["a" * 50, "b" * 50, "foot"]
    drawn.screen.put("printed")
    drawn.until("a" * 50, "b" * 50, "foot")
    drawn.live = ["new", "foot"]
    drawn.narrow_to = 20
    drawn.until("printed", "new", "foot")
    drawn.screen.close()
    assert drawn.terminal.everything == ["printed"]


def test_who_prints_does_not_wait_for_a_screen_that_takes_nothing() -> None:
    takes = threading.Event()
    written: list[str] = []

    def write(text: str) -> None:
        takes.wait(30)
        written.append(text)

    screen = Screen(write)
    for number in range(10_000):
        screen.put(f"line {number}")
    assert written == []
    takes.set()
    screen.close()
    assert "".join(written).splitlines() == [f"line {number}" for number in range(10_000)]


def test_lines_that_come_from_elsewhere_are_asked_for_when_their_turn_comes() -> None:
    order: list[str] = []

    def lines() -> Iterator[str]:
        order.append("asked")
        yield "from a log"

    screen = Screen(lambda text: order.extend(text.splitlines()))
    screen.put("before")
    screen.flush()
    screen.put(lines)
    screen.put("after")
    screen.close()
    assert order == ["before", "asked", "from a log", "after"]


def test_a_reader_that_goes_away_is_no_trouble_for_the_run() -> None:
    def write(_text: str) -> None:
        raise BrokenPipeError

    screen = Screen(write)
    screen.put("one")
    screen.flush()
    screen.put("two")
    screen.close()


def test_somebody_else_has_the_screen_for_a_while() -> None:
    drawn = Drawn(Terminal(40, 10))
    drawn.live = ["live"]
    drawn.screen.put("before")
    with drawn.screen.silence():
        assert drawn.terminal.screen == ["before"]
        drawn.screen.put("later")
        drawn.terminal.write("a shell\n")
    drawn.until("before", "a shell", "later", "live")
    drawn.screen.close()


def test_a_word_is_printed_where_the_screen_is_idle() -> None:
    said = threading.Event()
    written: list[str] = []

    def write(text: str) -> None:
        written.append(text)
        said.set()

    screen = Screen(write, idle=lambda: "still there")
    screen.start()
    assert said.wait(20)
    screen.close()
    assert written[0] == "still there\n"
