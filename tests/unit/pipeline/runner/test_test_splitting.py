"""Globbing finds the documented files, and splitting gives every test to one node."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InvalidInput
from pipeline.runner.test_results import CaseResult, Timings
from pipeline.runner.test_splitting import (
    FALLBACK,
    expand_braces,
    glob_files,
    glob_root,
    has_failed,
    read_items,
    read_timings,
    split_items,
    timing_weights,
)

FILES = [
    "a_test.rb",
    "b_test.js",
    ".hidden_test.rb",
    "spec/a_spec.rb",
    "spec/ab_spec.rb",
    "spec/models/user_spec.rb",
    "spec/models/admin/role_spec.rb",
    "spec/name with space_spec.rb",
    'spec/it\'s "quoted"\nnew_spec.rb',
    "spec/[x]_spec.rb",
    "lib/a.rb",
    "/abs/spec/c_spec.rb",
    "../up/d_spec.rb",
]


def files_below(root: str) -> list[str]:
    if root == ".":
        return [file for file in FILES if not file.startswith(("/", "../"))]
    head = root.removeprefix("./").rstrip("/") + "/"
    return [file[len(head) :] for file in FILES if file.startswith(head)]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["*_test.rb"], [".hidden_test.rb", "a_test.rb"]),
        (["spec/*_spec.rb"], [
            "spec/[x]_spec.rb",
            "spec/a_spec.rb",
            "spec/ab_spec.rb",
            "spec/it's \"quoted\"\nnew_spec.rb",
            "spec/name with space_spec.rb",
        ]),
        (["spec/**/*user*"], ["spec/models/user_spec.rb"]),
        (["spec/**/a*_spec.rb"], ["spec/a_spec.rb", "spec/ab_spec.rb"]),
        (["**/role_spec.rb"], ["spec/models/admin/role_spec.rb"]),
        (["**/a_test.rb"], ["a_test.rb"]),
        (["spec/m**c.rb"], ["spec/models/admin/role_spec.rb", "spec/models/user_spec.rb"]),
        (["spec/models/**"], ["spec/models/admin/role_spec.rb", "spec/models/user_spec.rb"]),
        (["spec/?_spec.rb"], ["spec/a_spec.rb"]),
        (["spec?a_spec.rb"], []),
        (["[ab]_test.*"], ["a_test.rb", "b_test.js"]),
        (["[!a]_test.*"], ["b_test.js"]),
        (["[a-c]_test.{rb,js}"], ["a_test.rb", "b_test.js"]),
        (["[z-a]_test.rb"], []),
        (["spec/\\[x\\]_spec.rb"], ["spec/[x]_spec.rb"]),
        (["{spec/models,lib}/*.rb"], ["lib/a.rb", "spec/models/user_spec.rb"]),
        (["*_test.{r{b,x},js}"], [".hidden_test.rb", "a_test.rb", "b_test.js"]),
        (["lib/a.rb", "lib/*.rb", "lib/a.rb"], ["lib/a.rb"]),
        (["./lib/*.rb"], ["./lib/a.rb"]),
        (["/abs/**/*_spec.rb"], ["/abs/spec/c_spec.rb"]),
        (["../up/*"], ["../up/d_spec.rb"]),
        (["nothing/*"], []),
        (["a.c", "*{unclosed"], []),
        ([], []),
    ],
)  # fmt: skip
def test_patterns_find_files(patterns: list[str], found: list[str]) -> None:
    assert glob_files(patterns, files_below) == found


def test_only_the_folders_that_patterns_begin_with_are_listed() -> None:
    asked: list[str] = []

    def list_files(root: str) -> list[str]:
        asked.append(root)
        return []

    glob_files(["spec/**/*.rb", "spec/*.rb", "/tmp/x", "a/{b,c}/*"], list_files)
    assert asked == ["spec", "/tmp", "a/b", "a/c"]
    assert glob_root("/*") == "/"


def test_braces_do_not_grow_without_end() -> None:
    assert expand_braces("a{b,c{d,e}}f") == ["abf", "acdf", "acef"]
    with pytest.raises(InvalidInput, match="patterns"):
        expand_braces("{a,b}" * 20)


@given(st.text(alphabet="ab*?[]{},/\\!-^."), st.text(alphabet="ab/.-"))
def test_no_pattern_breaks_it(pattern: str, name: str) -> None:
    assert set(glob_files([pattern], lambda root: [name])) <= {
        pattern_root + name
        for one in expand_braces(pattern)
        for pattern_root in [one[: one.rfind("/", 0, len(one)) + 1], *prefixes(one)]
    }


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[a-c]", ["a", "b", "c"]),
        ("[!a-c]", ["-", "?", "d"]),
        ("[a-]", ["-", "a"]),
        ("[-a]", ["-", "a"]),
        ("[?--]", []),
        ("[c-a]", []),
        ("[!c-a]", ["-", "?", "a", "b", "c", "d"]),
    ],
)
def test_a_class_has_its_characters_and_ranges(pattern: str, found: list[str]) -> None:
    assert glob_files([pattern], lambda _root: ["a", "b", "c", "d", "-", "?"]) == found


def prefixes(pattern: str) -> list[str]:
    return [pattern[:i] for i in range(len(pattern) + 1)]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("\n \n", []),
        ("a b  c\n", ["a", "b", "c"]),
        ("a b\nc d\n", ["a b", "c d"]),
        ("a\r\nb\r\n", ["a", "b"]),
        ("only", ["only"]),
    ],
)
def test_a_list_is_its_lines_or_the_words_of_its_only_line(text: str, items: list[str]) -> None:
    assert read_items(text) == items


def test_tests_are_dealt_in_the_order_of_their_names() -> None:
    parts = [split_items(["d", "b", "a", "e", "c"], index=i, total=2).items for i in range(2)]
    assert parts == [("a", "c", "e"), ("b", "d")]


def test_heavy_tests_are_spread() -> None:
    weights = {"a": 10.0, "b": 6.0, "c": 5.0, "d": 4.0, "e": 1.0}
    parts = [split_items(list(weights), index=i, total=2, weights=weights).items for i in range(2)]
    assert parts == [("a", "d"), ("b", "c", "e")]
    loads = [sum(weights[item] for item in part) for part in parts]
    assert max(loads) <= 15


ITEMS = st.lists(st.text(alphabet="abc", max_size=3), max_size=30)


@given(ITEMS, st.integers(1, 7), st.booleans(), st.randoms(use_true_random=False))
def test_all_nodes_together_have_the_input_whatever_its_order(
    items: list[str], total: int, weighted: bool, random: object
) -> None:
    weights = {item: float(len(item)) for item in items} if weighted else None
    parts = [split_items(items, index=i, total=total, weights=weights) for i in range(total)]
    assert Counter(item for part in parts for item in part.items) == Counter(items)
    shuffled = sorted(items, reverse=True)
    assert parts == [
        split_items(shuffled, index=i, total=total, weights=weights) for i in range(total)
    ]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.integers(1, 6))
def test_no_node_has_much_more_than_the_fair_share(seconds: list[float], total: int) -> None:
    weights = {f"t{i}": s for i, s in enumerate(seconds)}
    loads = [
        sum(
            weights[t]
            for t in split_items(list(weights), index=i, total=total, weights=weights).items
        )
        for i in range(total)
    ]
    assert max(loads) <= sum(seconds) / total + max(seconds) + 1e-6


@pytest.mark.parametrize(("index", "total"), [(2, 2), (-1, 2), (0, 0)])
def test_a_node_that_cannot_be_is_an_error(index: int, total: int) -> None:
    with pytest.raises(InvalidInput, match=f"node {index} of {total}"):
        split_items(["a"], index=index, total=total)


TIMINGS = Timings({"./spec/a.rb": 3.0, "spec/b.rb": 1.0}, {"A": 2.0}, {"does x": 4.0})


def test_timings_are_taken_by_file_however_it_is_written() -> None:
    weights, notes = timing_weights(["spec/a.rb", "./spec/b.rb"], TIMINGS)
    assert weights == {"spec/a.rb": 3.0, "./spec/b.rb": 1.0}
    assert notes == []
    weights, _ = timing_weights(["/home/me/project/spec/a.rb"], TIMINGS, folder="/home/me/project")
    assert weights == {"/home/me/project/spec/a.rb": 3.0}


def test_timings_are_taken_by_class_and_by_name() -> None:
    assert timing_weights(["A"], TIMINGS)[0] == {"A": 2.0}
    assert timing_weights(["does x"], TIMINGS, kind="testname")[0] == {"does x": 4.0}


def test_a_test_without_timings_gets_the_default_and_is_named() -> None:
    weights, notes = timing_weights(["spec/a.rb", "new.rb"], TIMINGS, default_s=10)
    assert weights == {"spec/a.rb": 3.0, "new.rb": 10}
    assert notes == ['No timing found for "new.rb"']
    weights, _ = timing_weights(["spec/a.rb", "spec/b.rb", "new.rb"], TIMINGS)
    assert weights is not None
    assert weights["new.rb"] == 2.0


def test_without_timings_the_known_words_are_said() -> None:
    weights, notes = timing_weights(["x"], Timings())
    assert weights is None
    assert notes[0] == FALLBACK
    weights, notes = timing_weights(["spec/a.rb", "A"], TIMINGS)
    assert weights is None
    assert "--timings-type" in notes[1]
    assert timing_weights(["x"], TIMINGS, kind="classname")[0] is None


def test_a_file_of_timings_is_json_or_junit() -> None:
    tests = [{"file": "a.rb", "run_time": 1.5, "classname": "A", "name": "x"}, {"name": "y"}]
    for document in ({"tests": tests}, tests):
        timings = read_timings(json.dumps(document).encode(), "t.json")
        assert (timings.filename, timings.classname["A"]) == ({"a.rb": 1.5}, 1.5)
    junit = b'<testsuite><testcase file="a.rb" time="2"/></testsuite>'
    assert read_timings(junit, "t.xml").filename == {"a.rb": 2.0}


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"tests": [{"run_time": "x"}]}', b"\xff"])
def test_a_file_that_is_neither_is_an_error_that_names_it(data: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"t\.json: not a file of timings"):
        read_timings(data, "t.json")


def test_failed_tests_are_told_by_file_class_or_name() -> None:
    failed = [CaseResult("x", "A", "S", "./spec/a.rb")]
    assert all(has_failed(item, failed) for item in ("spec/a.rb", "A", "x", "S"))
    assert not has_failed("spec/b.rb", failed)
