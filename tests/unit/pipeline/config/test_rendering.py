"""How findings look: in a terminal, one a line, and as JSON."""

from __future__ import annotations

import json
import re

import pytest

from pipeline.config.compiler import check
from pipeline.config.excerpts import end_of_place, harmless
from pipeline.config.findings import Call, Finding
from pipeline.config.nodes import Source
from pipeline.config.rendering import findings_json, findings_short, render_findings
from pipeline.errors import Location

FILE = ".circleci/config.yml"


def finding(
    line: str,
    column: int,
    *,
    code: str = "unknown-key",
    severity: str = "error",
    message: str = "extraneous key [imag] is not permitted",
    number: int = 12,
    hint: str | None = None,
    before: str = "",
    calls: tuple[Call, ...] = (),
) -> Finding:
    where = Location(FILE, number, column, "jobs.build")
    return Finding(code, severity, message, where, hint, calls, line, before)  # type: ignore[arg-type]  # a literal


def marked(shown: str) -> str:
    """The part of the source that stands above the carets."""
    lines = shown.splitlines()
    at = next(i for i, line in enumerate(lines) if re.fullmatch(r" *\| *\^+", line))
    carets = lines[at]
    return lines[at - 1][carets.index("^") : carets.rindex("^") + 1]


def test_a_finding_is_shown_with_its_place_its_line_and_what_to_do() -> None:
    found = finding(
        '      - {imag: "cimg/base:1"}', 10, hint="did you mean 'image'?", before="    docker:"
    )
    assert render_findings([found]) == "\n".join(
        [
            "error[unknown-key]: extraneous key [imag] is not permitted",
            "  --> .circleci/config.yml:12:10 (jobs.build)",
            "   |",
            "11 |     docker:",
            '12 |       - {imag: "cimg/base:1"}',
            "   |          ^^^^",
            "   = help: did you mean 'image'?",
            "",
            "1 error",
        ]
    )


def test_the_calls_that_lead_to_a_finding_stand_below_it_from_the_outside_in() -> None:
    text = """\
version: 2.1
orbs:
  tools:
    commands:
      go: {steps: [{run: "echo << parameters.bug >>"}]}
jobs:
  build:
    docker: [{image: cimg/base:2024.02}]
    steps: [tools/go]
workflows:
  main:
    jobs: [build]
"""
    shown = render_findings(check(Source(FILE, text), disabled=["unused-orb"]))
    assert shown.splitlines()[-5:] == [
        "  = Error calling workflow: 'main' (.circleci/config.yml:11:3)",
        "  = Error calling job: 'build' (.circleci/config.yml:12:12)",
        "  = Error calling command: 'tools/go' (.circleci/config.yml:9:13)",
        "",
        "1 error",
    ]
    assert marked(shown) == "<< parameters.bug >>"


def test_several_findings_are_separated_by_an_empty_line_and_counted() -> None:
    shown = render_findings(
        [
            finding("a: 1", 1),
            finding("b: 1", 1, number=13),
            finding("c: 1", 1, number=14, severity="warning"),
        ]
    )
    blocks = shown.split("\n\n")
    assert [block.split("[")[0] for block in blocks] == [
        "error",
        "error",
        "warning",
        "2 errors, 1 warning",
    ]


def test_without_findings_nothing_is_shown() -> None:
    assert render_findings([]) == ""
    assert findings_short([]) == ""


@pytest.mark.parametrize(
    ("line", "column", "part"),
    [
        ("    image: cimg/base:1 # pinned", 12, "cimg/base:1"),
        ("    image: cimg/base:1", 5, "image"),
        ('    "two words": 1', 5, '"two words"'),
        ("    name: 'it''s' # x", 11, "'it''s'"),
        ("    steps: [checkout, test]", 13, "checkout"),
        ("    steps: [checkout, test]", 12, "[checkout, test]"),
        ("    docker: [{image: a, user: b}]", 14, "{image: a, user: b}"),
        ("    run: echo << parameters.x >> now", 15, "<< parameters.x >>"),
        ("    - run: x", 5, "-"),
        ("    command: |", 14, "|"),
        ("    <<: *defaults", 9, "*defaults"),
        ("    words: one two  three   ", 12, "one two  three"),
        ("    url: http://example.com", 10, "http://example.com"),
    ],
)
def test_the_whole_key_or_value_is_underlined(line: str, column: int, part: str) -> None:
    assert marked(render_findings([finding(line, column)])) == part


def test_carets_stand_below_the_place_behind_tabs_and_wide_characters() -> None:
    behind_tab = render_findings([finding("\t\tkey: value", 8)])
    assert marked(behind_tab) == "value"
    wide = render_findings([finding("名前: 値段 # x", 5)]).splitlines()
    # Each of these characters takes two columns of a terminal.
    assert wide[-3:-1] == ["   |       ^^^^", ""]


@pytest.mark.parametrize("column", [11, 400, 779])
def test_a_long_line_is_cut_around_the_place(column: int) -> None:
    line = "command: " + "x" * (column - 11) + " here " + "y" * (785 - column)
    shown = render_findings([finding(line, column)], width=60)
    assert all(len(row) <= 60 for row in shown.splitlines()[2:])
    assert "…" in shown
    assert marked(shown).startswith("here")


def test_a_line_of_millions_of_characters_is_shown_at_once() -> None:
    line = "a: [" + "x, " * 1_000_000 + "]"
    shown = render_findings([finding(line, 1_500_002)] * 200, width=80)
    assert len(shown) < 200 * 500
    assert marked(shown).startswith("x, ")


def test_a_secret_is_not_printed_by_any_finding_on_its_line_or_below_it() -> None:
    line = "      DATABASE_URL: postgres://hoge:hunter22@db/hoge"
    found = [
        finding(line, 21, code="plain-secret", severity="warning", message="a password in a URL"),
        finding(line, 7, code="unknown-key"),
        finding("      OTHER: 1", 7, number=13, before=line),
    ]
    for shown in (render_findings(found), findings_short(found), findings_json(found)):
        assert "hunter22" not in shown
    assert "a password in a URL" in render_findings(found)
    assert "13 |       OTHER: 1" in render_findings(found)


def test_control_characters_of_the_source_are_made_visible() -> None:
    found = finding(
        "key: \x1b[2Jvalue\u202egnp.exe\x07",
        1,
        message='found "\x1b]0;title\x07"',
        hint="write \x9b31m",
        before="\x1b[31mred",
    )
    shown = render_findings([found])
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown)
    assert "␛[2Jvalue<U+202E>gnp.exe␇" in shown
    assert "\x1b" not in findings_short([found])


def test_a_lone_surrogate_can_be_printed() -> None:
    found = finding("key: \ud800", 1, message="found \ud800")
    for text in (render_findings([found]), findings_short([found]), findings_json([found])):
        text.encode("utf-8")


def test_colour_adds_escape_sequences_and_nothing_else() -> None:
    found = [
        finding("key: 1", 1, hint="do", before="x: 1"),
        finding("b: 1", 1, severity="warning"),
    ]
    plain, coloured = render_findings(found), render_findings(found, colour=True)
    assert coloured.startswith("\x1b[1;31merror[unknown-key]\x1b[0m")
    assert "\x1b[1;33mwarning" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_a_finding_without_a_line_has_no_excerpt() -> None:
    found = Finding("not-a-mapping", "error", "the configuration is empty", Location(FILE, 1, 1))
    assert render_findings([found]).splitlines() == [
        "error[not-a-mapping]: the configuration is empty",
        " --> .circleci/config.yml:1:1",
        "",
        "1 error",
    ]


def test_the_line_before_comes_from_the_source() -> None:
    text = "version: 2.1\njobs:\n  build:\n    docker: [{image: a}]\n    steps: checkout\n"
    (found,) = [f for f in check(Source(FILE, text)) if f.code == "wrong-type"]
    assert (found.line_before, found.line_text) == (
        "    docker: [{image: a}]",
        "    steps: checkout",
    )
    (first,) = check(Source(FILE, "[]"))
    assert (first.line_before, first.line_text) == ("", "[]")


def test_the_short_form_is_one_line_for_each_finding() -> None:
    found = [finding("a: 1", 3, message="two\nlines"), finding("b: 1", 1, severity="warning")]
    assert findings_short(found).splitlines() == [
        ".circleci/config.yml:12:3: error: two lines [unknown-key]",
        ".circleci/config.yml:12:1: warning: extraneous key [imag] is not permitted [unknown-key]",
    ]


def test_json_says_whether_it_is_valid_and_has_every_finding() -> None:
    call = Call("job", "build", Location(FILE, 20, 7))
    document = json.loads(findings_json([finding("a: 1", 3, hint="do", calls=(call,))]))
    assert document == {
        "version": 1,
        "valid": False,
        "findings": [
            {
                "code": "unknown-key",
                "severity": "error",
                "message": "extraneous key [imag] is not permitted",
                "file": FILE,
                "line": 12,
                "column": 3,
                "path": "jobs.build",
                "hint": "do",
                "calls": [{"kind": "job", "name": "build", "file": FILE, "line": 20, "column": 7}],
            }
        ],
    }


def test_warnings_alone_leave_a_configuration_valid() -> None:
    assert json.loads(findings_json([finding("a: 1", 3, severity="warning")]))["valid"] is True
    assert json.loads(findings_json([])) == {"version": 1, "valid": True, "findings": []}


@pytest.mark.parametrize("start", range(40))
def test_a_place_always_has_at_least_one_character(start: int) -> None:
    for line in (
        "",
        "\t",
        'a: "not closed',
        "a: [b, {c: 'd",
        "- - ? : # << >> *x &y !z |",
        ": : :",
    ):
        assert end_of_place(line, start) > start


def test_ordinary_text_is_left_as_it_is() -> None:
    assert harmless("naïve 日本 – “quoted”") == "naïve 日本 – “quoted”"
