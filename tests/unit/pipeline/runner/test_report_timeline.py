"""The bars of a run's timeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from pipeline.runner.critical_path import path_of_run
from pipeline.runner.record import WorkflowRecord
from pipeline.runner.report_model import read_report
from pipeline.runner.report_timeline import Bar, render_timeline, timeline_bars
from tests.report_runs import BEGAN, RunBuilder, rails_run


def test_a_bar_begins_when_its_steps_do_and_its_wait_when_what_it_needs_has_ended(
    tmp_path: Path,
) -> None:
    record, folder = rails_run(tmp_path)
    critical = frozenset((part.workflow, part.name) for part in path_of_run(record))
    bars = {bar.label: bar for bar in timeline_bars(read_report(record, folder), critical)}
    assert list(bars) == ["build", "lint", "test", "release?"][:3]
    build, test = bars["build"], bars["test"]
    assert (build.free_at, round(build.start, 3)) == (0.0, 1.6)
    assert round(test.free_at, 3) == round(build.end, 3)
    assert round(test.start, 3) == 24.6
    assert [name for name, bar in bars.items() if bar.is_critical] == ["build", "test"]
    assert [step[2] for step in test.steps] == ["success", "success", "failed", "success"]


def test_every_attempt_has_its_bar_and_what_was_taken_over_none(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    job = make.job("a", 0, [make.step("a", 0, "x", 0, 1)])
    kept = replace(job, name="b", kept_from="20300101-000000-aaaaaa")
    (first,) = make.record([job, kept]).workflows
    later = replace(job, started_at=BEGAN + 2)
    record = make.record(first, replace(first, attempt=2, jobs=(later, kept)))
    labels = [bar.label for bar in timeline_bars(read_report(record, make.folder), frozenset())]
    assert sorted(labels) == ["a", "a (attempt 1)"]


def test_nothing_is_drawn_outside_and_short_things_can_be_seen() -> None:
    bars = (
        Bar("long", "long", "success", 0, 0, 1000),
        Bar(
            "short <&>",
            "short",
            "failed",
            990,
            999.9,
            1000,
            True,
            (("s", "x", "failed", 999.9, 1000),),
        ),
    )
    drawn = ElementTree.fromstring(f"<div>{render_timeline(bars, 1000)}</div>")
    spans = [
        (float(rect.get("x", "").rstrip("%")), float(rect.get("width", "").rstrip("%")))
        for rect in drawn.iter("rect")
    ]
    assert len(spans) == 5
    assert all(x >= 0 and width >= 0.25 and x + width <= 100.01 for x, width in spans)


def test_what_a_rerun_took_over_is_drawn_once_and_the_rest_waited_for_the_attempt_before(
    tmp_path: Path,
) -> None:
    make = RunBuilder(tmp_path)
    build = make.job("build", 0, [make.step("build", 0, "x", 0, 1)])
    failed = make.job(
        "test", 1, [make.step("test", 0, "x", 1, 4, status="failed")], after=["build"]
    )
    again = make.job("test", 5.5, [make.step("test-2", 0, "x", 5.5, 4)], after=["build"])
    first = WorkflowRecord("main", 1, "failed", (build, failed))
    second = WorkflowRecord("main", 2, "success", (build, again))
    data = read_report(make.record(first, second), make.folder)
    bars = timeline_bars(data, frozenset())
    assert [(bar.label, bar.free_at, bar.start) for bar in bars] == [
        ("build", 0, 0),
        ("test (attempt 1)", 1, 1),
        ("test", 5, 5.5),
    ]
