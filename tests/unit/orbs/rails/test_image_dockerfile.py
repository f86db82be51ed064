from __future__ import annotations

import pytest

from orbs.rails.dockerfile import (
    base_images,
    buildkit_reason,
    context_sources,
    final_base,
    parse_dockerfile,
    reachable_stages,
)
from pipeline.errors import InvalidInput


def parse(text):
    return parse_dockerfile(text, "deploy/Dockerfile")


@pytest.mark.parametrize(
    ("text", "args", "expected"),
    [
        ("FROM ruby:3.1", {}, ["ruby:3.1"]),
        ("from ruby:3.1 as build\nFROM build\n", {}, ["ruby:3.1"]),
        ("FROM unused AS one\nFROM ruby\n", {}, ["ruby"]),
        ("FROM scratch\nCOPY --from=busybox:1 /bin/sh /bin/sh", {}, ["busybox:1"]),
        ("FROM a AS one\nFROM b\nCOPY --from=0 /x /x\nCOPY --from=ONE /y /y", {}, ["a", "b"]),
        ("FROM a\nRUN --mount=type=bind,from=tools:2,target=/t true", {}, ["tools:2", "a"]),
        ("FROM --platform=$BUILDPLATFORM golang:1 AS g\nFROM g", {}, ["golang:1"]),
        ("ARG V=3.1\nFROM ruby:$V", {}, ["ruby:3.1"]),
        ("ARG V=3.1\nFROM ruby:${V}-slim", {"V": "3.3"}, ["ruby:3.3-slim"]),
        ("ARG V\nFROM ruby:${V:-3.2}", {}, ["ruby:3.2"]),
        ("ARG V=1\nFROM ruby${V:+:new}", {}, ["ruby:new"]),
        ("ARG R=host:5000/\nARG I=${R}ruby\nFROM $I", {}, ["host:5000/ruby"]),
        ("FROM x-${TARGETARCH}", {}, ["x-arm64"]),
        ("FROM a\nARG V=1\nFROM b", {"V": "2"}, ["b"]),
        ("# escape=`\nFROM `\n  a", {}, ["a"]),
        ("FROM a\nRUN echo \\\n# FROM no\n\n FROM no\n", {}, ["a"]),
        ("FROM a\nRUN <<EOF\nFROM no\nEOF\nCOPY --from=b x y", {}, ["b", "a"]),
        ("FROM a\nCOPY <<-END /x\n\tFROM no\n\tEND\nCOPY --from=b x y", {}, ["b", "a"]),
        ("\ufeff# FROM no\nFROM host:5000/a@sha256:0\n", {}, ["host:5000/a@sha256:0"]),
    ],
)
def test_the_images_a_build_takes_from_outside_are_found_with_its_base_last(text, args, expected):
    found = base_images(parse(text), args, platform="linux/arm64")
    assert [name for name, _ in found] == expected


def test_the_base_of_the_final_image_is_found_through_its_stages():
    text = "FROM ruby AS base\nFROM node AS js\nFROM base\nCOPY --from=js /x /x"
    assert final_base(parse(text), {}) == "ruby"
    assert final_base(parse(text), {}, "js") == "node"
    assert final_base(parse("FROM scratch"), {}) == "scratch"


def test_only_the_stages_that_the_target_needs_are_reachable():
    text = "FROM a AS one\nFROM b AS two\nFROM c AS three\nCOPY --from=one /x /x\n"
    assert [stage.base for stage in reachable_stages(parse(text))] == ["a", "c"]
    assert [stage.base for stage in reachable_stages(parse(text), "two")] == ["b"]


def test_instructions_keep_their_flags_text_and_line():
    found = parse(
        "FROM a\n\nADD --chown=1:1 --link vendor/bundle \\\n  # why\n  vendor/bundle\nRUN x\n"
    ).instructions
    assert [(i.keyword, i.line) for i in found] == [("FROM", 1), ("ADD", 3), ("RUN", 6)]
    assert found[1].flags == (("chown", "1:1"), ("link", ""))
    assert found[1].value.split() == ["vendor/bundle", "vendor/bundle"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("FROM a\nRUN true\nADD . .\nCOPY --from=a --chown=1 b c", None),
        ("# syntax=docker/dockerfile:1\nFROM a", ("the syntax directive", 1)),
        ("# a comment\n# syntax=docker/dockerfile:1\nFROM a", None),
        ("FROM a\nRUN --mount=type=cache,target=/c true", ("RUN --mount", 2)),
        ("FROM a\nCOPY --chmod=755 a b", ("COPY --chmod", 2)),
        ("FROM a\nCOPY --link a b", ("COPY --link", 2)),
        ("FROM a\n\nRUN <<EOF\ntrue\nEOF", ("a here-document in RUN", 3)),
        ("FROM a\nRUN echo 1 << 2", None),
        ("FROM a\nRUN cat <<< word", None),
        ("FROM --platform=$BUILDPLATFORM a", ("the platform argument BUILDPLATFORM", 1)),
        ("FROM a\nARG TARGETARCH", ("the platform argument TARGETARCH", 2)),
    ],
)
def test_what_only_buildkit_understands_is_noticed_with_its_line(text, reason):
    assert buildkit_reason(parse(text)) == reason


@pytest.mark.parametrize(
    ("line", "sources"),
    [
        ("ADD vendor/bundle vendor/bundle", ("vendor/bundle",)),
        ("COPY . .", (".",)),
        ("COPY / /app", (".",)),
        ("COPY ./a/ /b/../c x/", ("a", "c")),
        ('COPY ["with space", "/x"]', ("with space",)),
        ("ADD https://example.com/x.tgz git@example.com:x.git local /x", ("local",)),
        ("COPY --from=other a b", ()),
        ("RUN --mount=type=bind,target=/src true", (".",)),
        ("RUN --mount=type=bind,source=bin,target=/b --mount=type=cache,target=/c true", ("bin",)),
        ("RUN cp a b", ()),
    ],
)
def test_what_an_instruction_takes_from_the_context_is_known(line, sources):
    assert context_sources(parse(f"FROM a\n{line}").instructions[1]) == sources


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "no FROM"),
        ("RUN true", 1, "above the first FROM"),
        ("FROM a\nRUUN true", 2, "did you mean 'RUN'"),
        ("FROM a\nRUN true &&\n  other thing", 3, "backslash"),
        ("FROM a b", 1, "FROM <image> AS <name>"),
    ],
)
def test_mistakes_are_told_with_their_line(text, line, words):
    with pytest.raises(InvalidInput) as caught:
        parse(text)
    assert caught.value.where.file == "deploy/Dockerfile"
    assert caught.value.where.line == line
    assert words in f"{caught.value.message} {caught.value.hint}"


def test_a_base_image_without_a_name_is_a_mistake():
    with pytest.raises(InvalidInput, match="is empty"):
        base_images(parse("ARG IMAGE\nFROM $IMAGE"), {})


def test_an_unknown_target_names_those_there_are():
    with pytest.raises(InvalidInput) as caught:
        reachable_stages(parse("FROM a AS build\nFROM b AS app"), "biuld")
    assert "did you mean 'build'" in (caught.value.hint or "")
