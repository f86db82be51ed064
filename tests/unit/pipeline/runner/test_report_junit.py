"""A run as JUnit XML, read back by the runner's own reader and by Python's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from pipeline.runner.model import JobResult
from pipeline.runner.record import JobRecord, RunRecord, WorkflowRecord
from pipeline.runner.report_junit import render_junit
from pipeline.runner.report_model import read_report
from pipeline.runner.test_results import CaseResult, parse_junit
from tests.report_runs import BEGAN, RunBuilder, rails_run


def xml(record: RunRecord, folder: Path) -> str:
    return render_junit(read_report(record, folder))


def read(text: str) -> list[CaseResult]:
    found = parse_junit(text.encode(), "report.xml")
    assert found.warnings == ()
    return list(found.cases)


def test_each_step_is_a_case_and_each_stored_test_one_in_a_suite_of_its_own(tmp_path: Path) -> None:
    cases = read(xml(*rails_run(tmp_path)))
    of_test = [
        (case.name, case.outcome, case.time_s) for case in cases if case.suite == "main/test"
    ]
    assert of_test == [
        ("Checkout code", "passed", 0.3),
        ("Wait for PostgreSQL", "passed", 3.1),
        ("Run tests", "failed", 14.0),
        ("Uploading test results", "passed", 0.4),
        ("Tell the team", "skipped", 0.0),
    ]
    stored = [case for case in cases if case.suite == "main/test: rspec"]
    assert [case.outcome for case in stored] == ["passed", "passed", "failed", "skipped"]
    assert stored[2].name == "Order rounds the tax"
    assert stored[2].file == "./spec/models/order_spec.rb"
    assert "got: 189" in stored[2].message


def test_a_failure_says_the_exit_code_where_it_is_written_and_the_last_lines(
    tmp_path: Path,
) -> None:
    root = ElementTree.fromstring(xml(*rails_run(tmp_path)))
    case = root.find(".//testsuite[@name='main/test']/testcase[@name='Run tests']")
    assert case is not None
    assert (case.get("file"), case.get("line"), case.get("classname")) == (
        ".circleci/config.yml",
        "31",
        "main/test",
    )
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "Run tests failed with exit code 1"
    lines = (failure.text or "").splitlines()
    assert lines[0] == "written at .circleci/config.yml:31:9"
    assert lines[-1] == "Exited with code exit status 1"
    assert "       expected: #<Money fractional:190 currency:EUR>" in lines


def test_the_counts_are_those_of_the_cases(tmp_path: Path) -> None:
    root = ElementTree.fromstring(xml(*rails_run(tmp_path)))
    for suite in (root, *root):
        for count, element in (
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            assert int(suite.get(count, "")) == len(list(suite.iter(element)))
        assert int(suite.get("tests", "")) == len(list(suite.iter("testcase")))


def test_a_job_without_steps_is_a_case_that_says_why(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    broken = JobRecord(
        "broken",
        "build",
        status="failed",
        reason="no image",
        started_at=BEGAN,
        instances=(JobResult("broken", 0, "failed", 0.0, reason="no image", where="c.yml:4:9"),),
    )
    waits = JobRecord("release", "approval", status="on_hold", reason="waits for approval")
    nothing = JobRecord("nothing", "no-op", status="success")
    record = make.record([broken, waits, nothing])
    found = [(case.name, case.outcome, case.message) for case in read(xml(record, make.folder))]
    assert found == [
        ("job", "error", "no image"),
        ("approval", "skipped", "waits for approval"),
        ("no-op", "passed", ""),
    ]
    case = ElementTree.fromstring(xml(record, make.folder)).find(".//testcase[@name='job']")
    assert case is not None
    assert (case.get("file"), case.get("line")) == ("c.yml", "4")


def test_instances_are_suites_of_their_own_and_earlier_attempts_are_left_out(
    tmp_path: Path,
) -> None:
    make = RunBuilder(tmp_path)
    job = make.job("a", 0, [make.step("a", 0, "x", 0, 1)])
    two = replace(
        job,
        parallelism=2,
        instances=tuple(replace(job.instances[0], node_index=number) for number in (0, 1)),
    )
    first = WorkflowRecord("main", 1, "failed", (replace(job, status="failed"),))
    second = WorkflowRecord("main", 2, "success", (two,))
    cases = read(xml(make.record(first, second), make.folder))
    assert [case.suite for case in cases] == ["main/a[0]", "main/a[1]"]


def test_what_xml_cannot_hold_is_left_out_and_the_rest_escaped(tmp_path: Path) -> None:
    make = RunBuilder(tmp_path)
    name = "a\x00b \"c\" <d> & 'e'\nf\ufffe"
    step = make.step("a", 0, name, 0, 1, "]]> & <x>\x01\n", status="failed", exit_code=2)
    record = make.record([make.job("a", 0, [step])])
    case = read(xml(record, make.folder))[0]
    assert case.name == "a\ufffdb \"c\" <d> & 'e'\nf\ufffd"
    assert case.message.endswith("]]> & <x>")
