"""Findings as SARIF, as far as GitHub's code scanning asks for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipeline.config.codes import CODES
from pipeline.config.findings import Call, Finding
from pipeline.errors import Location
from pipeline.sarif import findings_sarif

FILE = ".circleci/config.yml"
ROOT = Path("/repository")


def finding(
    code: str = "unknown-key",
    *,
    file: str = FILE,
    line: int = 12,
    text: str = "    imag: cimg/base:1",
    calls: tuple[Call, ...] = (),
    hint: str | None = None,
) -> Finding:
    where = Location(file, line, 5, "jobs.build.docker[0].imag")
    return Finding(code, CODES[code].severity, "it is wrong", where, hint, calls, text)


def run_of(*findings: Finding, base: Path | None = None) -> dict[str, Any]:
    log = json.loads(findings_sarif(findings, root=ROOT, base=base))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def uris(*files: str, base: Path | None = None) -> list[str]:
    run = run_of(*(finding(file=file) for file in files), base=base)
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    return [place["artifactLocation"]["uri"] for place in places]


def fingerprints(*findings: Finding) -> list[str]:
    results = run_of(*findings)["results"]
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in results]


def test_a_result_names_its_rule_its_level_and_its_place() -> None:
    (result,) = run_of(finding(hint="did you mean 'image'?"))["results"]
    assert (result["ruleId"], result["level"]) == ("unknown-key", "error")
    assert result["message"]["text"] == "it is wrong\ndid you mean 'image'?"
    assert result["locations"][0] == {
        "physicalLocation": {
            "artifactLocation": {"uri": FILE, "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": 12, "startColumn": 5, "endColumn": 9},
        },
        "logicalLocations": [{"fullyQualifiedName": "jobs.build.docker[0].imag"}],
    }


def test_each_code_that_was_found_is_a_rule_with_its_page() -> None:
    run = run_of(finding("unused-job"), finding("unknown-key"), finding("unused-job", line=20))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["unknown-key", "unused-job"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        "unused-job",
        "unknown-key",
        "unused-job",
    ]
    for rule in rules:
        code = CODES[rule["id"]]
        assert rule["defaultConfiguration"] == {"level": code.severity}
        assert rule["shortDescription"]["text"] == code.title
        assert rule["helpUri"].startswith("https://")
        assert rule["helpUri"].endswith(f"/{code.name}")
        assert "```yaml" in rule["help"]["markdown"]


def test_the_calls_are_related_locations_from_the_outside_in() -> None:
    calls = (
        Call("workflow", "main", Location(FILE, 30, 3)),
        Call("command", "tools/go", Location(".circleci/orbs/acme/tools@1.0.0.yml", 4, 7)),
    )
    (result,) = run_of(finding(calls=calls))["results"]
    related = result["relatedLocations"]
    assert [(place["id"], place["message"]["text"]) for place in related] == [
        (1, "Error calling workflow: 'main'"),
        (2, "Error calling command: 'tools/go'"),
    ]
    places = [place["physicalLocation"] for place in related]
    assert places[1]["artifactLocation"]["uri"] == ".circleci/orbs/acme/tools%401.0.0.yml"
    assert places[1]["region"] == {"startLine": 4, "startColumn": 7}


def test_files_of_the_repository_are_relative_to_its_root() -> None:
    assert uris(FILE, f"/repository/{FILE}", "a b/ü.yml") == [FILE, FILE, "a%20b/%C3%BC.yml"]
    assert uris("config.yml", "../x.yml", base=ROOT / ".circleci") == [FILE, "x.yml"]


def test_what_is_elsewhere_keeps_its_whole_address() -> None:
    assert uris("/elsewhere/o.yml", "../o.yml", "https://example.com/o.yml") == [
        "file:///elsewhere/o.yml",
        "file:///o.yml",
        "https://example.com/o.yml",
    ]
    (result,) = run_of(finding(file="https://example.com/o.yml"))["results"]
    artifact = result["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == {"uri": "https://example.com/o.yml"}


def test_a_fingerprint_survives_lines_that_come_above() -> None:
    assert fingerprints(finding(line=12)) == fingerprints(finding(line=50))
    assert fingerprints(finding()) != fingerprints(finding(text="    images: cimg/base:1"))
    assert fingerprints(finding()) != fingerprints(finding(file="other.yml"))


def test_equal_findings_on_equal_lines_are_told_apart_by_a_number() -> None:
    first, second = fingerprints(finding(line=12), finding(line=50))
    assert first.endswith(":1")
    assert second == first.removesuffix(":1") + ":2"


def test_a_secret_is_neither_in_the_log_nor_hashed_into_it() -> None:
    one = finding("plain-secret", text="    TOKEN: hunter22")
    other = finding("plain-secret", text="    TOKEN: correct-horse")
    assert "hunter22" not in findings_sarif([one], root=ROOT)
    assert fingerprints(one) == fingerprints(other)
    (rule,) = run_of(one)["tool"]["driver"]["rules"]
    assert float(rule["properties"]["security-severity"]) > 0


def test_a_place_that_is_not_known_is_the_first_line() -> None:
    found = Finding("pack", "error", "nothing to pack", Location("src"))
    (result,) = run_of(found)["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 1}


def test_the_log_is_the_same_wherever_the_repository_stands() -> None:
    found = [finding(), finding("unused-job")]
    here = findings_sarif(found, root="/one", base="/one")
    assert here == findings_sarif(found, root="/two/three", base="/two/three")


def test_without_findings_the_log_says_that_it_looked() -> None:
    assert run_of()["results"] == []
