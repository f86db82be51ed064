"""The templates of cache keys, as CircleCI documents them and as its messages read."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runner.cache_keys import (
    CacheKeyError,
    KeyContext,
    MissingChecksumFile,
    architecture,
    render_key,
)

FILES = {
    "/home/circleci/project/Gemfile.lock": b"GEM\n",
    "/home/circleci/project/a b/ü.lock": b"spaces",
    "/home/circleci/.tool-versions": b"ruby 3.4\n",
    "/tmp/lockfile": b"tmp",
}


def read(path: str) -> bytes:
    if path == "/home/circleci/project":
        raise IsADirectoryError(21, "Is a directory")
    if path == "/etc/shadow":
        raise PermissionError(13, "Permission denied")
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return FILES[path]


CONTEXT = KeyContext(
    branch="feature/x",
    build_num="17",
    revision="0a1b2c",
    checkout_key="ssh-ed25519 AAAA",
    environment={"CIRCLE_JOB": "build", "CACHE_VERSION": "v3", "EMPTY": ""},
    working_directory="/home/circleci/project",
    home="/home/circleci",
    read_file=read,
    epoch_s=1_700_000_000,
    arch="linux-amd64-6_85",
)


def checksum(content: bytes) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


GEMS = checksum(b"GEM\n")


@pytest.mark.parametrize(
    ("template", "key"),
    [
        ("v1-gems", "v1-gems"),
        ("v1-{{ .Branch }}-{{ .Revision }}", "v1-feature/x-0a1b2c"),
        ("{{.BuildNum}}|{{ .CheckoutKey}}|{{.Revision }}", "17|ssh-ed25519 AAAA|0a1b2c"),
        ("{{ .Environment.CACHE_VERSION }}-{{ .Environment.CIRCLE_JOB }}", "v3-build"),
        ("a{{ .Environment.EMPTY }}b", "ab"),
        ("{{ .Environment.NOT_SET }}-x", "<no value>-x"),
        ("{{ epoch }}-{{ arch }}", "1700000000-linux-amd64-6_85"),
        ('gems-{{ checksum "Gemfile.lock" }}', f"gems-{GEMS}"),
        ("gems-{{ checksum `Gemfile.lock` }}", f"gems-{GEMS}"),
        ('gems-{{checksum "./Gemfile.lock"}}', f"gems-{GEMS}"),
        ('{{   checksum\t"Gemfile.lock"   }}', GEMS),
        ('{{ checksum "/tmp/lockfile" }}', checksum(b"tmp")),
        ('{{ checksum "~/.tool-versions" }}', checksum(b"ruby 3.4\n")),
        ('{{ checksum "../.tool-versions" }}', checksum(b"ruby 3.4\n")),
        ('{{ checksum "a b/ü.lock" }}', checksum(b"spaces")),
        ('{{ checksum "a b/\\u00fc.lock" }}', checksum(b"spaces")),
        ('{{ "{{" }} and {{ `}}` }}', "{{ and }}"),
        ("a  {{- .Branch -}}  b", "afeature/xb"),
        ("a{{/* why */}}b{{- /* no */ -}} c", "abc"),
        ("} }} {", "} }} {"),
        ("{{ .Branch }}\n{{ arch }}", "feature/x\nlinux-amd64-6_85"),
    ],
)
def test_a_template_becomes_a_key(template: str, key: str) -> None:
    assert render_key(template, CONTEXT) == key


def test_the_checksum_keeps_its_padding() -> None:
    assert render_key('{{ checksum "Gemfile.lock" }}', CONTEXT).endswith("=")


def test_a_checksum_does_not_know_the_shell() -> None:
    with pytest.raises(
        MissingChecksumFile, match=r"open /home/circleci/project/\$\{FILE\}: no such"
    ):
        render_key('{{ checksum "${FILE}" }}', CONTEXT)


def test_a_missing_checksum_file_is_said_in_the_words_that_people_look_up() -> None:
    with pytest.raises(MissingChecksumFile) as caught:
        render_key('v1-deps-{{ checksum "package.json" }}', CONTEXT)
    assert caught.value.message == (
        "error computing cache key: template: cacheKey:1:11: executing "
        '"cacheKey" at <checksum "package.json">: error calling checksum: open '
        "/home/circleci/project/package.json: no such file or directory"
    )


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            '{{ checksum "~/x" }}',
            'cacheKey:1:3: executing "cacheKey" at <checksum "~/x">: error calling checksum:'
            " open /home/circleci/x: no such file or directory",
        ),
        ('{{ checksum "." }}', "read /home/circleci/project: is a directory"),
        ('{{ checksum "/etc/shadow" }}', "open /etc/shadow: permission denied"),
        ('ü-\nü-{{checksum "x"}}', "template: cacheKey:2:5: executing"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(template: str, message: str) -> None:
    with pytest.raises(MissingChecksumFile) as caught:
        render_key(template, CONTEXT)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("template", "message", "hint"),
    [
        (
            "v{{ .CACHE_VERSION }}-deps",
            'template: cacheKey:1:4: executing "cacheKey" at <.CACHE_VERSION>: can\'t evaluate'
            " field CACHE_VERSION in type cache.TemplateValues",
            "{{ .Environment.CACHE_VERSION }} is the variable CACHE_VERSION",
        ),
        ("{{ .Brunch }}", "can't evaluate field Brunch in", "did you mean 'Branch'?"),
        ("{{ .Branch.Name }}", "can't evaluate field Name in", None),
        ("{{ .Environment }}", "can't evaluate field Environment in", None),
        (
            '{{ checksums "x" }}',
            'cacheKey:1: function "checksums" not defined',
            "did you mean 'checksum'?",
        ),
        ("{{ checksum package.json }}", 'function "package" not defined', 'checksum "file"'),
        ("{{ hostname }}", 'function "hostname" not defined', "a key knows checksum, epoch, arch"),
        ("a\n{{ nope }}", 'cacheKey:2: function "nope" not defined', None),
        ("{{ checksum }}", "wrong number of args for checksum: want 1 got 0", None),
        ('{{ checksum "a" "b" }}', "wrong number of args for checksum: want 1 got 2", None),
        ("{{ epoch 1 }}", "wrong number of args for epoch: want 0 got 1", None),
        ("{{ .Branch arch }}", "unexpected 'arch' in operand", None),
        ("{{ }}", "missing value for command", None),
        ("{{ .Branch | printf }}", "unexpected '|'", None),
        ("v1-{{ .Branch", "unclosed action", "write }}"),
        ("v1-{{ .Branch }", "unclosed action", None),
        ('{{ checksum "a }}', "unterminated quoted string", None),
        ("{{ " + '"a" ' * 60, "unclosed action", None),
        ('{{ "\\q" }}', "invalid syntax", None),
        ("", "the key is empty", None),
    ],
)
def test_a_mistake_is_named(template: str, message: str, hint: str | None) -> None:
    with pytest.raises(CacheKeyError) as caught:
        render_key(template, CONTEXT)
    assert caught.value.message.startswith("error computing cache key: ")
    assert message in caught.value.message
    if hint:
        assert hint in (caught.value.hint or "")
    assert not isinstance(caught.value, MissingChecksumFile)


def test_a_key_of_900_characters_is_the_longest() -> None:
    assert len(render_key("k" * 900, CONTEXT)) == 900
    with pytest.raises(CacheKeyError, match="the key has 901 characters, 900 are allowed"):
        render_key("k" * 901, CONTEXT)
    long_branch = replace(CONTEXT, branch="b" * 1000)
    with pytest.raises(CacheKeyError, match="1000 characters"):
        render_key("{{ .Branch }}", long_branch)


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "arch"),
    [
        ("x86_64", "cpu family\t: 6\nmodel\t\t: 85\nmodel name\t: Xeon\n", "linux-amd64-6_85"),
        ("aarch64", "CPU implementer\t: 0x41\n", "linux-arm64"),
        ("riscv64", "", "linux-riscv64"),
    ],
)
def test_the_architecture_tells_the_processor(machine: str, cpuinfo: str, arch: str) -> None:
    assert architecture(machine, cpuinfo) == arch


@given(st.text(st.characters(exclude_characters="{"), min_size=1, max_size=900))
def test_text_without_actions_stays_as_it_is(text: str) -> None:
    assert render_key(text, CONTEXT) == text


@given(st.text(alphabet='{}-"`\\ .Branchecksum\n/*1|', max_size=60))
def test_any_template_is_a_key_or_an_error_that_says_so(template: str) -> None:
    try:
        key = render_key(template, CONTEXT)
    except CacheKeyError as error:
        key = error.message.partition("error computing cache key: ")[2]
    assert key


@given(
    st.dictionaries(st.from_regex(r"[A-Z_][A-Z0-9_]{0,20}", fullmatch=True), st.text(max_size=50))
)
def test_every_variable_can_be_asked_for(environment: Mapping[str, str]) -> None:
    context = replace(CONTEXT, environment=environment)
    for name, value in environment.items():
        assert render_key(f"k{{{{ .Environment.{name} }}}}", context) == f"k{value}"
