"""The lines between two layers of a drawing in text: which turns in which column.

Pure. Boxes meet lines on odd rows, each row at most one line from the left and one to the right; lines
of one net are joined, and where two nets cross, the level one passes behind the upright one. So a line
can always be followed, whatever the graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["DOWN", "LEFT", "RIGHT", "UP", "Channel", "Net", "route_channel"]

UP, RIGHT, DOWN, LEFT = 1, 2, 4, 8


@dataclass(frozen=True, slots=True)
class Net:
    """Lines that are one: from each row of ``sources`` to each row of ``targets``."""

    sources: tuple[int, ...]
    targets: tuple[int, ...]

    @property
    def is_straight(self) -> bool:
        """Whether it is one level line."""
        return self.sources == self.targets and len(self.sources) == 1


@dataclass(frozen=True, slots=True)
class Channel:
    """The drawn lines: for each cell, by row and column, the sides that meet there.

    A crossing is drawn as the upright line alone.
    """

    width: int
    cells: Mapping[tuple[int, int], int]


@dataclass(eq=False, slots=True)
class _Upright:
    """An upright line: of a whole net, or one half of one that has to turn twice."""

    net: int
    rows: list[int]
    before: set[int]
    is_whole: bool = True
    track: int = 0

    @property
    def top(self) -> int:
        return min(self.rows)

    @property
    def bottom(self) -> int:
        return max(self.rows)


def route_channel(nets: Sequence[Net]) -> Channel:
    """Return the lines of nets of which no two share a source row or a target row."""
    uprights = _uprights(nets)
    order, halves = _in_order(nets, uprights)
    tracks = _assign_tracks(order, uprights)
    width = 2 * tracks + 1
    cells: dict[tuple[int, int], dict[int, int]] = {}

    def level(net: int, row: int, start: int, end: int) -> None:
        for column in range(start, end + 1):
            sides = (LEFT if column > start or start == 0 else 0) | (
                RIGHT if column < end or end == width - 1 else 0
            )
            _add(cells, row, column, net, sides)

    columns = {number: 2 * upright.track + 1 for number, upright in uprights.items()}
    for number, net in enumerate(nets):
        if net.is_straight:
            level(number, net.sources[0], 0, width - 1)
    for number, upright in uprights.items():
        net, column = nets[upright.net], columns[number]
        for row in range(upright.top, upright.bottom + 1):
            sides = (UP if row > upright.top else 0) | (DOWN if row < upright.bottom else 0)
            _add(cells, row, column, upright.net, sides)
        if upright.is_whole or number in halves:
            for row in net.sources:
                level(upright.net, row, 0, column)
        if upright.is_whole or number not in halves:
            for row in net.targets:
                level(upright.net, row, column, width - 1)
    for first, (second, row) in halves.items():
        level(uprights[first].net, row, columns[first], columns[second])
    return Channel(width, {place: _sides(found) for place, found in cells.items()})


def _add(
    cells: dict[tuple[int, int], dict[int, int]], row: int, column: int, net: int, sides: int
) -> None:
    cell = cells.setdefault((row, column), {})
    cell[net] = cell.get(net, 0) | sides


def _sides(cell: Mapping[int, int]) -> int:
    if len(cell) == 1:
        return next(iter(cell.values()))
    return UP | DOWN


def _uprights(nets: Sequence[Net]) -> dict[int, _Upright]:
    found = {
        number: _Upright(number, [*net.sources, *net.targets], set())
        for number, net in enumerate(nets)
        if not net.is_straight
    }
    owner = {row: number for number, net in enumerate(nets) for row in net.sources}
    for number, upright in found.items():
        for row in nets[number].targets:
            # Who leaves on a row has to turn before another arrives on it.
            other = owner.get(row, number)
            if other != number:
                upright.before.add(other)
    return found


def _in_order(
    nets: Sequence[Net], uprights: dict[int, _Upright]
) -> tuple[list[int], dict[int, tuple[int, int]]]:
    """Return the uprights from left to right, and of those that were halved the other half and row.

    Two nets that each have to turn before the other cannot: one of them turns twice, and goes level
    between on an even row, where no box is met.
    """
    order: list[int] = []
    halves: dict[int, tuple[int, int]] = {}
    waiting = sorted(uprights, key=lambda number: _preference(nets[number]))
    while waiting:
        done = set(order)
        free = next((number for number in waiting if uprights[number].before <= done), None)
        if free is not None:
            waiting.remove(free)
            order.append(free)
            continue
        first = next(number for number in waiting if uprights[number].is_whole)
        row = _free_row(uprights[first].rows, {row for _, row in halves.values()})
        second = len(nets) + len(halves)
        net = nets[first]
        uprights[second] = _Upright(
            first, [*net.targets, row], uprights[first].before | {first}, is_whole=False
        )
        uprights[first] = _Upright(first, [*net.sources, row], set(), is_whole=False)
        halves[first] = (second, row)
        waiting.append(second)
    return order, halves


def _preference(net: Net) -> tuple[float, int]:
    """Sort so that lines which go the same way cross less: the outer ones turn later."""
    start = sum(net.sources) / len(net.sources)
    end = sum(net.targets) / len(net.targets)
    return (-start if end > start else start, net.sources[0])


def _free_row(rows: Iterable[int], taken: set[int]) -> int:
    middle = sum(rows) // len(list(rows)) // 2 * 2
    distance = 0
    while True:
        for row in (middle - distance, middle + distance):
            if row >= 0 and row not in taken:
                return row
        distance += 2


def _assign_tracks(order: Iterable[int], uprights: Mapping[int, _Upright]) -> int:
    """Give each upright the first track behind those it has to be behind of; return their number."""
    taken: list[list[tuple[int, int]]] = []
    for number in order:
        upright = uprights[number]
        track = max((uprights[other].track + 1 for other in upright.before), default=0)
        while track < len(taken) and any(
            upright.top <= bottom and top <= upright.bottom for top, bottom in taken[track]
        ):
            track += 1
        while len(taken) <= track:
            taken.append([])
        taken[track].append((upright.top, upright.bottom))
        upright.track = track
    return len(taken)
