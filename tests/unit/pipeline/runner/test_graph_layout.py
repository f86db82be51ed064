"""Where boxes and lines of a drawing go."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runner.graph_layout import Box, Layout, Pass, assign_layers, lay_out

Edges = set[tuple[int, int]]


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], Edges]:
    count = draw(st.integers(1, 14))
    heights = draw(st.lists(st.integers(1, 6), min_size=count, max_size=count))
    boxes = [Box(height, draw(st.integers(0, height - 1))) for height in heights]
    pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
    edges = draw(st.sets(st.sampled_from(pairs))) if pairs else set()
    names = draw(st.permutations(range(count)))
    return boxes, {(names[a], names[b]) for a, b in edges}


def columns(boxes: list[Box], layout: Layout) -> dict[int, list[tuple[int, int]]]:
    """Return for each layer the rows that its boxes and passing lines cover."""
    found: dict[int, list[tuple[int, int]]] = {}
    for box, place in zip(boxes, layout.places, strict=True):
        found.setdefault(place.layer, []).append((place.row, place.row + box.height))
    for step, row in layout.passes.items():
        found.setdefault(step.layer, []).append((row, row + 1))
    return found


@given(graphs())
def test_nothing_overlaps_and_everything_is_inside(graph: tuple[list[Box], Edges]) -> None:
    boxes, edges = graph
    layout = lay_out(boxes, edges)
    for spans in columns(boxes, layout).values():
        for (_, end), (begin, _) in pairwise(sorted(spans)):
            assert end <= begin
        assert all(begin >= 0 and end <= layout.height for begin, end in spans)


@given(graphs())
def test_every_box_is_placed_and_every_edge_goes_forward(graph: tuple[list[Box], Edges]) -> None:
    boxes, edges = graph
    layout = lay_out(boxes, edges)
    assert sorted(node for layer in layout.layers for node in layer) == list(range(len(boxes)))
    assert layout.routes.keys() == edges
    for (source, target), rows in layout.routes.items():
        begin, end = layout.places[source].layer, layout.places[target].layer
        assert begin < end
        assert len(rows) == end - begin + 1
        between = [layout.passes[Pass(source, layer)] for layer in range(begin + 1, end)]
        assert list(rows[1:-1]) == between


@given(graphs())
def test_the_same_graph_is_laid_out_the_same(graph: tuple[list[Box], Edges]) -> None:
    boxes, edges = graph
    assert lay_out(boxes, edges) == lay_out(list(boxes), sorted(edges, reverse=True))


@given(graphs())
def test_a_layer_is_one_behind_the_furthest_that_leads_there(
    graph: tuple[list[Box], Edges],
) -> None:
    boxes, edges = graph
    layers = assign_layers(len(boxes), edges)
    for node in range(len(boxes)):
        before = [layers[source] for source, target in edges if target == node]
        assert layers[node] == max(before, default=-1) + 1


def test_a_chain_is_a_straight_line() -> None:
    layout = lay_out([Box(3, 1)] * 4, [(0, 1), (1, 2), (2, 3)])
    assert {place.row for place in layout.places} == {0}


def test_what_follows_several_stands_in_their_middle() -> None:
    layout = lay_out([Box(2, 0)] * 4, [(0, 3), (1, 3), (2, 3)])
    assert layout.places[3].row == 2


def test_crossings_that_can_be_avoided_are_avoided() -> None:
    layout = lay_out([Box(1)] * 6, [(0, 5), (1, 4), (2, 3)])
    starts = [layout.places[node].row for node in (0, 1, 2)]
    ends = [layout.places[node].row for node in (5, 4, 3)]
    assert [starts.index(row) for row in sorted(starts)] == [
        ends.index(row) for row in sorted(ends)
    ]


def test_a_line_over_several_layers_goes_beside_the_boxes_between() -> None:
    layout = lay_out([Box(2)] * 3, [(0, 1), (1, 2), (0, 2)])
    assert layout.passes[Pass(0, 1)] not in range(layout.places[1].row, layout.places[1].row + 2)


def test_a_circle_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="circle"):
        lay_out([Box(1), Box(1)], [(0, 1), (1, 0)])


def test_nothing_is_laid_out_as_nothing() -> None:
    assert lay_out([], []).height == 0
