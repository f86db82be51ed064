"""Installing the dependencies: what is there is found, the rest installed side by side."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Literal

from orbs.rails.builder import BuilderPlan
from orbs.rails.engine import Engine
from orbs.rails.folder_home import FolderHome, shares_files
from orbs.rails.identity import install_key
from orbs.rails.install_run import InstallContext, read_ca_bundle, read_secrets
from orbs.rails.installers import find_installers, installer_files, installs_environment
from orbs.rails.model import BuilderImage, DependencyHome, Installer
from orbs.rails.ownership import state_folder
from orbs.rails.settings import DependenciesSettings
from orbs.rails.volume_home import (
    VolumeHome,
    VolumeUse,
    list_volume_set,
    remove_old_volumes,
    remove_orphans,
)
from orbs.rails.volumes import VolumeWanted
from pipeline.command import Run
from pipeline.errors import Interrupted, Unavailable
from pipeline.output import Console, format_duration

__all__ = ["choose_home", "install_context", "install_dependencies"]


def choose_home(setting: str, environ: Mapping[str, str]) -> Literal["volumes", "folders"]:
    """Return where dependencies are kept: ``auto`` is folders where ``CI`` is set to true."""
    if setting == "volumes":
        return "volumes"
    if setting == "folders" or environ.get("CI", "").lower() in {"true", "1"}:
        return "folders"
    return "volumes"


def install_dependencies(
    run: Run,
    engine: Engine,
    plan: BuilderPlan,
    builder: Callable[[], BuilderImage],
    *,
    no_cache: bool = False,
) -> tuple[DependencyHome, ...]:
    """Return the home of each installer's files, filled.

    Args:
        run: settings and console.
        engine: where installs run.
        plan: what the builder image is made from.
        builder: gives the image; not called where there is nothing to install.
        no_cache: install everything anew, from nothing.

    Raises:
        InvalidInput: an installer's lockfile is missing, or its settings are wrong.
        WorkFailed: an install failed.
    """
    settings = run.settings.get(DependenciesSettings)
    installers = find_installers(run.root, settings)
    if not installers:
        run.console.detail(
            "no dependencies: no Gemfile.lock, no yarn.lock, no installer in settings"
        )
        return ()
    homes = _homes(run, engine, plan, installers, settings)
    found = {} if no_cache else _find(homes, engine)
    for name in sorted(found):
        run.console.success(f"{name}: unchanged")
    missing = [home for home in homes if home.installer.name not in found]
    if missing:
        found |= _install(run, engine, missing, builder(), settings, no_cache=no_cache)
    return tuple(found[installer.name] for installer in installers)


def _homes(
    run: Run,
    engine: Engine,
    plan: BuilderPlan,
    installers: Sequence[Installer],
    settings: DependenciesSettings,
) -> list[VolumeHome | FolderHome]:
    toolchain = plan.toolchain(installers)
    use = VolumeUse(state_folder(run.environ))
    kind = choose_home(settings.home, run.environ)
    homes: list[VolumeHome | FolderHome] = []
    for installer in installers:
        files = installer_files(run.root, installer)
        key = install_key(
            installer,
            files,
            toolchain=toolchain,
            environment=installs_environment(installer, settings),
        )
        if kind == "folders":
            folder = (run.root / installer.path).resolve()
            homes.append(FolderHome(installer, files, key, folder, shares_files))
        else:
            wanted = VolumeWanted(plan.project, installer.name, key, toolchain)
            homes.append(
                VolumeHome(installer, files, wanted, use, partial(list_volume_set, engine))
            )
    return homes


def _find(homes: Sequence[VolumeHome | FolderHome], engine: Engine) -> dict[str, DependencyHome]:
    volumes = None
    found: dict[str, DependencyHome] = {}
    for home in homes:
        if isinstance(home, FolderHome):
            there = home.find()
        else:
            volumes = volumes or list_volume_set(engine)
            there = home.find(volumes)
        if there is not None:
            found[home.installer.name] = there
    return found


def _install(
    run: Run,
    engine: Engine,
    homes: Sequence[VolumeHome | FolderHome],
    builder: BuilderImage,
    settings: DependenciesSettings,
    *,
    no_cache: bool,
) -> dict[str, DependencyHome]:
    context = install_context(run, engine, builder, no_cache=no_cache)
    remove_orphans(engine)
    names = ", ".join(home.installer.name for home in homes)
    with run.console.phase(f"Install dependencies: {names}"):
        filled = _side_by_side(homes, context)
        if any(isinstance(home, VolumeHome) for home in homes):
            use = VolumeUse(context.state)
            remove_old_volumes(engine, project=context.project, keep=settings.keep, use=use)
    return {home.installer.name: home for home in filled}


def install_context(
    run: Run,
    engine: Engine,
    builder: BuilderImage,
    *,
    no_cache: bool = False,
) -> InstallContext:
    """Return what the installs of a run have in common.

    Raises:
        InvalidInput: the file of ``dependencies.ca_bundle`` is missing or holds no certificate.
    """
    settings = run.settings.get(DependenciesSettings)
    image = engine.inspect_image(builder.image_id)
    if image is None:
        raise Unavailable("the builder image was removed from the engine while it was in use")
    return InstallContext(
        engine=engine,
        image=image,
        root=run.root,
        project=run.root.name,
        state=state_folder(run.environ),
        settings=settings,
        secrets=read_secrets(settings, run.environ, run.console),
        ca_bundle=read_ca_bundle(run.root, settings),
        console=run.console,
        cancel=threading.Event(),
        no_cache=no_cache,
    )


def _side_by_side(
    homes: Sequence[VolumeHome | FolderHome], context: InstallContext
) -> list[DependencyHome]:
    """Fill all homes at once; when one fails, the others are stopped, and its error is raised."""
    with ThreadPoolExecutor(max_workers=len(homes)) as pool:
        futures = [pool.submit(_fill, home, context) for home in homes]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
            if any(future.done() and future.exception() for future in futures):
                context.cancel.set()
        except BaseException:
            context.cancel.set()
            raise
    raise_first(futures)
    return [future.result() for future in futures]


def raise_first(futures: Sequence[Future[DependencyHome]]) -> None:
    """Raise the error that came of itself, before those of installs that were stopped for it."""
    errors = [error for future in futures if (error := future.exception())]
    errors.sort(key=lambda error: isinstance(error, Interrupted))
    if errors:
        raise errors[0]


def _fill(home: VolumeHome | FolderHome, context: InstallContext) -> DependencyHome:
    started = time.monotonic()
    name, console = home.installer.name, context.console
    try:
        filled = home.fill(context)
    except Interrupted:
        console.failure(f"{name}: stopped")
        raise
    except Exception:
        console.failure(f"{name}: failed after {_since(started)}")
        raise
    _report(filled, console, started)
    return filled


def _report(home: DependencyHome, console: Console, started: float) -> None:
    where = (
        f"volume {home.volume}" if home.volume else f"folder {os.path.relpath(str(home.folder))}"
    )
    verb = "made by another run" if home.reused else f"installed in {_since(started)}"
    console.success(f"{home.installer.name}: {verb} ({where})")


def _since(started: float) -> str:
    return format_duration(time.monotonic() - started)
