from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from orbs.rails.engine_types import VolumeInfo
from orbs.rails.volumes import (
    VolumeWanted,
    data_name,
    find_whole,
    nearest_earlier,
    plan_removal,
    read_volume_set,
    slug,
)

NOW = datetime(2026, 1, 10, tzinfo=UTC)
WANTED = VolumeWanted("Hoge App", "bundle", "a" * 64, "tools")


def made(hours_ago: float) -> str:
    return (NOW - timedelta(hours=hours_ago)).isoformat()


def volumes(wanted: VolumeWanted, hours_ago: float = 1, *, whole: bool = True) -> list[VolumeInfo]:
    name = data_name(wanted)
    found = [VolumeInfo(name, wanted.data_labels(), made(hours_ago))]
    if whole:
        found.append(VolumeInfo(wanted.voucher_name, wanted.voucher_labels(name), made(hours_ago)))
    return found


def key(letter: str, **more: str) -> VolumeWanted:
    return replace(WANTED, key=letter * 64, **more)


def by_creation(volume):
    return volume.created_at


def test_names_say_project_installer_and_key():
    assert WANTED.voucher_name == "orbyard-hoge-app-bundle-aaaaaaaaaaaaaaaa"
    assert data_name(WANTED).startswith(WANTED.voucher_name + "-")
    assert data_name(WANTED) != data_name(WANTED)
    assert slug("_Ü_") == "app"


def test_a_volume_that_is_vouched_for_is_found():
    there = volumes(WANTED)
    found = find_whole(read_volume_set(there), WANTED)
    assert found is not None
    assert found.data == there[0].name


def test_a_volume_that_nothing_vouches_for_is_never_used():
    there = read_volume_set(volumes(WANTED, whole=False))
    assert find_whole(there, WANTED) is None
    assert nearest_earlier(there, WANTED, by_creation) is None


def test_a_voucher_without_its_volume_is_worth_nothing():
    there = read_volume_set(volumes(WANTED)[1:])
    assert find_whole(there, WANTED) is None
    assert [volume.name for volume in there.dangling] == [WANTED.voucher_name]


def test_the_nearest_earlier_volume_is_the_one_used_last_of_the_same_toolchain():
    there = read_volume_set(
        [
            *volumes(key("b"), 5),
            *volumes(key("c"), 2),
            *volumes(key("d", toolchain="other"), 1),
            *volumes(key("e", installer="yarn"), 1),
            *volumes(key("f", project="else"), 1),
            *volumes(key("0"), 0, whole=False),
        ]
    )
    found = nearest_earlier(there, WANTED, by_creation)
    assert found is not None
    assert found.wanted.key == "c" * 64
    used = nearest_earlier(there, WANTED, lambda v: NOW if v.wanted.key[0] == "b" else v.created_at)
    assert used is not None
    assert used.wanted.key == "b" * 64


def removal(there, keep=2, gone=lambda _: False):
    return plan_removal(
        read_volume_set(there),
        keep=keep,
        project=WANTED.project,
        last_used=by_creation,
        now=NOW,
        gone=gone,
    )


def test_only_the_last_used_volumes_of_each_installer_are_kept():
    old, new, newest = volumes(key("b"), 9), volumes(key("c"), 5), volumes(key("d"), 1)
    yarn = volumes(key("e", installer="yarn"), 99)
    other = volumes(key("f", project="else"), 99)
    names = removal([*old, *new, *newest, *yarn, *other])
    assert names == (old[1].name, old[0].name)


def test_the_volume_just_made_stays_even_when_none_is_to_be_kept():
    there = volumes(WANTED)
    assert removal(there, keep=0) == ()


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_fills_is_not():
    there = volumes(WANTED, whole=False)
    assert removal(there, gone=lambda _: True) == (there[0].name,)
    assert removal(there, gone=lambda _: False) == ()


def test_what_a_run_elsewhere_left_is_removed_after_a_day():
    there = volumes(WANTED, hours_ago=25, whole=False)
    assert removal(there) == (there[0].name,)


def test_times_of_every_engine_are_read():
    texts = ("2026-01-10T00:00:00Z", "2026-01-10T00:00:00.123456789Z", "2026-01-10T01:00:00+01:00")
    for text in texts:
        there = [replace(volume, created_at=text) for volume in volumes(WANTED)]
        assert read_volume_set(there).whole[0].created_at == NOW
