"""What holds for every configuration, whatever is in it."""

from __future__ import annotations

import contextlib
import math
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import ConfigError, check, compile, to_yaml
from pipeline.config.expression import ExpressionError, parse_expression
from pipeline.config.findings import Report
from pipeline.config.nodes import Source, to_data
from pipeline.config.reader import read_document
from pipeline.config.template import TemplateError, parse_template
from pipeline.config.values import same
from tests.conformance.support import load_cases

CONFIGS = [case.data["config"] for case in load_cases() if case.kind == "compile"]
HOLDING = [
    case.data["config"]
    for case in load_cases()
    if case.kind == "compile" and not case.is_refused and not case.data.get("files")
]

texts = st.text(
    alphabet=st.one_of(
        st.sampled_from(list("<>#^/\\ .:-|'\"{}[]&*!\n\t\r")), st.characters(codec="utf-8")
    ),
    max_size=60,
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    texts,
    st.sampled_from(["<< parameters.x >>", "on", "1:30"]),
)
KEYS = [
    "version",
    "jobs",
    "workflows",
    "commands",
    "executors",
    "orbs",
    "parameters",
    "steps",
    "docker",
    "image",
    "run",
    "when",
    "unless",
]
keys = st.one_of(st.sampled_from(KEYS), texts)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=25,
)


def read_back(text: str) -> Any:
    report = Report()
    root = read_document(Source("text", text), report)
    assert report.findings == ()
    return None if root is None else to_data(root)


def equal(one: Any, other: Any) -> bool:
    """Equal with types, a NaN being equal to itself."""
    if isinstance(one, float) and math.isnan(one):
        return isinstance(other, float) and math.isnan(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return same(one, other) and type(one) is type(other)


@given(trees)
def test_what_is_printed_reads_back_as_the_same_values(value: Any) -> None:
    assert equal(read_back(to_yaml({"value": value})), {"value": value})


@given(st.text(max_size=300))
def test_any_text_whatever_gives_findings_and_nothing_else(text: str) -> None:
    assert check(text) != ()


@given(trees)
def test_any_yaml_whatever_gives_findings_or_compiles(value: Any) -> None:
    text = to_yaml({"version": 2.1, "jobs": value} if not isinstance(value, dict) else value)
    found = check(text)
    if not any(finding.severity == "error" for finding in found):
        assert compile(text).warnings == found


@given(texts)
def test_any_text_is_a_template_or_an_error_of_one(text: str) -> None:
    try:
        parts = parse_template(text).parts
    except TemplateError as error:
        parts = (text[error.offset :],)
    assert "<<" in text or "".join(map(str, parts)) == text


@given(st.text(max_size=80))
def test_any_text_is_an_expression_or_an_error_of_one(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        assert parse_expression(text) is not None


@given(st.sampled_from(HOLDING))
@settings(max_examples=300)
def test_processing_what_was_processed_changes_nothing(text: str) -> None:
    processed = compile_or_none(text)
    if processed is not None:
        printed = to_yaml(processed.data)
        assert to_yaml(compile(printed).data) == printed


@given(st.sampled_from(CONFIGS), st.randoms(use_true_random=False))
@settings(max_examples=300)
def test_the_order_of_elements_and_keys_does_not_matter(text: str, rng: random.Random) -> None:
    processed = compile_or_none(text)
    if processed is None:
        return
    shuffled = shuffle(read_back(text), rng)
    again = compile(to_yaml(shuffled))
    assert again.data["jobs"] == processed.data["jobs"]
    assert again.data["workflows"] == processed.data["workflows"]


def shuffle(value: Any, rng: random.Random, depth: int = 0) -> Any:
    """Put the keys of every mapping into another order; workflows keep theirs, as names depend on it."""
    if isinstance(value, list):
        return [shuffle(item, rng, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    items = [
        (key, item if depth == 0 and key == "workflows" else shuffle(item, rng, depth + 1))
        for key, item in value.items()
    ]
    rng.shuffle(items)
    return dict(items)


def compile_or_none(text: str) -> Any:
    try:
        return compile(text)
    except ConfigError:
        return None


def test_threads_that_compile_at_once_get_what_one_gets() -> None:
    chosen = HOLDING[::7]
    alone = [compile_or_none(text) for text in chosen]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(compile_or_none, chosen * 3))
    for number, compiled in enumerate(together):
        first = alone[number % len(chosen)]
        assert (compiled and compiled.data) == (first and first.data)


@pytest.mark.parametrize("seed", range(3))
def test_compiling_is_the_same_each_time(seed: int) -> None:
    for text in random.Random(seed).sample(HOLDING, 60):
        one, other = compile_or_none(text), compile_or_none(text)
        assert (one and to_yaml(one.data)) == (other and to_yaml(other.data))
