"""Workflows drawn in text."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.model import JobRequirement
from pipeline.runner.canvas import cell_width
from pipeline.runner.graph_model import GraphJob, make_graph
from pipeline.runner.graph_text import draw_graph

STATUSES = ("success", "failed", "canceled", "unauthorized", "not_run")


def job(name: str, *needs: str, kind: str = "job", parallelism: int = 1) -> GraphJob:
    return GraphJob(name, tuple(map(JobRequirement, needs)), kind, parallelism)


def drawn(jobs: list[GraphJob], width: int = 80, *, ascii_only: bool = False) -> str:
    lines = draw_graph(make_graph(jobs), width=width, ascii_only=ascii_only)
    return "\n".join(["", *lines, ""])


CHAIN = [job("build"), job("test", "build", parallelism=4), job("deploy", "test")]


def test_a_chain() -> None:
    assert (
        drawn(CHAIN)
        == """
╭───────╮  ╭─────────╮  ╭────────╮
│ build ├─▸│ test ×4 ├─▸│ deploy │
╰───────╯  ╰─────────╯  ╰────────╯
"""
    )


def test_a_chain_in_plain_characters() -> None:
    assert (
        drawn(CHAIN, ascii_only=True)
        == """
+-------+  +---------+  +--------+
| build +->| test x4 +->| deploy |
+-------+  +---------+  +--------+
"""
    )


def test_jobs_that_are_waited_for_alike_share_a_box_and_approvals_look_different() -> None:
    jobs = [
        job("lint"),
        job("unit"),
        job("hold", "lint", "unit", kind="approval"),
        job("a", "hold"),
        job("b", "a"),
        job("c", "hold"),
    ]
    assert (
        drawn(jobs)
        == """
                                 ╭───╮  ╭───╮
                              ╭─▸│ a ├─▸│ b │
╭──────╮  ╔═════════════════╗ │  ╰───╯  ╰───╯
│ lint ├─▸║ hold (approval) ╟─┤
│ unit │  ╚═════════════════╝ │  ╭───╮
╰──────╯                      ╰─▸│ c │
                                 ╰───╯
"""
    )


def test_endings_other_than_success_stand_on_the_line() -> None:
    jobs = [
        job("test"),
        job("deploy", "test"),
        GraphJob("alarm", (JobRequirement("test", ("failed", "canceled")),)),
        GraphJob("report", (JobRequirement("test", STATUSES),)),
    ]
    text = drawn(jobs)
    assert re.search(r"─failed/canceled─▸│ alarm ", text)
    assert re.search(r"─any end─▸│ report ", text)
    assert re.search(r"──▸│ deploy ", text)


def test_lines_that_cross_are_not_joined() -> None:
    jobs = [
        job("a"),
        job("b"),
        job("x", "a"),
        job("y", "a", "b"),
        job("z", "b"),
        job("p", "x", "z"),
        job("q", "y"),
    ]
    text = drawn(jobs)
    assert "─│─" in text
    assert "┼" not in text


def test_a_long_name_is_broken_behind_its_dashes() -> None:
    text = drawn([job("deploy-production-eu-west-1"), job("b", "deploy-production-eu-west-1")], 30)
    assert "│ deploy-production- ├" in text
    assert "│   eu-west-1        │" in text


def test_a_deep_graph_goes_on_below_with_what_it_waits_for() -> None:
    jobs = [job("step-00")] + [job(f"step-{n:02}", f"step-{n - 1:02}") for n in range(1, 9)]
    text = drawn(jobs, 50)
    assert all(text.count(f"│ step-{n:02} ") == 1 for n in range(9))
    assert "↪ step-03 ─▸│ step-04 " in text


def test_a_reference_to_many_jobs_counts_them() -> None:
    jobs = [job("setup")] + [job(f"part-{n}-of-the-tests", "setup") for n in range(9)]
    jobs.append(job("summary-of-all", *(f"part-{n}-of-the-tests" for n in range(9))))
    text = drawn(jobs, 44)
    assert "↪ part-2-of-" in text
    assert "part-3-of" not in text.split("↪")[-1]
    assert "and 6 more" in text


def test_many_jobs_of_one_group_stand_in_columns() -> None:
    text = drawn([job(f"shard-{n:02}") for n in range(40)])
    assert "│ shard-00   shard-10   shard-20   shard-30 │" in text


def test_names_take_the_columns_that_they_are_wide() -> None:
    lines = drawn([job("テスト"), job("b", "テスト")]).splitlines()[1:4]
    assert lines[1] == "│ テスト ├─▸│ b │"
    assert len({cell_width(line) for line in lines}) == 1


def test_control_characters_of_a_name_do_not_reach_the_terminal() -> None:
    text = drawn([job("a\x1b[31m\u202eb\n")])
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_in_colours_the_same_is_drawn() -> None:
    graph = make_graph([*CHAIN, job("hold", "build", kind="approval")])
    coloured = draw_graph(graph, colour=True)
    assert "\x1b[" in coloured[1]
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured]
    assert plain == draw_graph(graph)


def test_nothing_is_drawn_as_nothing() -> None:
    assert draw_graph(make_graph([])) == []


@st.composite
def workflows(draw: st.DrawFn) -> list[GraphJob]:
    count = draw(st.integers(1, 12))
    words = st.text("ab-_/é中", min_size=1, max_size=30)
    jobs: list[GraphJob] = []
    for number in range(count):
        needs = (
            draw(st.sets(st.sampled_from(jobs).map(lambda j: j.name), max_size=3)) if jobs else ()
        )
        made = job(f"{number}{draw(words)}", *sorted(needs))
        statuses = draw(st.sampled_from([("success",), ("failed",), STATUSES]))
        jobs.append(
            replace(
                made,
                requires=tuple(replace(need, statuses=statuses) for need in made.requires),
                kind=draw(st.sampled_from(["job", "job", "approval"])),
            )
        )
    return jobs


@settings(deadline=None)
@given(workflows(), st.sampled_from([60, 80, 120]))
def test_no_line_is_wider_than_the_terminal_and_every_job_is_there(
    jobs: list[GraphJob], width: int
) -> None:
    lines = draw_graph(make_graph(jobs), width=width)
    assert max(map(cell_width, lines)) <= width
    text = "\n".join(lines)
    for made in jobs:
        assert beginning(made.name, cells=7) in text


def beginning(name: str, *, cells: int) -> str:
    """The part of a name that has room in so many cells, without what joins words at its end."""
    while cell_width(name) > cells:
        name = name[:-1]
    return name.rstrip("-_/")


@pytest.mark.parametrize("width", [20, 30])
def test_a_very_narrow_terminal_is_no_error(width: int) -> None:
    jobs = [job("a-rather-long-name"), job("another-rather-long-name", "a-rather-long-name")]
    assert draw_graph(make_graph(jobs), width=width)
