from __future__ import annotations

import pytest

from orbs.rails.dockerfile import base_images, read_instructions


@pytest.mark.parametrize(
    ("dockerfile", "args", "expected"),
    [
        ("FROM ruby:3.1", {}, ("ruby:3.1",)),
        ("from ruby:3.1 as build\nFROM build\n", {}, ("ruby:3.1",)),
        ("FROM ruby AS ruby\nFROM ruby AS last\nFROM a", {}, ("ruby", "a")),
        ("FROM scratch\nCOPY --from=busybox:1 /bin/sh /bin/sh", {}, ("busybox:1",)),
        ("FROM a AS one\nFROM b\nCOPY --from=0 /x /x\nCOPY --from=ONE /y /y", {}, ("a", "b")),
        ("FROM a\nRUN --mount=type=bind,from=tools:2,target=/t true", {}, ("a", "tools:2")),
        ("FROM --platform=$BUILDPLATFORM golang:1 AS g\nFROM golang:1", {}, ("golang:1",)),
        ("ARG V=3.1\nFROM ruby:$V", {}, ("ruby:3.1",)),
        ("ARG V=3.1\nFROM ruby:${V}-slim", {"V": "3.3"}, ("ruby:3.3-slim",)),
        ("ARG V\nFROM ruby:${V:-3.2}", {}, ("ruby:3.2",)),
        ("ARG R=host:5000/\nARG I=${R}ruby\nFROM $I", {}, ("host:5000/ruby",)),
        ("FROM x-${TARGETARCH}", {}, ("x-arm64",)),
        ("FROM a\nARG V=1\nFROM b", {"V": "2"}, ("a", "b")),
        ("# escape=`\nFROM `\n  a", {}, ("a",)),
        ("FROM a\nRUN echo \\\n# FROM no\n\n FROM no\n", {}, ("a",)),
        ("FROM a\nRUN <<EOF\nFROM no\nEOF\nFROM b", {}, ("a", "b")),
        ("FROM a\nCOPY <<-END /x\n\tFROM no\n\tEND\nFROM b", {}, ("a", "b")),
        ("# FROM no\nFROM host:5000/a@sha256:0 # \n", {}, ("host:5000/a@sha256:0",)),
    ],
)
def test_the_images_a_dockerfile_is_made_from_are_found(dockerfile, args, expected):
    assert base_images(dockerfile, args, platform="linux/arm64") == expected


def test_instructions_keep_their_flags_text_and_line():
    found = read_instructions(
        "FROM a\n\nADD --chown=1:1 --link vendor/bundle \\\n  # why\n  vendor/bundle\n"
    )
    assert [(i.name, i.line) for i in found] == [("FROM", 1), ("ADD", 3)]
    assert found[1].flags == (("chown", "1:1"), ("link", ""))
    assert found[1].words == ("vendor/bundle", "vendor/bundle")
