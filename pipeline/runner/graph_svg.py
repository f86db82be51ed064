"""A workflow as an SVG picture: cards of jobs from left to right, and curves between them. Pure.

It needs nothing from elsewhere, has no ids, and may stand several times in one page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape, quoteattr

from pipeline.output import format_duration
from pipeline.runner.canvas import cell_width, plain_text
from pipeline.runner.graph_layout import Box, Layout, assign_layers, lay_out
from pipeline.runner.graph_marks import MARK_STYLE, STATUS_WORDS, JobMark, mark_svg
from pipeline.runner.graph_model import Edge, GraphJob, Group, WorkflowGraph, make_graph

__all__ = ["GRAPH_STYLE", "graph_svg", "stacked_svg"]

_UNIT = 5
"""Pixels of a row of the layout."""
_ROW = 30
_PAD = 5
_GAP = 20
_MARGIN = 12
_HEADING = 34
_CHARACTER = 7.85
"""Pixels of a character of the names' font, a monospaced one of 13 pixels."""
_SMALL = 6.7
"""Pixels of a character of notes and labels."""
_BETWEEN = 64
_LONG_LIST = 12
"""Jobs of a card from which on they stand in several columns."""
_LONGEST_NAME = 44

GRAPH_STYLE = """\
.og{--og-text:#1f2328;--og-muted:#656d76;--og-card:#fff;--og-border:#c4ccd4;--og-line:#8c959f;\
--og-page:#f6f8fa;--og-hover:#eaf2fd;--og-note:#57606a;font-family:ui-monospace,SFMono-Regular,Menlo,\
"DejaVu Sans Mono",Consolas,monospace}
@media(prefers-color-scheme:dark){.og{--og-text:#e6edf3;--og-muted:#8d96a0;--og-card:#1c2128;\
--og-border:#444c56;--og-line:#768390;--og-page:#0d1117;--og-hover:#263548;--og-note:#9ea7b1}}
.og-page{fill:var(--og-page)}
.og-card{fill:var(--og-card);stroke:var(--og-border)}
.og-approval .og-card{stroke:var(--og-hold);stroke-dasharray:5 3}
.og-name{fill:var(--og-text);font-size:13px}
.og-title{fill:var(--og-text);font-size:14px;font-weight:700}
.og-note{fill:var(--og-note);font-size:11px}
.og-label{fill:var(--og-text);font-size:11px;stroke:var(--og-page);stroke-width:4px;paint-order:stroke;\
stroke-linejoin:round}
.og-edge{fill:none;stroke:var(--og-line);stroke-width:1.5}
.og-edge.og-if{stroke-dasharray:6 3}
.og-tip{fill:var(--og-line);stroke:none}
.og-row{fill:transparent}
.og-job:hover .og-row,.og-job:focus .og-row,a:focus .og-row{fill:var(--og-hover)}
.og-job:focus,.og a:focus{outline:none}
.og a:hover .og-name{text-decoration:underline}
"""


@dataclass(frozen=True, slots=True)
class _Card:
    """A group's card: its columns of jobs, and how wide each is."""

    columns: int
    rows: int
    column_px: float

    @property
    def width_px(self) -> float:
        return self.columns * self.column_px + 2 * _PAD

    @property
    def height_px(self) -> int:
        return self.rows * _ROW + 2 * _PAD


def graph_svg(
    jobs: Sequence[GraphJob],
    *,
    marks: Mapping[str, JobMark] | None = None,
    title: str = "",
    standalone: bool = True,
    tooltips: bool = True,
) -> str:
    """Return the graph of a workflow's jobs.

    Args:
        jobs: the jobs.
        marks: how each went, by its name; without any there are no marks.
        title: what the picture is called for those who do not see it.
        standalone: whether it is a file of its own, with its style and a ground; else the page that it
            stands in has :data:`GRAPH_STYLE` and :data:`~pipeline.runner.graph_marks.MARK_STYLE`.
        tooltips: whether pointing at a job shows what is known of it.

    Raises:
        ValueError: the jobs wait for each other in a circle.
    """
    picture = _Picture(make_graph(jobs), marks or {}, tooltips)
    return picture.draw(title, standalone)


def stacked_svg(flows: Iterable[tuple[str, Sequence[GraphJob]]]) -> str:
    """Return the graphs of several workflows, by their names, one below the other in one picture."""
    parts: list[str] = []
    width, y = 0.0, 0.0
    for name, jobs in flows:
        picture = _Picture(make_graph(jobs), {}, tooltips=True)
        y += _HEADING
        parts.append(_text("og-title", _MARGIN, y - 6, name))
        drawn = picture.draw(name, standalone=False)
        parts.append(drawn.replace("<svg ", f'<svg y="{y:g}" ', 1))
        width, y = max(width, picture.width), y + picture.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="og" width="{width:g}" height="{y:g}"'
        f' viewBox="0 0 {width:g} {y:g}">\n<style>\n{GRAPH_STYLE}{MARK_STYLE}</style>\n'
        f'<rect class="og-page" width="100%" height="100%"/>\n{"".join(parts)}</svg>\n'
    )


class _Picture:
    def __init__(self, graph: WorkflowGraph, marks: Mapping[str, JobMark], tooltips: bool) -> None:
        self._graph = graph
        self._marks = marks
        self._tooltips = tooltips
        self._has_marks = any(mark.status for mark in marks.values())
        self._cards = _evened([self._card(group) for group in graph.groups], graph)
        self._layout: Layout = lay_out(
            [
                Box((card.height_px + _GAP) // _UNIT, card.height_px // 2 // _UNIT)
                for card in self._cards
            ],
            [(edge.source, edge.target) for edge in graph.edges],
            line=Box(4, 2),
        )
        self._place_columns()

    def _card(self, group: Group) -> _Card:
        count = len(group.jobs)
        columns = min(4, -(-count // _LONG_LIST))
        wide = max(
            len(_short(job.name)) * _CHARACTER
            + sum(cell_width(note) * _SMALL + 12 for note in self._notes(job))
            for job in group.jobs
        )
        return _Card(columns, -(-count // columns), wide + (30 if self._has_marks else 0) + 20)

    def _notes(self, job: GraphJob) -> list[str]:
        mark = self._marks.get(job.name)
        notes = [] if job.kind == "job" else [plain_text(job.kind)]
        if job.parallelism > 1:
            notes.append(f"×{job.parallelism}")
        if mark is not None and mark.seconds is not None:
            notes.append(format_duration(mark.seconds))
        return notes

    def _place_columns(self) -> None:
        self._wide = [max(self._cards[n].width_px for n in layer) for layer in self._layout.layers]
        places = self._layout.places
        labels = [0.0] * len(self._wide)
        for edge in self._graph.edges:
            layer = places[edge.target].layer
            labels[layer] = max(labels[layer], cell_width(edge.label) * _SMALL)
        self._x: list[float] = []
        x = float(_MARGIN)
        for number, wide in enumerate(self._wide):
            x += labels[number] + (_BETWEEN if number else 0)
            self._x.append(x)
            x += wide
        self.width = x + _MARGIN
        self.height = max(self._layout.height * _UNIT - _GAP, 0) + 2 * _MARGIN

    def _y(self, row: float) -> float:
        return row * _UNIT + _MARGIN

    # Drawing ------------------------------------------------------------------------------------

    def draw(self, title: str, standalone: bool) -> str:
        count = sum(len(group.jobs) for group in self._graph.groups)
        label = f"{title or 'workflow'}: {count} {'job' if count == 1 else 'jobs'}"
        size = f'width="{self.width:g}" height="{self.height:g}"'
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="og" role="group" {size}'
            f' viewBox="0 0 {self.width:g} {self.height:g}" aria-label={_attribute(label)}>'
        ]
        if standalone:
            parts.append(f"<style>\n{GRAPH_STYLE}{MARK_STYLE}</style>")
            parts.append('<rect class="og-page" width="100%" height="100%"/>')
        entries = self._entries()
        parts += [self._edge(edge, entries[edge]) for edge in self._graph.edges]
        parts += [self._group(number) for number in range(len(self._graph.groups))]
        parts.append("</svg>")
        return "\n".join(parts) + "\n"

    def _entries(self) -> dict[Edge, float]:
        """Return how high each edge ends: lines for different endings end apart."""
        found = {}
        for number, card in enumerate(self._cards):
            edges = [edge for edge in self._graph.edges if edge.target == number]
            heights: dict[str, list[int]] = {}
            for edge in edges:
                rows = self._layout.routes[edge.source, number]
                heights.setdefault(edge.label, []).append(rows[-2])
            labels = sorted(heights, key=lambda label: sum(heights[label]) / len(heights[label]))
            step = min(18.0, (card.height_px - 14) / max(len(labels) - 1, 1))
            middle = self._y(self._layout.places[number].row) + card.height_px / 2
            for edge in edges:
                found[edge] = middle + (labels.index(edge.label) - (len(labels) - 1) / 2) * step
        return found

    def _edge(self, edge: Edge, end_y: float) -> str:
        first = self._layout.places[edge.source].layer
        rows = self._layout.routes[edge.source, edge.target]
        x, y = self._x[first] + self._cards[edge.source].width_px, self._y(rows[0])
        path = f"M{x:g} {y:g}"
        if x < self._x[first] + self._wide[first]:
            path += f"H{self._x[first] + self._wide[first]:g}"
        x = self._x[first] + self._wide[first]
        for layer, row in enumerate(rows[1:-1], first + 1):
            path += _curve(x, y, self._x[layer], self._y(row))
            x, y = self._x[layer] + self._wide[layer], self._y(row)
            path += f"H{x:g}"
        end_x = self._x[self._layout.places[edge.target].layer]
        # The last stretch is level, so that a label on it can be read.
        level = cell_width(edge.label) * _SMALL + (24 if edge.label else 8)
        path += _curve(x, y, end_x - level, end_y) + f"H{end_x - 5:g}"
        look = "og-edge og-if" if edge.label else "og-edge"
        ends = f'data-from="{edge.source}" data-to="{edge.target}"'
        drawn = f'<g class="og-line" {ends}><path class="{look}" d="{path}"/>'
        drawn += f'<path class="og-tip" d="M{end_x:g} {end_y:g}l-8-4v8z"/>'
        if edge.label:
            drawn += _text("og-label", end_x - 14, end_y - 5, edge.label, anchor="end")
        return drawn + "</g>"

    def _group(self, number: int) -> str:
        group, card, place = (
            self._graph.groups[number],
            self._cards[number],
            self._layout.places[number],
        )
        x, y = self._x[place.layer], self._y(place.row)
        look = "og-group og-approval" if group.jobs[0].kind == "approval" else "og-group"
        parts = [
            f'<g class="{look}" data-group="{number}"><rect class="og-card" x="{x:g}" y="{y:g}"'
            f' width="{card.width_px:g}" height="{card.height_px:g}" rx="8"/>'
        ]
        for index, job in enumerate(group.jobs):
            column, row = divmod(index, card.rows)
            parts.append(
                self._job(
                    job, x + _PAD + column * card.column_px, y + _PAD + row * _ROW, card.column_px
                )
            )
        return "\n".join([*parts, "</g>"])

    def _job(self, job: GraphJob, x: float, y: float, wide: float) -> str:
        mark = self._marks.get(job.name, JobMark())
        looks = f"og-job og-{mark.status}" if mark.status else "og-job"
        words = [plain_text(job.name), *self._notes(job)]
        if mark.status:
            words.insert(1, STATUS_WORDS[mark.status])
        parts = [
            f'<g class="{looks}" tabindex="{-1 if mark.link else 0}" data-job={_attribute(job.name)}'
            f" aria-label={_attribute(', '.join(words))}>"
        ]
        if self._tooltips:
            parts.append(f"<title>{escape(plain_lines(self._tooltip(job, mark)))}</title>")
        parts.append(
            f'<rect class="og-row" x="{x:g}" y="{y + 1:g}" width="{wide:g}" height="{_ROW - 2}" rx="5"/>'
        )
        left = x + 10
        if self._has_marks:
            if mark.status:
                parts.append(mark_svg(mark.status, left, y + 7))
            left += 26
        parts.append(_text("og-name", left, y + 19.5, _short(job.name)))
        right = x + wide - 10
        for note in reversed(self._notes(job)):
            parts.append(_text("og-note", right, y + 19, note, anchor="end"))
            right -= cell_width(note) * _SMALL + 12
        drawn = "".join([*parts, "</g>"])
        return f"<a href={_attribute(mark.link)}>{drawn}</a>" if mark.link else drawn

    def _tooltip(self, job: GraphJob, mark: JobMark) -> Iterable[str]:
        yield job.name
        if mark.status:
            took = "" if mark.seconds is None else f", {format_duration(mark.seconds)}"
            yield STATUS_WORDS[mark.status] + took
        yield from (f"{word}: {value}" for word, value in job.details)


def _evened(cards: Sequence[_Card], graph: WorkflowGraph) -> list[_Card]:
    """Make the cards of a layer equally wide, but for those with several columns."""
    layers = assign_layers(len(cards), ((edge.source, edge.target) for edge in graph.edges))
    widest: dict[int, float] = {}
    for card, layer in zip(cards, layers, strict=True):
        if card.columns == 1:
            widest[layer] = max(widest.get(layer, 0), card.column_px)
    return [
        replace(card, column_px=widest[layer]) if card.columns == 1 else card
        for card, layer in zip(cards, layers, strict=True)
    ]


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    if y == to_y:
        return f"H{to_x:g}"
    half = (x + to_x) / 2
    return f"C{half:g} {y:g} {half:g} {to_y:g} {to_x:g} {to_y:g}"


def _text(look: str, x: float, y: float, text: str, *, anchor: str = "") -> str:
    end = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text class="{look}" x="{x:g}" y="{y:g}"{end}>{escape(plain_text(text))}</text>'


def _attribute(text: str) -> str:
    return quoteattr(plain_text(text))


def plain_lines(lines: Iterable[str]) -> str:
    """Return lines as one text, without control characters in any of them."""
    return "\n".join(map(plain_text, lines))


def _short(name: str) -> str:
    """Return a name, cut in its middle where it is very long: its end often tells it apart."""
    name = plain_text(name)
    if len(name) <= _LONGEST_NAME:
        return name
    tail = _LONGEST_NAME // 2 - 1
    return f"{name[: _LONGEST_NAME - tail - 1]}…{name[-tail:]}"
