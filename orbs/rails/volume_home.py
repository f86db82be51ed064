"""Dependencies in named volumes: found by key, filled from the nearest earlier one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orbs.rails.engine import Engine
from orbs.rails.engine_types import Mount
from orbs.rails.install_run import InstallContext, run_install
from orbs.rails.install_script import EARLIER
from orbs.rails.model import DependencyHome, Installer
from orbs.rails.ownership import OWNER_LABEL, exclusive, owner_is_gone
from orbs.rails.small_files import SmallFile
from orbs.rails.volumes import (
    ROLE_LABEL,
    VolumeSet,
    VolumeWanted,
    WholeVolume,
    data_name,
    find_whole,
    nearest_earlier,
    plan_removal,
    read_volume_set,
)

__all__ = ["VolumeHome", "VolumeUse", "list_volume_set", "remove_old_volumes", "remove_orphans"]


class VolumeUse:
    """When volumes were last used here: an empty file each, whose time tells.

    A volume's own labels cannot be changed. Without the file, its time of making stands in.
    """

    def __init__(self, state: Path) -> None:
        self._folder = state / "used"

    def touch(self, voucher: str) -> None:
        """Note that the volume is used now."""
        self._folder.mkdir(exist_ok=True)
        path = self._folder / voucher
        path.touch()
        os.utime(path)

    def last_used(self, volume: WholeVolume) -> datetime:
        """Return when the volume was last used."""
        try:
            seconds = (self._folder / volume.voucher).stat().st_mtime
        except OSError:
            return volume.created_at
        return max(volume.created_at, datetime.fromtimestamp(seconds, UTC))

    def forget(self, voucher: str) -> None:
        """Drop the note of a volume that is gone."""
        (self._folder / voucher).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class VolumeHome:
    """A home in a volume.

    Attributes:
        installer: what fills it.
        files: its lockfile and manifests as they were when the key was made.
        wanted: what the volume is to hold.
        use: when volumes were last used.
        look: returns the volumes as they are now.
    """

    installer: Installer
    files: tuple[SmallFile, ...]
    wanted: VolumeWanted
    use: VolumeUse
    look: Callable[[], VolumeSet]

    def find(self, volumes: VolumeSet) -> DependencyHome | None:
        """Return the whole volume of this key among those."""
        found = find_whole(volumes, self.wanted)
        if found is None:
            return None
        self.use.touch(found.voucher)
        return self._home(found.data, reused=True)

    def fill(self, context: InstallContext) -> DependencyHome:
        """Install into a new volume and make it whole; one that is made meanwhile elsewhere is used.

        Raises:
            WorkFailed: the install failed; its volume is removed.
        """
        console, name = context.console, self.installer.name

        def waiting() -> None:
            console.info(f"{name}: another run is installing the same; waiting for it")

        lock = exclusive(
            context.state, self.wanted.voucher_name, on_wait=waiting, cancel=context.cancel
        )
        with lock:
            volumes = self.look()
            found = None if context.no_cache else self.find(volumes)
            return found or self._fill(context, volumes)

    def _fill(self, context: InstallContext, volumes: VolumeSet) -> DependencyHome:
        engine, wanted = context.engine, self.wanted
        start = None if context.no_cache else nearest_earlier(volumes, wanted, self.use.last_used)
        if start is not None:
            context.console.info(f"{self.installer.name}: starting from an earlier volume")
        data = engine.create_volume(data_name(wanted), wanted.data_labels()).name
        try:
            run_install(
                context,
                self.installer,
                self.files,
                home=Mount(data, context.target(self.installer)),
                earlier=Mount(start.data, EARLIER, read_only=True) if start else None,
                owner=context.image.user,
            )
            kept = self._vouch(context, data)
        except BaseException:
            engine.remove_volume(data)
            raise
        if kept != data:
            engine.remove_volume(data)
        self.use.touch(wanted.voucher_name)
        return self._home(kept, reused=False)

    def _vouch(self, context: InstallContext, data: str) -> str:
        """Make the volume whole; returns the one that is, which may be another run's."""
        engine, wanted = context.engine, self.wanted
        if context.no_cache:
            replaced = find_whole(self.look(), wanted)
            engine.remove_volume(wanted.voucher_name)
            if replaced:
                engine.remove_volume(replaced.data)
        engine.create_volume(wanted.voucher_name, wanted.voucher_labels(data))
        made = find_whole(self.look(), wanted)
        return made.data if made else data

    def _home(self, data: str, *, reused: bool) -> DependencyHome:
        return DependencyHome(self.installer, self.wanted.key, data, None, reused)


def list_volume_set(engine: Engine) -> VolumeSet:
    """Return the volumes of Orbyard in the engine."""
    return read_volume_set(engine.list_volumes(ROLE_LABEL))


def remove_old_volumes(engine: Engine, *, project: str, keep: int, use: VolumeUse) -> int:
    """Remove what :func:`plan_removal` says; one that a container uses stays. Returns how many."""
    names = plan_removal(
        list_volume_set(engine),
        keep=keep,
        project=project,
        last_used=use.last_used,
        now=datetime.fromtimestamp(time.time(), UTC),
    )
    removed = [name for name in names if engine.remove_volume(name)]
    for name in removed:
        use.forget(name)
    return len(removed)


def remove_orphans(engine: Engine) -> int:
    """Remove the containers of runs of this machine that were killed. Returns how many."""
    orphans = [
        container
        for container, labels in engine.list_containers(OWNER_LABEL)
        if owner_is_gone(labels.get(OWNER_LABEL, ""))
    ]
    for container in orphans:
        engine.remove_container(container)
    return len(orphans)
