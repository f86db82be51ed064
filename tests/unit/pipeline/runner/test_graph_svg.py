"""Workflows drawn as pictures and pages."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config.model import JobRequirement
from pipeline.runner.graph_marks import STATUS_WORDS, JobMark
from pipeline.runner.graph_model import GraphJob
from pipeline.runner.graph_page import graph_page
from pipeline.runner.graph_svg import graph_svg, stacked_svg
from pipeline.runner.overview import JobOverview, LeftOut, WorkflowOverview

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "</svg><script>alert(1)</script>&\"'"


def job(name: str, *needs: str, kind: str = "job") -> GraphJob:
    return GraphJob(name, tuple(map(JobRequirement, needs)), kind, details=(("runs in", NASTY),))


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def texts(root: ElementTree.Element) -> list[str]:
    return ["".join(node.itertext()) for node in root.iter(f"{SVG}text")]


JOBS = [job("build"), job("test", "build"), job("hold", "test", kind="approval")]


def test_every_job_is_in_the_picture_once() -> None:
    root = parsed(graph_svg(JOBS))
    assert [node.get("data-job") for node in root.iter(f"{SVG}g") if node.get("data-job")] == [
        "build",
        "test",
        "hold",
    ]
    assert texts(root) == ["build", "test", "hold", "approval"]


def test_names_and_details_are_escaped() -> None:
    svg = graph_svg([job(NASTY), job("b", NASTY)], title=NASTY, marks={"b": JobMark(link=NASTY)})
    root = parsed(svg)
    assert NASTY in texts(root)
    assert not list(root.iter(f"{SVG}script"))
    assert root.get("aria-label") == f"{NASTY}: 2 jobs"


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5, unique=True))
def test_any_name_gives_a_well_formed_picture(names: list[str]) -> None:
    jobs = [job(name, *names[:index]) for index, name in enumerate(names)]
    root = parsed(graph_svg(jobs, title=names[0]))
    assert len([node for node in root.iter(f"{SVG}g") if node.get("data-job")]) == len(names)


def test_each_status_has_a_shape_of_its_own_and_a_word() -> None:
    jobs = [job(status) for status in STATUS_WORDS]
    marks = {status: JobMark(status, seconds=12.0) for status in STATUS_WORDS}
    root = parsed(graph_svg(jobs, marks=marks))
    shapes = set()
    for node in root.iter(f"{SVG}g"):
        name = node.get("data-job")
        if not name:
            continue
        mark = next(child for child in node if child.tag == f"{SVG}g")
        shapes.add("".join(ElementTree.tostring(child, encoding="unicode") for child in mark))
        assert STATUS_WORDS[name] in (node.get("aria-label") or "")
        assert "12s" in (node.get("aria-label") or "")
    assert len(shapes) == len(STATUS_WORDS)


def test_without_marks_there_is_no_room_for_them() -> None:
    plain = parsed(graph_svg(JOBS)).get("width")
    marked = parsed(graph_svg(JOBS, marks={"build": JobMark("success")})).get("width")
    assert float(plain or 0) < float(marked or 0)


def test_a_job_with_a_link_is_one() -> None:
    root = parsed(graph_svg(JOBS, marks={"test": JobMark("failed", link="#test")}))
    (link,) = root.iter(f"{SVG}a")
    assert link.get("href") == "#test"
    assert [node.get("data-job") for node in link] == ["test"]


def test_pointing_at_a_job_shows_its_details_where_that_is_wanted() -> None:
    root = parsed(graph_svg(JOBS, marks={"build": JobMark("failed", 3)}))
    first = next(iter(root.iter(f"{SVG}title"))).text or ""
    assert first.splitlines() == ["build", "failed, 3.0s", f"runs in: {NASTY}"]
    assert "<title>" not in graph_svg(JOBS, tooltips=False)


def test_an_ending_other_than_success_is_written_at_a_broken_line() -> None:
    jobs = [job("a"), GraphJob("b", (JobRequirement("a", ("failed",)),)), job("c", "a")]
    root = parsed(graph_svg(jobs))
    assert "failed" in texts(root)
    looks = [node.get("class") or "" for node in root.iter(f"{SVG}path")]
    assert sum("og-if" in look for look in looks) == 1


def test_everything_stands_inside_of_the_picture() -> None:
    root = parsed(
        graph_svg([job(f"job-{n}", *(f"job-{m}" for m in range(n % 4))) for n in range(30)])
    )
    width, height = float(root.get("width") or 0), float(root.get("height") or 0)
    for card in root.iter(f"{SVG}rect"):
        if card.get("class") != "og-card":
            continue
        x, y, wide, high = (float(card.get(key) or 0) for key in ("x", "y", "width", "height"))
        assert x >= 0
        assert y >= 0
        assert x + wide <= width
        assert y + high <= height


def test_in_a_page_a_picture_brings_no_style_and_no_ids() -> None:
    svg = graph_svg(JOBS, standalone=False)
    assert "<style>" not in svg
    assert not re.search(r"\bid=", graph_svg(JOBS))


def test_several_workflows_are_one_picture() -> None:
    root = parsed(stacked_svg([("first", JOBS), ("second & last", [job("x")])]))
    assert "second & last" in texts(root)
    inner = [node for node in root if node.tag == f"{SVG}svg"]
    begin, end = float(inner[0].get("y") or 0), float(inner[1].get("y") or 0)
    assert end >= begin + float(inner[0].get("height") or 0)


FLOW = WorkflowOverview(
    "main",
    "starts",
    "starts for branch main",
    (JobOverview("build", executor=NASTY), JobOverview(NASTY, requires=(JobRequirement("build"),))),
    (LeftOut("deploy", f"its filters: only branches {NASTY}"),),
    "config.yml:3:3",
)


class Page(HTMLParser):
    """Counts elements, and keeps what stands in scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script":
            self.scripts.append(data)


def test_a_page_needs_nothing_from_elsewhere_and_escapes_everything() -> None:
    page = Page(graph_page([FLOW], title=NASTY, subtitle=NASTY))
    assert page.tags.count("script") == 2
    assert page.addresses == []
    assert page.tags.count("svg") == 1


def test_a_page_knows_each_jobs_details() -> None:
    page = Page(graph_page([FLOW], title="config.yml"))
    known = json.loads(page.scripts[0])
    assert known[0]["build"] == [["runs in", NASTY]]
    assert known[0][NASTY] == [["requires", "build"]]


def test_a_page_lists_what_is_left_out_and_draws_nothing_for_a_workflow_without_jobs() -> None:
    flow = WorkflowOverview("nightly", "skipped", "when: false", left_out=(LeftOut("e2e", ""),))
    text = graph_page([FLOW, flow], title="config.yml")
    assert "only branches" in text
    assert Page(text).tags.count("svg") == 1


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="wait for each other"):
        graph_svg([job("a", "b"), job("b", "a")])
