from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orbs.sops.aligned import write_aligned
from pipeline.yamlfile import Document, dump_documents, parse_documents
from tests.unit.orbs.sops.samples import secret

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = (
    TEXTS
    | st.integers(-(2**63), 2**64)
    | st.booleans()
    | st.none()
    | st.sampled_from(
        ["=", "<<", "1e3", "0o14", "08", "12:30", "yes", "~", "", "---", "#a", "2020-01-01"]
    )
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)


@given(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=4))
def test_the_values_are_read_back_as_they_were(value: dict[str, Any]) -> None:
    text = write_aligned([value], [Document(value, "a.enc")])
    assert [document.value for document in parse_documents(text, "a.enc")] == [value]


@given(st.floats(allow_nan=False))
def test_numbers_are_read_back_as_they_were(number: float) -> None:
    text = write_aligned([{"a": number}], [Document({}, "a.enc")])
    assert parse_documents(text, "a.enc")[0].value == {"a": number}


def test_what_json_has_no_form_for_is_written_as_yaml() -> None:
    text = write_aligned([{"a": math.inf, "b": -math.inf, "c": math.nan}], [Document({}, "a.enc")])
    value = parse_documents(text, "a.enc")[0].value
    assert (value["a"], value["b"], math.isnan(value["c"])) == (math.inf, -math.inf, True)


def test_each_key_stands_on_its_line_of_the_encrypted_file() -> None:
    text = f"# a comment\n{secret()}---\n# another\n{secret('other')}"
    sources = parse_documents(text, "a.enc")
    values = [
        {k: v for k, v in source.value.items() if k != "sops"}
        | {"stringData": {"DATABASE_URL": "a\nb"}}
        for source in sources
    ]
    found = parse_documents(write_aligned(values, sources), "a.enc")
    assert [document.value for document in found] == values
    for document, source in zip(found, sources, strict=True):
        for path in [("kind",), ("metadata", "name"), ("stringData", "DATABASE_URL")]:
            assert document.where(path) == source.where(path)


def test_lists_keep_their_lines_and_columns() -> None:
    source = parse_documents("a:\n    - b: 1\n      c: 2\n    - - 3\n      - 4\nd: 5\n", "a.enc")[0]
    found = parse_documents(write_aligned([source.value], [source]), "a.enc")[0]
    assert found.value == source.value
    for path in [("a", 0, "b"), ("a", 0, "c"), ("a", 1, 0), ("a", 1, 1), ("d",)]:
        assert found.where(path).line == source.where(path).line


def test_empty_documents_are_left_out() -> None:
    sources = [Document({}, "a.enc"), Document({}, "a.enc"), Document({}, "a.enc")]
    text = write_aligned([{"a": 1}, {}, {"b": 2}], sources)
    assert [document.value for document in parse_documents(text, "a.enc")] == [{"a": 1}, {"b": 2}]


@given(st.lists(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_any_layout_of_the_source_gives_the_same_values(values: list[dict[str, Any]]) -> None:
    sources = parse_documents(dump_documents(values), "a.enc")
    text = write_aligned(values, sources)
    assert [document.value for document in parse_documents(text, "a.enc")] == values
