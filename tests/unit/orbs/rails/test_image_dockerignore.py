from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbs.rails.dockerignore import ignored_by, parse_dockerignore, read_dockerignore
from pipeline.errors import InvalidInput

VECTORS = [
    # lines, paths left out, paths sent
    (["log"], ["log", "log/a", "log/a/b"], ["logs", "a/log"]),
    (["log/"], ["log", "log/a"], ["a/log"]),
    (["/log"], ["log/a"], ["a/log"]),
    (["./log/../tmp"], ["tmp/x"], ["log/x"]),
    (["*.md"], ["README.md"], ["docs/README.md", "md"]),
    (["**/*.md"], ["README.md", "a/b/README.md"], ["a/md"]),
    (["*/*.md"], ["a/b.md"], ["b.md", "a/b/c.md"]),
    (["*/temp*"], ["a/temp", "a/temporary/x"], ["temp", "a/b/temp"]),
    (["temp?"], ["tempa", "temp1/x"], ["temp", "tempab"]),
    (["a/**"], ["a/b", "a/b/c"], ["a", "ab"]),
    (["a/**/z"], ["a/z", "a/b/z", "a/b/c/z/y"], ["z", "az", "a/bz"]),
    (["**"], ["a", "a/b"], []),
    (["**/a"], ["a", "b/a", "b/a/c"], ["ba"]),
    (["**a"], ["ba", "a", "c/ba"], ["ab"]),
    (["a**b"], ["ab", "ac/b"], ["acb"]),
    (["*", "!app"], ["Gemfile", "lib/x"], ["app", "app/a/b"]),
    (["*.md", "!README.md"], ["a.md"], ["README.md"]),
    (["*.md", "!README*.md", "README-secret.md"], ["README-secret.md"], ["README.md"]),
    (["README-secret.md", "!README*.md"], [], ["README-secret.md"]),
    (["vendor", "!vendor/bundle"], ["vendor/cache/x"], ["vendor/bundle/x"]),
    (["vendor", "!vendor/bundle", "vendor/bundle/doc"], ["vendor/bundle/doc/x"], ["vendor/bundle"]),
    (["vendor", "!**/keep"], ["vendor/a"], ["vendor/a/keep"]),
    (["!a", "a"], ["a"], []),
    (["# a comment", "", "  "], [], ["# a comment"]),
    ([" # no comment"], ["# no comment"], []),
    (["  log  "], ["log"], []),
    (["! log", "log"], ["log"], []),
    (["log", "!  log"], [], ["log"]),
    (["a.b"], ["a.b"], ["axb"]),
    (["[ab].rb"], ["a.rb", "b.rb"], ["c.rb", "[ab].rb"]),
    (["[^ab].rb"], ["c.rb"], ["a.rb"]),
    (["[a-c]x"], ["bx"], ["dx"]),
    ([r"a\*b"], ["a*b"], ["axb"]),
    ([r"[\]]"], ["]"], ["a"]),
    (["a+(b)|c{1}$^"], ["a+(b)|c{1}$^"], ["aab"]),
    (["."], [], ["a"]),
    (["/"], [], ["a"]),
    (["\ufefflog"], ["log"], []),
    (["ünï*"], ["ünïcode"], ["unicode"]),
]


@pytest.mark.parametrize(("lines", "out", "sent"), VECTORS, ids=" ".join)
def test_patterns_leave_out_what_docker_leaves_out(lines, out, sent):
    ignore = parse_dockerignore("\n".join(lines))
    assert {path: ignore.ignores(path) for path in (*out, *sent)} == {
        **dict.fromkeys(out, True),
        **dict.fromkeys(sent, False),
    }


@pytest.mark.parametrize("line", ["!", "! ", "[", "a[", "[]", "a\\"])
def test_a_wrong_pattern_is_told_with_its_line(line):
    with pytest.raises(InvalidInput) as caught:
        parse_dockerignore(f"log\n{line}\n", "deploy/Dockerfile.dockerignore")
    assert str(caught.value.where) == "deploy/Dockerfile.dockerignore:2"


def test_the_ignore_file_beside_the_dockerfile_wins(tmp_path):
    (tmp_path / "deploy").mkdir()
    (tmp_path / ".dockerignore").write_text("a\n")
    assert read_dockerignore(tmp_path, "deploy/Dockerfile").name == ".dockerignore"
    (tmp_path / "deploy/Dockerfile.dockerignore").write_text("b\n")
    ignore = read_dockerignore(tmp_path, "deploy/Dockerfile")
    assert ignore.ignores("b")
    assert not ignore.ignores("a")


def test_the_line_that_leaves_a_path_out_can_be_named():
    ignore = parse_dockerignore("log\n\n*\n!app\n")
    assert ignored_by(ignore, "bin/rails").line == 3
    assert ignored_by(ignore, "app/x") is None


NAME = st.text(string.ascii_lowercase[:3] + ".-", min_size=1, max_size=3).filter(
    lambda name: name not in (".", "..")
)
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join)
PIECE = st.one_of(NAME, st.sampled_from(["*", "**", "a*", "?", "*.b"]))
LINE = st.tuples(st.booleans(), st.lists(PIECE, min_size=1, max_size=3).map("/".join)).map(
    lambda parts: ("!" if parts[0] else "") + parts[1]
)


@given(st.lists(LINE, max_size=5), PATH)
def test_a_path_looked_up_alone_and_on_a_walk_is_judged_the_same(lines, path):
    ignore = parse_dockerignore("\n".join(lines))
    above = (False,) * len(ignore.patterns)
    parts = path.split("/")
    for count in range(1, len(parts) + 1):
        out, above = ignore.judge("/".join(parts[:count]), above)
    assert out == ignore.ignores(path)


@given(st.lists(LINE, max_size=5), PATH, NAME)
def test_a_folder_that_is_not_entered_holds_nothing_that_is_sent(lines, folder, name):
    ignore = parse_dockerignore("\n".join(lines))
    if ignore.ignores(folder) and not ignore.may_hold_exceptions(folder):
        assert ignore.ignores(f"{folder}/{name}")


@given(PATH, PATH)
def test_a_plain_line_leaves_out_that_path_and_what_is_below_and_nothing_else(line, path):
    ignored = parse_dockerignore(line).ignores(path)
    assert ignored == (f"{path}/".startswith(f"{line}/"))


@given(st.lists(LINE, max_size=4), PATH)
def test_the_last_line_decides(lines, path):
    assert parse_dockerignore("\n".join([*lines, path])).ignores(path)
    assert not parse_dockerignore("\n".join([*lines, f"!{path}"])).ignores(path)
