"""Where the boxes and lines of a layered drawing go, from left to right; after Sugiyama's method.

Pure: sizes and edges in, places out, in abstract rows and layers, so that drawings in text and in SVG
share it. The same input gives the same drawing.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Box", "Layout", "Pass", "Place", "assign_layers", "lay_out"]

_SWEEPS = 12
"""Passes over the layers that look for an order with fewer crossings; more change nothing in practice."""


@dataclass(frozen=True, slots=True)
class Box:
    """A node's size in rows, the free row below it included; ``port`` is the row that lines meet."""

    height: int
    port: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a box goes: its layer from the left, and its first row."""

    layer: int
    row: int


@dataclass(frozen=True, slots=True, order=True)
class Pass:
    """A line that passes a layer on its way from ``source``; all lines from there share it."""

    source: int
    layer: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A drawing's layout.

    Attributes:
        places: of each box.
        passes: the row of each passing line.
        routes: for each edge the rows that it goes by: at its source, at the layers between, and at its
            target.
        layers: the boxes of each layer, from above.
        height: rows in all.
    """

    places: tuple[Place, ...]
    passes: Mapping[Pass, int]
    routes: Mapping[tuple[int, int], tuple[int, ...]]
    layers: tuple[tuple[int, ...], ...]
    height: int


def assign_layers(count: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """Return the layer of each of ``count`` nodes: behind all that it has an edge from.

    Raises:
        ValueError: the edges go in a circle.
    """
    sources: dict[int, set[int]] = defaultdict(set)
    targets: dict[int, set[int]] = defaultdict(set)
    for source, target in edges:
        sources[target].add(source)
        targets[source].add(target)
    open_sources = [len(sources[node]) for node in range(count)]
    layers = [0] * count
    order = [node for node in range(count) if not open_sources[node]]
    for node in order:
        for target in sorted(targets[node]):
            layers[target] = max(layers[target], layers[node] + 1)
            open_sources[target] -= 1
            if not open_sources[target]:
                order.append(target)
    if len(order) < count:
        raise ValueError("the edges of a layered drawing may not go in a circle")
    return layers


def lay_out(
    boxes: Sequence[Box],
    edges: Iterable[tuple[int, int]],
    *,
    line: Box = Box(1),  # frozen
) -> Layout:
    """Return where boxes and lines go.

    Args:
        boxes: the boxes; edges name them by their place.
        edges: pairs of source and target.
        line: the room of a line that passes a layer.

    Raises:
        ValueError: the edges go in a circle.
    """
    edges = sorted(set(edges))
    layer_of = assign_layers(len(boxes), edges)
    grid = _Grid(boxes, layer_of, edges, line)
    grid.reduce_crossings()
    rows = grid.assign_rows()
    height = max((rows[item] + grid.box(item).height for item in rows), default=0)
    passes = {item: row + line.port for item, row in rows.items() if isinstance(item, Pass)}
    return Layout(
        tuple(Place(layer_of[node], rows[node]) for node in range(len(boxes))),
        passes,
        {
            (source, target): (
                rows[source] + boxes[source].port,
                *(
                    passes[Pass(source, layer)]
                    for layer in range(layer_of[source] + 1, layer_of[target])
                ),
                rows[target] + boxes[target].port,
            )
            for source, target in edges
        },
        tuple(tuple(item for item in layer if isinstance(item, int)) for layer in grid.layers),
        height,
    )


Item = int | Pass


class _Grid:
    """The boxes and passing lines of each layer, in an order that becomes better."""

    def __init__(
        self,
        boxes: Sequence[Box],
        layer_of: Sequence[int],
        edges: Iterable[tuple[int, int]],
        line: Box,
    ) -> None:
        self._boxes = boxes
        self._line = line
        self._left: dict[Item, list[Item]] = defaultdict(list)
        self._right: dict[Item, list[Item]] = defaultdict(list)
        self.layers: list[list[Item]] = [[] for _ in range(max(layer_of, default=-1) + 1)]
        for node, layer in enumerate(layer_of):
            self.layers[layer].append(node)
        for source, target in edges:
            self._connect(source, target, layer_of)

    def _connect(self, source: int, target: int, layer_of: Sequence[int]) -> None:
        here: Item = source
        for layer in range(layer_of[source] + 1, layer_of[target]):
            step = Pass(source, layer)
            if step not in self._left:
                self.layers[layer].append(step)
                self._left[step].append(here)
                self._right[here].append(step)
            here = step
        self._left[target].append(here)
        self._right[here].append(target)

    def box(self, item: Item) -> Box:
        """Return an item's size."""
        return self._boxes[item] if isinstance(item, int) else self._line

    # Order --------------------------------------------------------------------------------------

    def reduce_crossings(self) -> None:
        """Order each layer by where its neighbours are, as long as that makes fewer crossings."""
        best, fewest = [list(layer) for layer in self.layers], self._crossings()
        for sweep in range(_SWEEPS):
            if not fewest:
                break
            rightwards = sweep % 2 == 0
            numbers = (
                range(1, len(self.layers)) if rightwards else range(len(self.layers) - 2, -1, -1)
            )
            for number in numbers:
                self._sort_layer(number, rightwards)
            self._exchange()
            found = self._crossings()
            if found < fewest:
                best, fewest = [list(layer) for layer in self.layers], found
        self.layers = best

    def _sort_layer(self, number: int, rightwards: bool) -> None:
        fixed = self.layers[number - 1 if rightwards else number + 1]
        position = {item: index for index, item in enumerate(fixed)}
        neighbours = self._left if rightwards else self._right
        here = {item: index for index, item in enumerate(self.layers[number])}

        def weight(item: Item) -> float:
            places = [position[other] for other in neighbours[item]]
            # What nothing holds stays about where it is.
            return sum(places) / len(places) if places else here[item] * len(fixed) / len(here)

        self.layers[number].sort(key=weight)

    def _exchange(self) -> None:
        """Exchange neighbours of a layer where that saves crossings."""
        for number, layer in enumerate(self.layers):
            sides = [
                (neighbours, {item: index for index, item in enumerate(self.layers[other])})
                for neighbours, other in ((self._left, number - 1), (self._right, number + 1))
                if 0 <= other < len(self.layers)
            ]
            for index in range(len(layer) - 1):
                upper, lower = layer[index], layer[index + 1]
                gain = 0
                for neighbours, position in sides:
                    above = sorted(position[item] for item in neighbours[upper])
                    below = sorted(position[item] for item in neighbours[lower])
                    gain += _inversions(above, below) - _inversions(below, above)
                if gain > 0:
                    layer[index], layer[index + 1] = lower, upper

    def _crossings(self) -> int:
        count = 0
        for left, right in zip(self.layers, self.layers[1:], strict=False):
            position = {item: index for index, item in enumerate(right)}
            seen: list[int] = []
            for item in left:
                ends = sorted(position[other] for other in self._right[item])
                count += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
                for end in ends:
                    insort(seen, end)
        return count

    # Rows ---------------------------------------------------------------------------------------

    def assign_rows(self) -> dict[Item, int]:
        """Return the first row of each item: near those that it is connected to, in the layer's order."""
        rows: dict[Item, int] = {}
        for layer in self.layers:
            row = 0
            for item in layer:
                rows[item] = row
                row += self.box(item).height
        last = len(self.layers) - 1
        for sides in ((self._left,), (self._right,), (self._left,), (self._left, self._right)):
            backwards = sides[0] is self._right
            for number in range(last, -1, -1) if backwards else range(last + 1):
                self._settle(self.layers[number], sides, rows)
        top = min(rows.values(), default=0)
        return {item: row - top for item, row in rows.items()}

    def _settle(self, layer: Sequence[Item], sides: Iterable[Any], rows: dict[Item, int]) -> None:
        wanted = []
        for item in layer:
            port = self.box(item).port
            ends = [
                rows[other] + self.box(other).port - port
                for neighbours in sides
                for other in neighbours[item]
            ]
            # A bend in a line that passes is the ugliest, so these pull hardest.
            weight = 4 if isinstance(item, Pass) else 1
            wanted.append((sum(ends) / len(ends), weight) if ends else (rows[item], 0.1))
        for item, row in zip(
            layer, _separated(wanted, [self.box(i).height for i in layer]), strict=True
        ):
            rows[item] = row


def _inversions(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many pairs of sorted positions stand in the wrong order."""
    return sum(bisect_left(second, position) for position in first)


def _separated(wanted: Sequence[tuple[float, float]], heights: Sequence[int]) -> list[int]:
    """Return rows as near to the wanted ones as can be, in their order and without an overlap.

    Least squares by weight: where wishes are in each other's way, those concerned move as one block.
    """
    blocks: list[tuple[float, float, int, int]] = []  # sum of wishes, weights, height, items
    for (row, weight), height in zip(wanted, heights, strict=True):
        block = (row * weight, weight, height, 1)
        while blocks and _start(blocks[-1]) + blocks[-1][2] > _start(block):
            total, weights, tall, items = blocks.pop()
            block = (
                total + block[0] - block[1] * tall,
                weights + block[1],
                tall + block[2],
                items + block[3],
            )
        blocks.append(block)
    rows: list[int] = []
    for block in blocks:
        row = math.floor(_start(block) + 0.5 - 1e-9)
        row = max(row, rows[-1] + heights[len(rows) - 1]) if rows else row
        for _ in range(block[3]):
            rows.append(row)
            row += heights[len(rows) - 1]
    return rows


def _start(block: tuple[float, float, int, int]) -> float:
    return block[0] / block[1]
