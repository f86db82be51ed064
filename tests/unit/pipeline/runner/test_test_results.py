"""JUnit XML of many dialects is read, and what is wrong with it does no harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runner.test_results import (
    CaseResult,
    parse_junit,
    read_results,
    summarise,
    timings_of,
)

RSPEC = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="rspec" tests="3" skipped="1" failures="1" errors="0" time="1.5">
  <properties><property name="seed" value="1"/></properties>
  <testcase classname="user_spec" name="User is valid" file="./spec/models/user_spec.rb" time="0.5"/>
  <testcase classname="user_spec" name="User saves" file="./spec/models/user_spec.rb" time="1.0">
    <failure message="expected true" type="Expectation">expected true
      got false &lt;here&gt;</failure>
    <system-out>noise</system-out>
  </testcase>
  <testcase classname="cart_spec" name="Cart" file="./spec/cart_spec.rb" time="0"><skipped/></testcase>
</testsuite>
"""


def test_the_cases_of_a_suite_are_read() -> None:
    read = parse_junit(RSPEC, "rspec.xml")
    assert read.warnings == ()
    assert [(case.name, case.outcome, case.time_s) for case in read.cases] == [
        ("User is valid", "passed", 0.5),
        ("User saves", "failed", 1.0),
        ("Cart", "skipped", 0.0),
    ]
    assert read.cases[1] == CaseResult(
        "User saves",
        "user_spec",
        "rspec",
        "./spec/models/user_spec.rb",
        1.0,
        "failed",
        "expected true\n      got false <here>",
    )


@pytest.mark.parametrize(
    ("case", "outcome", "message"),
    [
        ('<error message="boom" type="E"/>', "error", "boom"),
        ("<error>boom</error>", "error", "boom"),
        ('<failure message="a">trace</failure>', "failed", "a\ntrace"),
        ('<failure message="a"/><error message="b"/>', "failed", "a\nb"),
        ('<skipped message="later"/>', "skipped", "later"),
        ('<flakyFailure message="once"/>', "passed", ""),
        ("<system-err>x</system-err>", "passed", ""),
    ],
)
def test_each_outcome_has_its_words(case: str, outcome: str, message: str) -> None:
    document = f'<testsuite name="s"><testcase name="n">{case}</testcase></testsuite>'
    (read,) = parse_junit(document.encode(), "x").cases
    assert (read.outcome, " ".join(read.message.split())) == (outcome, " ".join(message.split()))


def test_suites_within_suites_hand_on_their_file() -> None:
    document = (
        b'<testsuites name="jest"><testsuite name="outer" file="a.test.js"><testsuite name="inner">'
        b'<testcase name="x" time="1,234.5"/></testsuite><testcase name="y" time="oops"/></testsuite>'
        b'<testcase name="z" status="notrun"/></testsuites>'
    )
    cases = parse_junit(document, "x").cases
    assert [(case.suite, case.file, case.time_s) for case in cases] == [
        ("inner", "a.test.js", 1234.5),
        ("outer", "a.test.js", 0),
        ("jest", "", 0),
    ]
    assert cases[2].outcome == "skipped"


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"no xml",
        b"<testsuite><testcase name='a'></testsuite>",
        b"<?xml version='1.0' encoding='no-such'?><testsuite/>",
        b"\xff\xfe\x00",
        b"</failure></testcase>",
        b"<failure>x</failure>",
    ],
)
def test_malformed_xml_is_a_warning_that_names_the_file(document: bytes) -> None:
    read = parse_junit(document, "results/bad.xml")
    assert read.cases == ()
    assert all(warning.startswith("results/bad.xml: not ") for warning in read.warnings)


def test_the_cases_before_a_broken_place_count() -> None:
    read = parse_junit(b'<testsuite><testcase name="a"/><testcase name="b" <', "cut.xml")
    assert [case.name for case in read.cases] == ["a"]
    assert "the 1 tests before it count" in read.warnings[0]


@pytest.mark.parametrize(
    "declaration",
    [
        '<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">',
        '<!ENTITY a SYSTEM "file:///etc/passwd">',
    ],
)
def test_entities_are_not_expanded(declaration: str) -> None:
    document = f'<!DOCTYPE x [{declaration}]><testsuite><testcase name="&a;"/></testsuite>'
    read = parse_junit(document.encode(), "x.xml")
    assert read.cases == ()
    assert "document type" in read.warnings[0]


@given(st.binary() | st.text(alphabet="<>/ testcaeuifrl=\"'&;").map(str.encode))
def test_no_document_breaks_the_reading(document: bytes) -> None:
    assert parse_junit(document, "x").files == 1


def test_a_long_failure_is_cut() -> None:
    document = b'<testcase name="a"><failure>' + b"x" * 10**6 + b"</failure></testcase>"
    (case,) = parse_junit(document, "x").cases
    assert len(case.message) < 11_000


def test_all_files_below_a_folder_are_read_in_order(tmp_path: Path) -> None:
    for name in ("b/two.xml", "a.XML", "b/.hidden/no.xml", "notes.txt", "c.xml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'<testcase name="{name}"/>')
    (tmp_path / "c.xml").write_text("<broken")
    read = read_results(tmp_path)
    assert [case.name for case in read.cases] == ["a.XML", "b/two.xml"]
    assert read.files == 3
    assert len(read.warnings) == 1
    assert read_results(tmp_path / "b" / "two.xml").cases[0].name == "b/two.xml"


def test_a_link_does_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "secret.xml").write_text('<testcase name="secret"/>')
    results = tmp_path / "results"
    results.mkdir()
    (results / "link.xml").symlink_to(tmp_path / "secret.xml")
    (results / "loop.xml").symlink_to(results / "inner.xml")
    (results / "folder").symlink_to(tmp_path)
    assert read_results(results).cases == ()


@pytest.mark.parametrize("name", ["missing", ".hidden", "empty"])
def test_a_path_without_results_is_a_warning(tmp_path: Path, name: str) -> None:
    if name != "missing":
        (tmp_path / name).mkdir()
    read = read_results(tmp_path / name)
    assert read.cases == ()
    assert name in read.warnings[0]


def test_a_summary_has_totals_the_slowest_and_the_failures() -> None:
    cases = [
        CaseResult("a", time_s=1),
        CaseResult("b", time_s=3, outcome="failed", message="m"),
        CaseResult("c", outcome="error"),
        CaseResult("d", time_s=2, outcome="skipped"),
    ]
    summary = summarise(cases, slowest=2)
    assert (summary.total, summary.passed, summary.failed, summary.errors, summary.skipped) == (
        4,
        1,
        1,
        1,
        1,
    )
    assert summary.time_s == 6
    assert [case.name for case in summary.slowest] == ["b", "d"]
    assert [case.name for case in summary.failures] == ["b", "c"]


def test_timings_add_up_by_file_class_and_name() -> None:
    timings = timings_of(parse_junit(RSPEC, "x").cases)
    assert timings.filename == {"spec/models/user_spec.rb": 1.5}
    assert timings.classname == {"user_spec": 1.5}
    assert timings.testname == {"User is valid": 0.5, "User saves": 1.0, "rspec": 1.5}
