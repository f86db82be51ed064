"""A workflow as a drawing in text: boxes from left to right, joined by lines. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pipeline.runner.graph_layout import assign_layers
from pipeline.runner.graph_model import Edge, Group, WorkflowGraph
from pipeline.runner.graph_sheet import ASCII, UNICODE, Charset, Sheet, natural_widths

__all__ = ["draw_graph"]

_NARROWEST = 14
"""Columns of a name below which a drawing is rather folded than made narrower."""
_READABLE = 18
"""Columns that names are given in a folded drawing."""
_LONG_LIST = 12
"""Jobs of a group beyond which they stand in several columns, where there is room."""
_MOST_COLUMNS = 4
_TRIES = 4


def draw_graph(
    graph: WorkflowGraph, *, width: int = 80, ascii_only: bool = False, colour: bool = False
) -> list[str]:
    """Return a graph as lines of text, of at most ``width`` columns if that can be.

    Long names are wrapped. A graph that is still too wide is folded: it goes on below, where jobs that
    stand further up are named again.
    """
    charset = ASCII if ascii_only else UNICODE
    lines: list[str] = []
    rest: WorkflowGraph | None = graph
    while rest is not None and rest.groups:
        sheet, rest = _next_band(rest, width, charset)
        drawing = "\n".join(sheet.draw(colour)).strip("\n").split("\n")
        lines += [*([""] if lines else []), *drawing]
    return lines


def _next_band(
    graph: WorkflowGraph, width: int, charset: Charset
) -> tuple[Sheet, WorkflowGraph | None]:
    """Return the drawing of as many layers as fit, and what is left of the graph."""
    layers = _layers(graph)
    deepest = max(layers)
    longest = max(graph.groups, key=lambda group: 0 if group.is_reference else len(group.jobs))
    wanted = min(deepest, layers[graph.groups.index(longest)] + 1)
    for columns in range(min(_MOST_COLUMNS, -(-len(longest.jobs) // _LONG_LIST)), 0, -1):
        sheet, last = _deepest_fit(graph, layers, width, charset, columns)
        # What a long list leads to has to be seen with it.
        if sheet is not None and (last >= wanted or columns == 1):
            return sheet, _rest(graph, layers, last) if last < deepest else None
    last = min(_least(graph), deepest)
    band = _first_layers(graph, layers, last)
    sheet = _fitted(band, width, charset, 1) or Sheet(band, [_NARROWEST] * (last + 1), charset)
    return sheet, _rest(graph, layers, last) if last < deepest else None


def _least(graph: WorkflowGraph) -> int:
    """Return the last layer that a drawing has at least: one that is not only references."""
    return 1 if any(group.is_reference for group in graph.groups) else 0


def _deepest_fit(
    graph: WorkflowGraph, layers: Sequence[int], width: int, charset: Charset, columns: int
) -> tuple[Sheet | None, int]:
    deepest = max(layers)
    for last in range(deepest, _least(graph) - 1, -1):
        whole = last == deepest
        band = graph if whole else _first_layers(graph, layers, last)
        sheet = _fitted(band, width, charset, _NARROWEST if whole else _READABLE, columns)
        if sheet is not None:
            return sheet, last
    return None, 0


def _layers(graph: WorkflowGraph) -> list[int]:
    return assign_layers(len(graph.groups), ((edge.source, edge.target) for edge in graph.edges))


# Width --------------------------------------------------------------------------------------------


def _fitted(
    graph: WorkflowGraph, width: int, charset: Charset, least: int, columns: int = 1
) -> Sheet | None:
    """Return the drawing in a width, names narrowed to ``least`` columns if need be; else None."""
    natural = natural_widths(graph, _layers(graph), charset)
    caps = natural
    room = width - (Sheet.LEAST_BETWEEN + Sheet.FRAME) * len(natural) + Sheet.LEAST_BETWEEN
    if sum(min(wide, least) for wide in natural) > room:
        return None
    for _ in range(_TRIES):
        sheet = Sheet(graph, caps, charset, columns=columns, long_list=_LONG_LIST)
        over = sheet.width - width
        if over <= 0:
            return sheet
        narrowed = _narrowed(caps, sum(caps) - over, least)
        if narrowed is None:
            return None
        caps = narrowed
    return None


def _narrowed(widths: Sequence[int], room: int, least: int) -> list[int] | None:
    """Return the widths cut so that they fit together, the widest first; None if they cannot."""
    floors = [min(width, least) for width in widths]
    if sum(floors) > room:
        return None
    cap = max(widths)
    while (
        sum(max(floor, min(width, cap)) for width, floor in zip(widths, floors, strict=True)) > room
    ):
        cap -= 1
    return [max(floor, min(width, cap)) for width, floor in zip(widths, floors, strict=True)]


# Folding ------------------------------------------------------------------------------------------


def _first_layers(graph: WorkflowGraph, layers: Sequence[int], last: int) -> WorkflowGraph:
    used = {edge.source for edge in graph.edges if layers[edge.target] <= last}
    kept = [
        number
        for number, layer in enumerate(layers)
        if layer <= last and (number in used or not graph.groups[number].is_reference)
    ]
    return WorkflowGraph(
        tuple(graph.groups[number] for number in kept), _between(graph.edges, kept)
    )


def _between(edges: Iterable[Edge], kept: Sequence[int]) -> tuple[Edge, ...]:
    place = {number: index for index, number in enumerate(kept)}
    return tuple(
        Edge(place[edge.source], place[edge.target], edge.label)
        for edge in edges
        if edge.source in place and edge.target in place
    )


def _rest(graph: WorkflowGraph, layers: Sequence[int], last: int) -> WorkflowGraph:
    """Return the graph behind a layer, with references to what it waits for before that."""
    kept = [number for number, layer in enumerate(layers) if layer > last]
    place = {number: index for index, number in enumerate(kept)}
    waited_for: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for edge in graph.edges:
        if edge.source not in place and edge.target in place:
            waited_for[edge.source].append((place[edge.target], edge.label))
    alike: dict[tuple[tuple[int, str], ...], list[int]] = defaultdict(list)
    for source in sorted(waited_for):
        alike[tuple(waited_for[source])].append(source)
    groups = [graph.groups[number] for number in kept]
    edges = list(_between(graph.edges, kept))
    for targets, sources in alike.items():
        edges += [Edge(len(groups), target, label) for target, label in targets]
        jobs = tuple(job for source in sources for job in graph.groups[source].jobs)
        groups.append(Group(jobs, is_reference=True))
    return WorkflowGraph(tuple(groups), tuple(sorted(edges)))
