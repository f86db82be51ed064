"""A workflow as a graph to be drawn."""

from __future__ import annotations

import pytest

from pipeline.config.model import JobRequirement
from pipeline.runner.graph_model import Edge, GraphJob, WorkflowGraph, make_graph


def job(name: str, *needs: str | tuple[str, str], kind: str = "job") -> GraphJob:
    requires = tuple(
        JobRequirement(need) if isinstance(need, str) else JobRequirement(need[0], (need[1],))
        for need in needs
    )
    return GraphJob(name, requires, kind)


def names(graph: WorkflowGraph) -> list[list[str]]:
    return [[job.name for job in group.jobs] for group in graph.groups]


def test_jobs_between_the_same_jobs_are_one_group() -> None:
    graph = make_graph([job("a"), job("b", "a"), job("c", "a"), job("d", "b", "c")])
    assert names(graph) == [["a"], ["b", "c"], ["d"]]
    assert graph.edges == (Edge(0, 1), Edge(1, 2))


def test_jobs_that_different_jobs_require_are_apart() -> None:
    graph = make_graph([job("a"), job("b", "a"), job("c", "a"), job("d", "b")])
    assert names(graph) == [["a"], ["b"], ["c"], ["d"]]


def test_jobs_that_wait_for_other_endings_are_apart() -> None:
    graph = make_graph([job("a"), job("b", "a"), job("c", ("a", "failed"))])
    assert names(graph) == [["a"], ["b"], ["c"]]
    assert graph.edges == (Edge(0, 1), Edge(0, 2, "failed"))


def test_an_approval_stands_by_itself() -> None:
    graph = make_graph([job("a"), job("b"), job("hold", kind="approval")])
    assert names(graph) == [["a", "b"], ["hold"]]


def test_a_requirement_that_follows_from_others_is_not_drawn() -> None:
    graph = make_graph([job("a"), job("b", "a"), job("c", "a", "b"), job("d", "a", "c")])
    assert graph.edges == (Edge(0, 1), Edge(1, 2), Edge(2, 3))


def test_a_requirement_of_another_ending_is_always_drawn() -> None:
    graph = make_graph([job("a"), job("b", "a"), job("c", ("a", "failed"), "b")])
    assert Edge(0, 2, "failed") in graph.edges
    graph = make_graph([job("a"), job("b", ("a", "failed")), job("c", "a", ("b", "failed"))])
    assert Edge(0, 2) in graph.edges


def test_what_is_not_in_the_graph_is_not_waited_for() -> None:
    assert make_graph([job("a", "gone")]).edges == ()


def test_a_circle_names_its_jobs() -> None:
    with pytest.raises(ValueError, match="a, b"):
        make_graph([job("a", "b"), job("b", "a"), job("c")])
