"""The JSON Schema of the configuration takes what the compiler takes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.compiler import check
from pipeline.config.findings import Report
from pipeline.config.json_schema import config_schema
from pipeline.config.nodes import Source, to_data
from pipeline.config.reader import read_document

jsonschema = pytest.importorskip("jsonschema")

PROJECT = Path(__file__).resolve().parents[4]

TAKEN = {
    "keys without a value": """
        version: 2.1
        orbs:
        commands: {spare: {parameters: , description: , steps: [checkout]}}
        jobs:
          unused:
          a:
            docker: [{image: x, user: , command: }]
            environment:
            working_directory:
            steps: [checkout: , run: {name: , command: echo}]
        workflows: {main: {when: , jobs: [a: {requires: , context: , filters: }]}}
    """,
    "a version of the workflows": """
        version: 2.1
        jobs: {a: {docker: [{image: x}], steps: [checkout]}}
        workflows: {version: 2.1, main: {jobs: [a]}}
    """,
    "names of jobs in version 2": """
        version: 2
        jobs: {ruby-3.3-spec: {docker: [{image: x}], steps: [checkout]}}
        workflows: {version: 2, main: {jobs: [ruby-3.3-spec]}}
    """,
    "a command called deploy": """
        version: 2.1
        commands: {deploy: {parameters: {to: {type: string}}, steps: [run: << parameters.to >>]}}
        jobs: {a: {docker: [{image: x}], steps: [deploy: {to: here}]}}
        workflows: {main: {jobs: [a]}}
    """,
    "a mapping as a condition": """
        version: 2.1
        jobs: {a: {docker: [{image: x}], steps: [when: {condition: {on: 1}, steps: [checkout]}]}}
        workflows: {main: {jobs: [a]}}
    """,
    "variables as lists": """
        version: 2.1
        jobs: {a: {docker: [{image: x}], environment: ["A=b\\nc", {B: 1}], steps: [checkout]}}
        workflows: {main: {jobs: [a]}}
    """,
}

REFUSED = {
    "an unknown key of a job": "jobs: {a: {dokcer: [{image: x}], steps: [checkout]}}",
    "a step with two keys": "jobs: {a: {docker: [{image: x}], steps: [{run: a, name: b}]}}",
    "a missing key": "jobs: {a: {docker: [{image: x}], steps: [save_cache: {key: k}]}}",
    "a wrong type": "jobs: {a: {docker: [{image: x}], parallelism: four, steps: [checkout]}}",
    "a name that cannot be": "jobs: {3.a: {docker: [{image: x}], steps: [checkout]}}",
    "no list of images": "jobs: {a: {docker: x, steps: [checkout]}}",
}


def takes(text: str) -> bool:
    root = read_document(Source("config.yml", text), Report())
    assert root is not None
    data = json.loads(json.dumps(to_data(root)))
    return bool(jsonschema.Draft7Validator(config_schema()).is_valid(data))


def errors(text: str) -> list[str]:
    found = check(Source("config.yml", text), all_workflows=True)
    return [finding.message for finding in found if finding.severity == "error"]


def patterns(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for value in schema.values():
            yield from patterns(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from patterns(value)


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(config_schema())


@pytest.mark.parametrize("text", TAKEN.values(), ids=TAKEN)
def test_what_the_compiler_takes_is_taken(text: str) -> None:
    assert errors(text) == []
    assert takes(text)


@pytest.mark.parametrize("rest", REFUSED.values(), ids=REFUSED)
def test_mistakes_of_shape_are_refused_by_both(rest: str) -> None:
    text = f"version: 2.1\n{rest}\nworkflows: {{main: {{jobs: [a]}}}}\n"
    assert errors(text) != []
    assert not takes(text)


def test_the_configuration_of_this_project_is_taken() -> None:
    assert takes((PROJECT / ".circleci/config.yml").read_text())


def test_patterns_are_written_as_editors_read_them() -> None:
    # JavaScript knows neither inline flags nor \Z, possessive quantifiers and named groups of Python.
    assert [
        p for p in patterns(config_schema()) if re.search(r"\(\?[^:=!]|\\[AZz]|[*+?]\+", p)
    ] == []
