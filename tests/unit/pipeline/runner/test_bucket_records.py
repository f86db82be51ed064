"""Names and metadata of caches in a bucket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import WorkFailed
from pipeline.runner.bucket_records import (
    Stamp,
    key_in,
    metadata_of,
    name_of,
    name_prefix,
    read_stamp,
)
from pipeline.runner.cache_entry import CacheEntry

DIGEST = "a1" * 32
ENTRY = CacheEntry("gh/acme/app", "k", 3, DIGEST, 10, 20, 5.0, "20260101-000000-abcdef/test")
printable = st.text(
    st.characters(exclude_categories=("C", "Z"), include_characters=" "), min_size=1, max_size=40
)


def test_a_name_can_be_read() -> None:
    name = name_of("gh/acme/app", "v1-gems-Zm9v+/=")
    assert name == "caches/gh!2Facme!2Fapp/v1-gems-Zm9v!2B!2F!3D.tar.zst"


@given(printable, printable)
def test_a_key_comes_back_from_its_name(project: str, key: str) -> None:
    name = name_of(project, key)
    assert name is None or key_in(project, name) == key


@given(printable, printable, printable)
def test_a_name_begins_as_its_key_does(project: str, key: str, other: str) -> None:
    name = name_of(project, key + other)
    assert name is None or name.startswith(name_prefix(project, key))
    if not other.startswith(key):
        foreign = name_of(project, other)
        # The end of every name begins with a dot, which a key may ask for: who reads it looks again.
        assert foreign is None or not foreign.removesuffix(".tar.zst").startswith(
            name_prefix(project, key)
        )


@pytest.mark.parametrize("key", ["\x1b[2Jk", "a\nb", "\udcff", "é" * 300])
def test_a_key_that_plays_tricks_or_is_too_long_has_no_name(key: str) -> None:
    assert name_of("p", key) is None


@pytest.mark.parametrize(
    "name",
    [
        "caches/p/.tar.zst",
        "caches/p/k",
        "caches/p/k.tar.zst.bak",
        "caches/q/k.tar.zst",
        "caches/p/a/b.tar.zst",
        "caches/p/../k.tar.zst",
        "caches/p/!1B!5B2J.tar.zst",
        "caches/p/!FF.tar.zst",
        "caches/p/!61.tar.zst",
        "caches/p/%6b.tar.zst",
        "caches/p/a b.tar.zst",
        f"caches/p/{'a' * 901}.tar.zst",
    ],
)
def test_an_object_that_no_cache_is_named_like_is_none(name: str) -> None:
    assert key_in("p", name) is None


def test_metadata_say_what_the_name_does_not() -> None:
    written = metadata_of(ENTRY, "alice")
    assert written["created-by"] == "20260101-000000-abcdef/test by alice"
    assert read_stamp(written) == Stamp(DIGEST, 20, written["created-by"])


@given(st.text(max_size=300))
def test_any_creator_is_written_in_ascii_of_a_size_that_s3_takes(user: str) -> None:
    written = metadata_of(ENTRY, user)
    assert all(value.isascii() and value.isprintable() for value in written.values())
    assert sum(len(name) + len(value) for name, value in written.items()) < 2048
    assert read_stamp(written).created_by.isprintable()


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "../../../../etc/passwd"},
        {"sha256": DIGEST.upper()},
        {"sha256": DIGEST + "0"},
        {"sha256": ""},
        {"tar-bytes": "-1"},
        {"tar-bytes": "1e3"},
        {"tar-bytes": "9" * 20},
        {"tar-bytes": ""},
    ],
)
def test_metadata_that_are_none_of_ours_are_refused(change: dict[str, str]) -> None:
    with pytest.raises(WorkFailed):
        read_stamp({**metadata_of(ENTRY, ""), **change})


@pytest.mark.parametrize("who", ["%1B%5B2Jroot", "", "x" * 500])
def test_a_creator_that_plays_tricks_is_somebody(who: str) -> None:
    assert read_stamp({**metadata_of(ENTRY, ""), "created-by": who}).created_by == "somebody"
