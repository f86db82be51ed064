"""A run as JUnit XML: a suite for each instance of a job with a case for each step, and its stored tests.

The dialect is the one that most readers take: ``testsuites``, ``testsuite``, ``testcase`` with
``failure``, ``error`` or ``skipped`` in it, ``system-out`` last. ``file`` and ``line`` say where a step
is written; readers that do not know them pass over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from pipeline.runner.model import JobResult
from pipeline.runner.record import JobRecord, status_words
from pipeline.runner.report_log import LogLimits, read_log, tail_texts
from pipeline.runner.report_model import (
    ReportData,
    ReportFlow,
    ReportInstance,
    ReportJob,
    ReportStep,
)
from pipeline.runner.report_text import xml_text
from pipeline.runner.test_results import CaseResult

__all__ = ["render_junit"]

_LAST_LINES = 50
_TAIL = LogLimits(_LAST_LINES, 50_000)
_NOT_WELL = frozenset({"failed", "timedout", "unauthorized", "canceled"})


@dataclass(frozen=True, slots=True)
class _Case:
    """A case: ``outcome`` is the name of the element in it, "" for one that went well."""

    name: str
    classname: str
    seconds: float = 0.0
    outcome: str = ""
    message: str = ""
    text: str = ""
    file: str = ""
    line: str = ""


@dataclass(frozen=True, slots=True)
class _Suite:
    name: str
    cases: tuple[_Case, ...]
    seconds: float
    started_at: float | None = None
    properties: dict[str, str] = field(default_factory=dict)

    def count(self, outcome: str) -> int:
        return sum(case.outcome == outcome for case in self.cases)


def render_junit(data: ReportData) -> str:
    """Return the run's last attempts, and the tests that their jobs stored."""
    suites = [*_step_suites(data), *_test_suites(data)]
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    total = _counts(suites)
    name = _attributes(name=f"orbyard {data.record.id}", **total, time=_time(data.record.seconds))
    lines.append(f"<testsuites{name}>")
    for suite in suites:
        lines += _suite_lines(suite)
    lines.append("</testsuites>\n")
    return "\n".join(lines)


def _counts(suites: Iterable[_Suite]) -> dict[str, str]:
    suites = list(suites)
    return {
        "tests": str(sum(len(suite.cases) for suite in suites)),
        "failures": str(sum(suite.count("failure") for suite in suites)),
        "errors": str(sum(suite.count("error") for suite in suites)),
        "skipped": str(sum(suite.count("skipped") for suite in suites)),
    }


# The run itself


def _step_suites(data: ReportData) -> Iterator[_Suite]:
    for flow in data.flows:
        for job in flow.jobs if flow.is_last else ():
            for instance in job.instances:
                yield _instance_suite(data, flow, job, instance)
            if not job.instances:
                yield _job_suite(data, flow, job)


def _instance_suite(
    data: ReportData, flow: ReportFlow, job: ReportJob, instance: ReportInstance
) -> _Suite:
    result = instance.result
    classname = _classname(data, flow, instance.label)
    cases = [_step_case(data, step, classname) for step in instance.steps]
    told = any(case.outcome == "failure" for case in cases)
    if result.status in _NOT_WELL and not told:
        cases.append(_job_case(data, job, classname, result))
    properties = {"workflow": data.mask(flow.record.name), "status": result.status}
    if job.record.executor:
        properties["executor"] = data.mask(job.record.executor)
    if job.record.kept_from:
        properties["taken over from"] = job.record.kept_from
    return _Suite(classname, tuple(cases), result.seconds, result.started_at, properties)


def _job_suite(data: ReportData, flow: ReportFlow, job: ReportJob) -> _Suite:
    record = job.record
    classname = _classname(data, flow, job.label)
    case = _job_case(data, job, classname, record)
    properties = {"workflow": data.mask(flow.record.name), "status": record.status}
    return _Suite(classname, (case,), record.seconds, record.started_at, properties)


def _classname(data: ReportData, flow: ReportFlow, label: str) -> str:
    name = data.mask(flow.record.name)
    return label if label.startswith(f"{name}/") else f"{name}/{label}"


def _job_case(
    data: ReportData, job: ReportJob, classname: str, ended: JobResult | JobRecord
) -> _Case:
    status = ended.status
    outcome = "error" if status in _NOT_WELL else "" if status == "success" else "skipped"
    message = data.mask(ended.reason) or status_words(status) if outcome else ""
    file, line = _place(data.mask(ended.where or job.record.where))
    name = job.record.type if job.record.type != "build" else "job"
    return _Case(name, classname, job.record.seconds, outcome, message, "", file, line)


def _step_case(data: ReportData, step: ReportStep, classname: str) -> _Case:
    result = step.result
    where = data.mask(result.where)
    file, line = _place(where)
    outcome = {"failed": "failure", "skipped": "skipped", "not_run": "skipped"}.get(
        result.status, ""
    )
    message = text = ""
    if outcome == "failure":
        code = f" with exit code {result.exit_code}" if result.exit_code is not None else ""
        message = f"{result.name} failed{code}"
        excerpt = read_log(step.log, _TAIL) if step.log is not None else None
        lines = tail_texts(excerpt, _LAST_LINES) if excerpt is not None else []
        text = "\n".join([f"written at {where}", *lines])
    elif outcome:
        message = "left out" if result.status == "skipped" else "the run was stopped"
    return _Case(result.name, classname, result.seconds, outcome, message, text, file, line)


def _place(where: str) -> tuple[str, str]:
    """Return file and line of ``.circleci/config.yml:31:9``."""
    parts = where.rsplit(":", 2)
    if len(parts) == 3 and parts[1].isdecimal():
        return parts[0], parts[1]
    file, _, line = where.rpartition(":")
    return (file, line) if line.isdecimal() and file else (where, "")


# The tests that jobs stored


def _test_suites(data: ReportData) -> Iterator[_Suite]:
    for flow in data.flows:
        for job in flow.jobs if flow.is_last else ():
            for instance in job.instances:
                classname = _classname(data, flow, instance.label)
                for name, cases in groupby(instance.tests, key=lambda case: case.suite):
                    tests = tuple(_test_case(case) for case in cases)
                    seconds = sum(test.seconds for test in tests)
                    yield _Suite(f"{classname}: {name or 'tests'}", tests, seconds)


def _test_case(case: CaseResult) -> _Case:
    outcome = {"failed": "failure", "error": "error", "skipped": "skipped"}.get(case.outcome, "")
    message = case.message.strip().partition("\n")[0]
    text = case.message if outcome in ("failure", "error") else ""
    return _Case(case.name, case.classname, case.time_s, outcome, message, text, case.file)


# XML


def _suite_lines(suite: _Suite) -> Iterator[str]:
    started = ""
    if suite.started_at is not None:
        started = datetime.fromtimestamp(suite.started_at, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    counts = _counts([suite])
    head = _attributes(name=suite.name, **counts, time=_time(suite.seconds), timestamp=started)
    yield f"  <testsuite{head}>"
    if suite.properties:
        yield "    <properties>"
        for name, value in suite.properties.items():
            yield f"      <property{_attributes(name=name, value=value)}/>"
        yield "    </properties>"
    for case in suite.cases:
        yield from _case_lines(case)
    yield "  </testsuite>"


def _case_lines(case: _Case) -> Iterator[str]:
    head = "    <testcase" + _attributes(
        name=case.name or "?",
        classname=case.classname,
        time=_time(case.seconds),
        file=case.file,
        line=case.line,
    )
    if not case.outcome:
        yield f"{head}/>"
        return
    kind = _attributes(message=case.message, type="" if case.outcome == "skipped" else case.outcome)
    text = escape(xml_text(case.text))
    body = f"<{case.outcome}{kind}>{text}</{case.outcome}>" if text else f"<{case.outcome}{kind}/>"
    yield f"{head}>\n      {body}\n    </testcase>"


def _attributes(**values: str) -> str:
    """Return attributes; those without a value are left out."""
    return "".join(
        f" {name}={quoteattr(xml_text(value), {chr(10): '&#10;', chr(9): '&#9;'})}"
        for name, value in values.items()
        if value
    )


def _time(seconds: float) -> str:
    return f"{seconds:.3f}"
