"""YAML as kubectl reads it, with places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidInput
from pipeline.yamlfile import dump_yaml, parse_documents


def value_of(text: str) -> Any:
    return parse_documents(text, "f.yml")[0].value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1e3", 1000),
        ("12:30", "12:30"),
        ("2020-01-01", "2020-01-01"),
        ("0o14", 12),
        ("010", 8),
        ("08", 8),
        ("0x1F", 31),
        ("1_000", 1000),
        ("yes", True),
        ("n", False),
        ("'yes'", "yes"),
        ("~", None),
        ("1.5", 1.5),
        ("1.2.3", "1.2.3"),
        ("!!str 12", "12"),
        ("=", "="),
        ("-", "-"),
    ],
)
def test_a_scalar_means_what_it_means_to_kubectl(written: str, meant: object) -> None:
    if written == "-":
        assert value_of("a: '-'") == {"a": "-"}
    else:
        assert value_of(f"a: {written}") == {"a": meant}


def test_every_value_has_its_place() -> None:
    document = parse_documents("a:\n  b:\n    - x\n    - y: 1\n", "f.yml")[0]
    assert str(document.where(("a", "b", 1, "y"))) == "f.yml:4:7 (a.b[1].y)"
    assert str(document.where(("a", "b", 1, "gone"))) == "f.yml:4:7 (a.b[1].gone)"


def test_documents_know_the_line_they_begin_on_and_empty_ones_are_left_out() -> None:
    documents = parse_documents("---\n# nothing\n---\na: 1\n---\nb: 2\n", "f.yml")
    assert [(document.value, document.line) for document in documents] == [
        ({"a": 1}, 4),
        ({"b": 2}, 6),
    ]


def test_merge_keys_are_merged_and_own_keys_win() -> None:
    assert value_of("x: &x {a: 1, b: 2}\ny:\n  <<: *x\n  b: 3\n")["y"] == {"a": 1, "b": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yml:3:1: the key 'a' stands here twice (first on line 1)"),
        ("a: [1\nb: 2\n", "f.yml:2:2: not valid YAML"),
        ("a: !ruby/object x\n", "f.yml:1:4 (a): the tag '!ruby/object' is not known here"),
        ("a:\n\t- b\n", "f.yml:2:1: not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_documents(text, "f.yml")
    assert str(caught.value).startswith(message)


def test_aliases_that_grow_without_bound_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(InvalidInput, match="too many values"):
        parse_documents("\n".join(lines), "bomb.yml")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidInput):
        parse_documents("[" * 500 + "]" * 500, "deep.yml")


texts = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n")
) | st.sampled_from(
    [
        "yes",
        "no",
        "1e3",
        "08",
        "0o14",
        "=",
        "<<",
        "~",
        "null",
        "12:30",
        "",
        " x ",
        "- a",
        "a: b",
        "#",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), values, min_size=1))
def test_what_is_written_reads_back_as_the_same_values(value: dict[str, Any]) -> None:
    assert value_of(dump_yaml(value)) == value
