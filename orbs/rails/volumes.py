"""Named volumes that hold dependencies: which are whole, which to start from, which to let go.

An engine can neither rename a volume nor change its labels. So a filled volume becomes *whole* by a
second one, empty, whose name is made of the key and whose label says which volume it vouches for.
Making a volume of a given name is atomic in the engine, and the first one wins. Whatever ends a run
early, also ``kill -9``, leaves a volume that nothing vouches for, and that is never used.

====================================================  ================================================
``orbyard-hoge-app-bundle-1f0c2a…-9c1e02ab`` (data)   what the installer wrote, from its first byte on
``orbyard-hoge-app-bundle-1f0c2a…`` (voucher)         made when the installer had ended well; empty
====================================================  ================================================
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orbs.rails.engine_types import LABEL_PREFIX, VolumeInfo
from orbs.rails.ownership import OWNER_LABEL, owner_is_gone, owner_value

__all__ = [
    "ROLE_LABEL",
    "VolumeSet",
    "VolumeWanted",
    "WholeVolume",
    "data_name",
    "find_whole",
    "nearest_earlier",
    "plan_removal",
    "read_volume_set",
    "slug",
]

ROLE_LABEL = f"{LABEL_PREFIX}role"
_HOLDS = f"{LABEL_PREFIX}holds"
_ABANDONED_AFTER = timedelta(hours=24)
"""A volume that nothing vouches for, of a run on another machine, is given up after this time."""


@dataclass(frozen=True, slots=True)
class VolumeWanted:
    """What a volume is to hold: an install's ``key`` in a project; ``toolchain`` is what volumes must
    have in common for one to be a start for the other.
    """

    project: str
    installer: str
    key: str
    toolchain: str

    @property
    def voucher_name(self) -> str:
        """The name of the volume that vouches for the whole one."""
        return f"orbyard-{slug(self.project)}-{slug(self.installer)}-{self.key[:16]}"

    def data_labels(self) -> dict[str, str]:
        """Labels of the volume that is filled."""
        return {**self._labels(), ROLE_LABEL: "data", OWNER_LABEL: owner_value()}

    def voucher_labels(self, data: str) -> dict[str, str]:
        """Labels of the volume that vouches for ``data``."""
        return {**self._labels(), ROLE_LABEL: "voucher", _HOLDS: data}

    def _labels(self) -> dict[str, str]:
        return {
            f"{LABEL_PREFIX}project": self.project,
            f"{LABEL_PREFIX}installer": self.installer,
            f"{LABEL_PREFIX}key": self.key,
            f"{LABEL_PREFIX}toolchain": self.toolchain,
        }


@dataclass(frozen=True, slots=True)
class WholeVolume:
    """A volume with everything in it, and the one that vouches for it."""

    wanted: VolumeWanted
    data: str
    voucher: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class VolumeSet:
    """The volumes of Orbyard in an engine.

    Attributes:
        whole: those that may be used.
        unvouched: being filled, or left behind.
        dangling: vouchers whose data volume is gone.
    """

    whole: tuple[WholeVolume, ...] = ()
    unvouched: tuple[VolumeInfo, ...] = ()
    dangling: tuple[VolumeInfo, ...] = ()


def slug(text: str) -> str:
    """Return ``text`` as a part of a volume's or image's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:40] or "app"


def data_name(wanted: VolumeWanted) -> str:
    """Return a new name for a volume to fill."""
    return f"{wanted.voucher_name}-{secrets.token_hex(4)}"


def read_volume_set(volumes: Iterable[VolumeInfo]) -> VolumeSet:
    """Sort the volumes that carry :data:`ROLE_LABEL`."""
    data = {v.name: v for v in volumes if v.labels.get(ROLE_LABEL) == "data"}
    vouchers = [v for v in volumes if v.labels.get(ROLE_LABEL) == "voucher"]
    whole = [_whole(v) for v in vouchers if v.labels.get(_HOLDS) in data]
    held = {volume.data for volume in whole}
    return VolumeSet(
        whole=tuple(whole),
        unvouched=tuple(volume for name, volume in data.items() if name not in held),
        dangling=tuple(v for v in vouchers if v.labels.get(_HOLDS) not in data),
    )


def _whole(voucher: VolumeInfo) -> WholeVolume:
    def label(name: str) -> str:
        return voucher.labels.get(f"{LABEL_PREFIX}{name}", "")

    wanted = VolumeWanted(label("project"), label("installer"), label("key"), label("toolchain"))
    return WholeVolume(wanted, label("holds"), voucher.name, _moment(voucher.created_at))


def _moment(text: str) -> datetime:
    """Read RFC 3339; the engine gives seconds or nanoseconds, and ``Z`` or an offset."""
    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)\Z", text)
    if not match:
        return datetime.fromtimestamp(0, UTC)
    return datetime.fromisoformat(match[1] + match[2].replace("Z", "+00:00"))


def find_whole(volumes: VolumeSet, wanted: VolumeWanted) -> WholeVolume | None:
    """Return the volume that holds exactly this, or None."""
    for volume in volumes.whole:
        if volume.voucher == wanted.voucher_name and volume.wanted.key == wanted.key:
            return volume
    return None


def nearest_earlier(
    volumes: VolumeSet, wanted: VolumeWanted, last_used: Callable[[WholeVolume], datetime]
) -> WholeVolume | None:
    """Return the volume to start from: the same project, installer and toolchain, used last."""
    alike = [
        volume
        for volume in volumes.whole
        if (volume.wanted.project, volume.wanted.installer, volume.wanted.toolchain)
        == (wanted.project, wanted.installer, wanted.toolchain)
    ]
    return max(alike, key=lambda volume: (last_used(volume), volume.voucher), default=None)


def plan_removal(
    volumes: VolumeSet,
    *,
    keep: int,
    project: str,
    last_used: Callable[[WholeVolume], datetime],
    now: datetime,
    gone: Callable[[str], bool] = owner_is_gone,
) -> tuple[str, ...]:
    """Return the names of the volumes to remove, in the order to do it in.

    These are, of the project, all but the ``keep`` whole ones of each installer that were used last;
    and of every project, what killed runs left behind. A voucher goes before what it vouches for.
    """
    names = [voucher.name for voucher in volumes.dangling]
    names += [volume.name for volume in volumes.unvouched if _abandoned(volume, now, gone)]
    groups: dict[str, list[WholeVolume]] = {}
    for volume in volumes.whole:
        if volume.wanted.project == project:
            groups.setdefault(volume.wanted.installer, []).append(volume)
    for group in groups.values():
        newest_first = sorted(group, key=lambda v: (last_used(v), v.voucher), reverse=True)
        for volume in newest_first[max(keep, 1) :]:
            names += [volume.voucher, volume.data]
    return tuple(names)


def _abandoned(volume: VolumeInfo, now: datetime, gone: Callable[[str], bool]) -> bool:
    owner = volume.labels.get(OWNER_LABEL, "")
    return gone(owner) or now - _moment(volume.created_at) > _ABANDONED_AFTER
