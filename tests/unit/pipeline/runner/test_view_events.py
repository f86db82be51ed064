"""A run as events for machines."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.output import Console
from pipeline.runner.record import RunRecord
from pipeline.runner.view import open_view
from tests.unit.pipeline.runner.view_runs import WHERE, Told, record_of

SECRET = 'hunter2"hunter2'


def events(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_run_is_told_event_by_event(tmp_path: Path) -> None:
    out, err = io.StringIO(), io.StringIO()
    console = Console(out=out, err=err, colour=False)
    console.masker.add(SECRET)
    with open_view(console, "events") as view:
        told = Told(view, tmp_path)
        view.run_started(RunRecord("20300101-000000-abcdef", branch="main"))
        flow = told.workflow("test")
        view.job_changed(flow, record_of("test", "running"))
        spec = told.begin("test", index=1, parallelism=2)
        step = told.step(spec, f"Say {SECRET}", 2)
        told.output(step, "its output is in the log")
        result = told.end_step(step, "failed", 3)
        told.end(spec, "failed", result)
        console.warning("said by somebody else")
        view.run_finished(RunRecord("20300101-000000-abcdef", status="failed"), tmp_path)
    found = events(out)
    assert [event["event"] for event in found] == [
        "run_started",
        "workflow_started",
        "job_changed",
        "instance_started",
        "step_started",
        "step_ended",
        "instance_ended",
        "run_ended",
    ]
    assert all(datetime.fromisoformat(event["at"]).tzinfo for event in found)
    started, ended = found[4], found[5]
    place = {"workflow": "main", "job": "test", "node_index": 1, "step": 2, "type": "run"}
    assert place.items() <= started.items()
    assert place.items() <= ended.items()
    assert (started["where"], started["log"]) == (WHERE, step.start.log)
    assert (ended["status"], ended["exit_code"], ended["seconds"]) == ("failed", 3, 1.25)
    assert found[-1]["status"] == "failed"
    assert started["name"] == "Say ****"
    assert "hunter2" not in out.getvalue()
    assert err.getvalue() == "  ! warning: said by somebody else\n"
