"""The lines between two layers of a drawing in text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.runner.graph_tracks import (
    DOWN,
    LEFT,
    RIGHT,
    UP,
    Channel,
    Net,
    route_channel,
)

STEPS = {UP: (-1, 0), DOWN: (1, 0), LEFT: (0, -1), RIGHT: (0, 1)}
OPPOSITE = {UP: DOWN, DOWN: UP, LEFT: RIGHT, RIGHT: LEFT}
CROSSING = UP | DOWN


@st.composite
def channels(draw: st.DrawFn) -> list[Net]:
    rows = [2 * number + 1 for number in range(10)]
    count = draw(st.integers(1, 6))
    sources = draw(st.permutations(rows))
    targets = draw(st.permutations(rows))
    nets: list[Net] = []
    for _ in range(count):
        takes, gives = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        if len(sources) < takes or len(targets) < gives:
            break
        nets.append(Net(tuple(sorted(sources[:takes])), tuple(sorted(targets[:gives]))))
        sources, targets = sources[takes:], targets[gives:]
    return nets


def reached(channel: Channel, row: int) -> set[int]:
    """Follow the line that enters on a row as an eye would; return the rows that it leaves on."""
    found: set[int] = set()
    seen: set[tuple[int, int, int]] = set()
    todo = [(row, 0, RIGHT)]
    while todo:
        state = todo.pop()
        if state in seen:
            continue
        seen.add(state)
        row, column, way = state
        if column == channel.width:
            found.add(row)
            continue
        if column < 0:
            continue
        sides = channel.cells[row, column]
        if sides == CROSSING and way in (LEFT, RIGHT):
            ways = [way]  # It passes behind the upright line.
        else:
            assert sides & OPPOSITE[way], f"a line ends at {row}, {column}"
            ways = [side for side in STEPS if sides & side and side != OPPOSITE[way]]
        for side in ways:
            down, right = STEPS[side]
            todo.append((row + down, column + right, side))
    return found


@given(channels())
def test_every_line_leads_where_it_should_and_nowhere_else(nets: list[Net]) -> None:
    channel = route_channel(nets)
    for net in nets:
        for row in net.sources:
            assert reached(channel, row) == set(net.targets)


@given(channels())
def test_the_same_lines_are_drawn_the_same(nets: list[Net]) -> None:
    assert route_channel(nets) == route_channel(list(nets))


def test_level_lines_need_no_column_to_turn_in() -> None:
    assert route_channel([Net((1,), (1,)), Net((5,), (5,))]).width == 1


def test_two_lines_that_change_places_do_not_touch() -> None:
    channel = route_channel([Net((1,), (3,)), Net((3,), (1,))])
    assert reached(channel, 1) == {3}
    assert reached(channel, 3) == {1}
