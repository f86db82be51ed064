"""One sheet of a drawing in text: boxes with names of a given width, and the lines between them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.runner.canvas import Canvas, cell_width, plain_text, wrap_name
from pipeline.runner.graph_layout import Box, Pass, assign_layers, lay_out
from pipeline.runner.graph_model import GraphJob, Group, WorkflowGraph
from pipeline.runner.graph_tracks import Channel, Net, route_channel

__all__ = ["ASCII", "UNICODE", "Charset", "Sheet", "natural_widths"]

_STYLES = {"line": "2", "approval": "33;1", "label": "36", "note": "2", "name": "1"}
_NAMED_REFERENCES = 4
"""Jobs that a reference names before it only counts them."""


@dataclass(frozen=True, slots=True)
class Charset:
    """The characters of a drawing.

    Attributes:
        lines: by the sides that meet: up 1, right 2, down 4, left 8.
        box: corners, level and upright line of a box, and where a line leaves it.
        approval: the same of an approval's.
        arrow: a line's end.
        times: as in ×4.
        reference: before a job that stands further up.
    """

    lines: str
    box: str
    approval: str
    arrow: str
    times: str
    reference: str


UNICODE = Charset(" ╵╶╰╷│╭├╴╯─┴╮┤┬┼", "╭╮╰╯─│├", "╔╗╚╝═║╟", "▸", "×", "↪ ")
ASCII = Charset(" |-+||++-+-+++++", "++++-|+", "####=#+", ">", "x", "> ")

Text = list[tuple[str, str]]
"""Pieces of a line, each with its style."""
_End = tuple[int, str] | Pass
"""Where lines go in the next layer: into a box, with the endings that count, or past it."""


def _suffix(job: GraphJob, charset: Charset) -> Text:
    pieces: Text = []
    if job.parallelism > 1:
        pieces.append((f" {charset.times}{job.parallelism}", "label"))
    if job.kind != "job":
        pieces.append((f" ({plain_text(job.kind)})", "note"))
    return pieces


def _length(text: Iterable[tuple[str, str]]) -> int:
    return sum(cell_width(piece) for piece, _ in text)


def _shown_name(name: str, charset: Charset) -> str:
    name = plain_text(name)
    return name if charset is UNICODE else name.encode("ascii", "replace").decode()


def _job_lines(job: GraphJob, width: int, charset: Charset) -> list[Text]:
    """Return a job's name in a width; further lines of a long one are indented."""
    name, suffix = _shown_name(job.name, charset), _suffix(job, charset)
    style = "approval" if job.kind == "approval" else "name"
    if cell_width(name) + _length(suffix) <= width:
        return [[(name, style), *suffix]]
    first, *_ = wrap_name(name, width)
    rest = name[len(first) :].lstrip()
    lines: list[Text] = [[(first, style)]]
    if rest:
        lines += [[("  ", ""), (line, style)] for line in wrap_name(rest, max(width - 2, 1))]
    for piece, look in suffix:
        if _length(lines[-1]) + cell_width(piece) <= width:
            lines[-1].append((piece, look))
        else:
            lines += [
                [("  ", ""), (line, look)] for line in wrap_name(piece.strip(), max(width - 2, 1))
            ]
    return lines


def _reference_lines(group: Group, width: int, charset: Charset) -> list[Text]:
    jobs = group.jobs
    if len(jobs) > _NAMED_REFERENCES:
        jobs = jobs[: _NAMED_REFERENCES - 1]
    names = [_shown_name(job.name, charset) for job in jobs]
    room = max(width - len(charset.reference), 1)
    lines: list[Text] = []
    for name in names:
        for index, line in enumerate(wrap_name(name, room)):
            mark = charset.reference if index == 0 else " " * len(charset.reference)
            lines.append([(mark, "label"), (line, "note")])
    if len(jobs) < len(group.jobs):
        more = wrap_name(f"and {len(group.jobs) - len(jobs)} more", room)
        lines += [[(" " * len(charset.reference), ""), (line, "note")] for line in more]
    return lines


def _group_lines(group: Group, width: int, charset: Charset, columns: int) -> list[Text]:
    if group.is_reference:
        return _reference_lines(group, width, charset)
    if columns == 1:
        return [line for job in group.jobs for line in _job_lines(job, width, charset)]
    rows = -(-len(group.jobs) // columns)
    stacks = [
        [
            line
            for job in group.jobs[start : start + rows]
            for line in _job_lines(job, width, charset)
        ]
        for start in range(0, len(group.jobs), rows)
    ]
    lines: list[Text] = []
    for number in range(max(map(len, stacks))):
        line: Text = []
        for stack in stacks:
            text = stack[number] if number < len(stack) else []
            wide = max(map(_length, stack))
            line += [*text, (" " * (wide - _length(text) + 3), "")]
        lines.append(line[:-1])
    return lines


def natural_widths(graph: WorkflowGraph, layers: Sequence[int], charset: Charset) -> list[int]:
    """Return how wide the names of each layer are."""
    widths = [1] * (max(layers, default=-1) + 1)
    for group, layer in zip(graph.groups, layers, strict=True):
        for line in _group_lines(group, 1000, charset, 1):
            widths[layer] = max(widths[layer], _length(line))
    return widths


class Sheet:
    """A laid-out drawing.

    Args:
        graph: what is drawn.
        caps: for each layer how wide its names may be.
        charset: the characters to draw with.
        columns: how many columns the jobs of a long group stand in.
        long_list: jobs of a group from which on it is long.
    """

    FRAME = 4
    """Columns of a box beside its text."""
    LEAST_BETWEEN = 2
    """Columns between two layers at least."""

    def __init__(
        self,
        graph: WorkflowGraph,
        caps: Sequence[int],
        charset: Charset,
        *,
        columns: int = 1,
        long_list: int = 0,
    ) -> None:
        self._graph = graph
        self._charset = charset
        edges = [(edge.source, edge.target) for edge in graph.edges]
        self._layer_of = assign_layers(len(graph.groups), edges)
        self._texts = [
            _group_lines(group, caps[layer], charset, columns if len(group.jobs) > long_list else 1)
            for group, layer in zip(graph.groups, self._layer_of, strict=True)
        ]
        self._nets = [self._channel_nets(channel) for channel in range(len(caps) - 1)]
        entries = self._entries()
        self._inside = [
            max(len(text), 2 * len(entries[number]) - 1) for number, text in enumerate(self._texts)
        ]
        self._boxes = [Box((lines + 3) // 2, ((lines + 1) // 2 - 1) // 2) for lines in self._inside]
        self._layout = lay_out(self._boxes, edges)
        self._rows = self._entry_rows(entries)
        self._channels = [self._routed(nets) for nets in self._nets]
        self._place_columns()

    # Lines --------------------------------------------------------------------------------------

    def _channel_nets(self, channel: int) -> list[tuple[list[int | Pass], tuple[_End, ...]]]:
        """Return the nets between a layer and the next: sources that lead to the same are one."""
        ends: dict[int, set[_End]] = defaultdict(set)
        for edge in self._graph.edges:
            if self._layer_of[edge.source] > channel:
                continue
            if self._layer_of[edge.target] == channel + 1:
                ends[edge.source].add((edge.target, edge.label))
            elif self._layer_of[edge.target] > channel + 1:
                ends[edge.source].add(Pass(edge.source, channel + 1))
        nets: dict[frozenset[_End], list[int | Pass]] = defaultdict(list)
        for source in sorted(ends):
            here = source if self._layer_of[source] == channel else Pass(source, channel)
            nets[frozenset(ends[source])].append(here)
        return [(sources, tuple(sorted(found, key=str))) for found, sources in nets.items()]

    def _entries(self) -> list[list[tuple[int, str]]]:
        """Return for each box the nets that lead into it, each with the endings that count."""
        entries: list[list[tuple[int, str]]] = [[] for _ in self._graph.groups]
        for nets in self._nets:
            for number, (_, ends) in enumerate(nets):
                for end in ends:
                    if not isinstance(end, Pass):
                        entries[end[0]].append((number, end[1]))
        return entries

    def _source_row(self, item: int | Pass) -> int:
        if isinstance(item, Pass):
            return 2 * self._layout.passes[item] + 1
        return 2 * (self._layout.places[item].row + self._boxes[item].port) + 1

    def _entry_rows(self, entries: list[list[tuple[int, str]]]) -> dict[tuple[int, int, str], int]:
        """Return the row at which each net meets a box; what comes from above meets it above."""
        rows = {}
        for box, found in enumerate(entries):
            if not found:
                continue
            nets = self._nets[self._layer_of[box] - 1]

            def height(
                entry: tuple[int, str],
                nets: list[tuple[list[int | Pass], tuple[_End, ...]]] = nets,
            ) -> float:
                sources = nets[entry[0]][0]
                return sum(map(self._source_row, sources)) / len(sources)

            room = (self._inside[box] + 1) // 2
            middle = self._boxes[box].port - (len(found) - 1) // 2
            first = max(0, min(middle, room - len(found)))
            for index, (net, label) in enumerate(sorted(found, key=height)):
                row = self._layout.places[box].row + first + index
                rows[box, net, label] = 2 * row + 1
        return rows

    def _end_row(self, end: _End, net: int) -> int:
        if isinstance(end, Pass):
            return 2 * self._layout.passes[end] + 1
        return self._rows[end[0], net, end[1]]

    def _routed(self, nets: list[tuple[list[int | Pass], tuple[_End, ...]]]) -> Channel:
        return route_channel(
            [
                Net(
                    tuple(sorted(self._source_row(item) for item in sources)),
                    tuple(sorted(self._end_row(end, number) for end in ends)),
                )
                for number, (sources, ends) in enumerate(nets)
            ]
        )

    # Columns ------------------------------------------------------------------------------------

    def _place_columns(self) -> None:
        self._wide = [
            max(
                max(map(_length, self._texts[number]), default=0)
                + (1 if self._graph.groups[number].is_reference else self.FRAME)
                for number in boxes
            )
            for boxes in self._layout.layers
        ]
        self._labels = [
            max((_label_width(end) for _, ends in nets for end in ends), default=0)
            for nets in self._nets
        ]
        self._columns = [0]
        for channel, wide, label in zip(self._channels, self._wide, self._labels, strict=False):
            self._columns.append(self._columns[-1] + wide + channel.width + label + 1)
        self.width = self._columns[-1] + self._wide[-1]

    # Drawing ------------------------------------------------------------------------------------

    def draw(self, colour: bool = False) -> list[str]:
        """Return the drawing's lines."""
        canvas = Canvas(_STYLES if colour else None)
        for number in range(len(self._graph.groups)):
            self._draw_group(canvas, number)
        for step, row in self._layout.passes.items():
            self._level(canvas, 2 * row + 1, self._columns[step.layer], self._wide[step.layer])
        for number in range(len(self._channels)):
            self._draw_channel(canvas, number)
        return canvas.lines()

    def _level(self, canvas: Canvas, row: int, column: int, length: int) -> None:
        canvas.put(row, column, self._charset.lines[10] * length, "line")

    def _draw_group(self, canvas: Canvas, number: int) -> None:
        group, place = self._graph.groups[number], self._layout.places[number]
        top, left, wide = 2 * place.row, self._columns[place.layer], self._wide[place.layer]
        first = top + 1 + (self._inside[number] - len(self._texts[number])) // 2
        if group.is_reference:
            self._draw_texts(canvas, first, left, number)
            row = self._source_row(number)
            text = (
                self._texts[number][row - first] if row - first < len(self._texts[number]) else []
            )
            begin = _length(text) + 1
            self._level(canvas, row, left + begin, wide - begin)
            return
        is_approval = group.jobs[0].kind == "approval"
        box = self._charset.approval if is_approval else self._charset.box
        style = "approval" if is_approval else "line"
        bottom = top + self._inside[number] + 1
        canvas.put(top, left, box[0] + box[4] * (wide - 2) + box[1], style)
        canvas.put(bottom, left, box[2] + box[4] * (wide - 2) + box[3], style)
        for row in range(top + 1, bottom):
            canvas.put(row, left, box[5], style)
            canvas.put(row, left + wide - 1, box[5], style)
        if any(edge.source == number for edge in self._graph.edges):
            canvas.put(self._source_row(number), left + wide - 1, box[6], style)
        self._draw_texts(canvas, first, left + 2, number)

    def _draw_texts(self, canvas: Canvas, row: int, column: int, number: int) -> None:
        for index, text in enumerate(self._texts[number]):
            at = column
            for piece, style in text:
                canvas.put(row + index, at, piece, style)
                at += cell_width(piece)

    def _draw_channel(self, canvas: Canvas, number: int) -> None:
        channel = self._channels[number]
        left = self._columns[number] + self._wide[number]
        for (row, column), sides in channel.cells.items():
            canvas.put(row, left + column, self._charset.lines[sides], "line")
        room = self._labels[number]
        for net, (_, ends) in enumerate(self._nets[number]):
            for end in ends:
                row = self._end_row(end, net)
                self._level(canvas, row, left + channel.width, room + 1)
                if isinstance(end, Pass):
                    continue
                label = end[1]
                canvas.put(row, left + channel.width + room - cell_width(label) - 1, label, "label")
                canvas.put(row, left + channel.width + room, self._charset.arrow, "line")


def _label_width(end: _End) -> int:
    return 0 if isinstance(end, Pass) or not end[1] else cell_width(end[1]) + 1
