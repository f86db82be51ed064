"""The task ``ci.graph``: workflows as drawings."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.command import Run, command
from pipeline.compile_help import COMPILE_HELP

__all__ = ["graph"]


@command(
    name="graph",
    auto_shortflags=False,
    iterable=["param", "value", "orb"],
    help={
        **COMPILE_HELP,
        "workflow": "draw this workflow only",
        "all_": "draw every workflow, also those that this branch does not start",
        "ascii_": "draw with plain characters; by itself where the terminal knows no others",
        "width": "columns to draw in; default is the terminal's width",
        "svg": "write a picture to this file; - is standard output",
        "html": "write a page to this file, which shows more of each job; - is standard output",
        "json": "print the workflows as JSON",
    },
)
def graph(
    run: Run,
    config: str = "",
    workflow: str = "",
    all_: bool = False,
    param: Iterable[str] | None = None,
    params_file: str = "",
    value: Iterable[str] | None = None,
    branch: str = "",
    tag: str = "",
    orb: Iterable[str] | None = None,
    ascii_: bool = False,
    width: int = 0,
    svg: str = "",
    html: str = "",
    json: bool = False,
) -> None:
    """Draw the workflows that this branch starts: jobs, and what waits for what.

    For example:

      orbyard ci.graph --branch main
      orbyard ci.graph --all --html workflows.html
    """
    from pipeline.ci_options import compile_options
    from pipeline.local_graph import GraphOptions, show_graphs

    compiling = compile_options(
        run,
        param=param or (),
        params_file=params_file,
        value=value or (),
        branch=branch,
        tag=tag,
        orb=orb or (),
    )
    options = GraphOptions(
        workflow=workflow,
        all_workflows=all_,
        ascii_only=ascii_,
        width=width,
        svg=svg,
        html=html,
        json=json,
    )
    show_graphs(run, config, compiling, options)
