"""Draws workflows: from the options of ``ci.graph`` to a terminal, a picture or a page."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.ci_options import CompileOptions, json_text, read_config
from pipeline.config.compiler import compile as compile_config
from pipeline.config.model import CompiledConfig
from pipeline.config.rendering import terminal_width
from pipeline.errors import InvalidInput
from pipeline.runner.overview import WorkflowOverview, overview, overview_of, pipeline_ref
from pipeline.runner.plan import Choice, plan_run

if TYPE_CHECKING:
    from pipeline.command import Run

__all__ = ["GraphOptions", "show_graphs"]

_NARROWEST = 20


@dataclass(frozen=True, slots=True)
class GraphOptions:
    """What ``ci.graph`` was asked for; see the task's help."""

    workflow: str = ""
    all_workflows: bool = False
    ascii_only: bool = False
    width: int = 0
    svg: str = ""
    html: str = ""
    json: bool = False


def show_graphs(run: Run, config: str, compiling: CompileOptions, options: GraphOptions) -> None:
    """Draw what was chosen.

    Raises:
        InvalidInput: the configuration or an option is wrong, or a file cannot be written.
    """
    if options.width and options.width < _NARROWEST:
        raise InvalidInput(f"--width is a number of columns from {_NARROWEST} on")
    if options.workflow and options.all_workflows:
        raise InvalidInput("give --workflow or --all, not both")
    if [options.svg, options.html, "-" if options.json else ""].count("-") > 1:
        raise InvalidInput("only one of --svg, --html and --json can go to standard output")
    source = read_config(run, config)
    compiled = compile_config(source, **compiling.keywords(source))
    flows = _chosen(compiled, options)
    if options.json:
        from pipeline.runner.listing import listing_data

        run.console.result(json_text(listing_data(flows)))
    if options.svg:
        _write(run, options.svg, lambda: _svg(flows))
    if options.html:
        _write(run, options.html, lambda: _html(source.name, compiled, flows))
    if not (options.json or options.svg or options.html):
        _draw(run, flows, options)


def _chosen(compiled: CompiledConfig, options: GraphOptions) -> tuple[WorkflowOverview, ...]:
    if options.all_workflows:
        return overview(compiled)
    planned = plan_run(compiled, Choice(options.workflow), **pipeline_ref(compiled))
    return tuple(overview_of(compiled, workflow) for workflow in planned)


def _draw(run: Run, flows: Sequence[WorkflowOverview], options: GraphOptions) -> None:
    from pipeline.runner.graph_model import graph_jobs, make_graph
    from pipeline.runner.graph_text import draw_graph
    from pipeline.runner.listing import heading_lines, left_out_lines

    colour = run.console.colours_results
    ascii_only = options.ascii_only or not _can_draw(getattr(sys.stdout, "encoding", None))
    width = options.width or terminal_width()
    for number, flow in enumerate(flows):
        if number:
            run.console.result("")
        drawing = draw_graph(
            make_graph(graph_jobs(flow.jobs)), width=width, ascii_only=ascii_only, colour=colour
        )
        heading = heading_lines(flow, width=width, colour=colour)
        for line in (*heading, *drawing, *left_out_lines(flow, width=width, colour=colour)):
            run.console.result(line)


def _can_draw(encoding: str | None) -> bool:
    try:
        "╭▸×↪".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _svg(flows: Sequence[WorkflowOverview]) -> str:
    from pipeline.runner.graph_model import graph_jobs
    from pipeline.runner.graph_svg import graph_svg, stacked_svg

    drawn = [(flow.name, graph_jobs(flow.jobs)) for flow in flows if flow.jobs]
    if not drawn:
        raise InvalidInput("no workflow has a job to draw", hint="see `orbyard ci.run --list`")
    if len(drawn) == 1:
        return graph_svg(drawn[0][1], title=drawn[0][0])
    return stacked_svg(drawn)


def _html(name: str, compiled: CompiledConfig, flows: Sequence[WorkflowOverview]) -> str:
    from pipeline.runner.graph_page import graph_page

    ref = pipeline_ref(compiled)
    where = f"branch {ref['branch']}" if ref["branch"] else f"tag {ref['tag']}"
    return graph_page(flows, title=name, subtitle=where if any(ref.values()) else "")


def _write(run: Run, name: str, make: Callable[[], str]) -> None:
    text = make()
    if name == "-":
        run.console.result(text.removesuffix("\n"))
        return
    try:
        (run.cwd / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{name} cannot be written: {error.strerror}") from None
    run.console.success(f"wrote {name}")
